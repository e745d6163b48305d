"""Plot a grid of images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from skpneumo._image_drawing import black_and_white, draw_image, images_of, names_of
from skpneumo._plotting import axes_for, divide, figure_of, require_some
from skpneumo._predictions import check_labels
from skpneumo._random import check_random_state
from skpneumo._sklearn import _num_samples
from skpneumo._typing import ArrayLike
from skpneumo.loading import ImageLoader

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ImageGridDisplay"]


class ImageGridDisplay:
    """Grid of images with captions.

    Create it with :meth:`from_images`.

    Parameters
    ----------
    images : array-like of shape (n_images, height, width, channels)
        Grey or colour images. In uint8, 0 is black and 255 is white.
    captions : sequence of (sequence of str), default=None
        Lines above each image.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_rows, n_columns)
        Axes of the images; unused ones are hidden.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo import make_chest_xray
    >>> from skpneumo.evaluation import ImageGridDisplay
    >>> with TemporaryDirectory() as folder:
    ...     xrays = make_chest_xray(folder, n_patients=12, random_state=0)
    ...     labels = [xrays.target_names[k] for k in xrays.target]
    ...     display = ImageGridDisplay.from_images(xrays.filenames, labels, n_images=6)
    >>> display.axes_.shape
    (2, 3)
    """

    def __init__(self, images: ArrayLike, captions: Sequence[Sequence[str]] | None = None) -> None:
        self.images = np.asarray(images)
        self.captions = captions

    @classmethod
    def from_images(
        cls,
        X: Any,
        y: ArrayLike | None = None,
        *,
        n_images: int = 12,
        random_state: int | np.random.RandomState | None = 0,
        n_columns: int | None = None,
        loader: ImageLoader | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot a sample of a collection.

        Parameters
        ----------
        X : array-like of length n_samples
            Paths, or images of shape (n_samples, height, width, channels). Only the plotted files
            are read.
        y : array-like of shape (n_samples,), default=None
            Labels. Every class then gets an equal share of the grid.
        n_images : int, default=12
            Largest number of images to plot.
        random_state : int, RandomState instance or None, default=0
            Seed of the sample.
        n_columns : int, default=None
            Number of columns; by default the grid is as square as possible.
        loader : ImageLoader, default=None
            Says what the values of files mean, by its ``dicom_window`` and ``white``, such as
            ``ImageLoader(white=4095)``; its size does not matter. By default as ``ImageLoader()``.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : ImageGridDisplay
        """
        require_some(n_images, "n_images")
        rng = check_random_state(random_state)
        n_samples = _num_samples(X)
        labels: NDArray[Any] | None = None if y is None else check_labels(y)
        check_consistent_length(X, labels)
        rows = _sample(n_samples, labels, n_images, rng)
        captions = [[name] for name in names_of(X, rows)]
        if labels is not None:
            captions = [
                [str(labels[row]), *lines] for row, lines in zip(rows, captions, strict=True)
            ]
        return cls(images_of(X, rows, loader), captions).plot(ax=ax, n_columns=n_columns)

    def plot(self, *, ax: "Axes | None" = None, n_columns: int | None = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.
        n_columns : int, default=None
            Number of columns; by default the grid is as square as possible.

        Returns
        -------
        display : ImageGridDisplay
        """
        n = len(self.images)
        if not n:
            raise ValueError("images is empty. Pass at least one image to plot.")
        if n_columns is None:
            n_columns = int(np.ceil(np.sqrt(n)))
        require_some(n_columns, "n_columns")
        n_rows = -(-n // n_columns)
        ax = axes_for(ax, figsize=(2.1 * n_columns, 2.4 * n_rows))
        self.axes_ = divide(ax, n_rows, n_columns)
        captions = self.captions or [()] * n
        panels: list[Any] = self.axes_.ravel().tolist()
        limits = black_and_white(self.images)
        for panel, image, lines in zip(panels, self.images, captions, strict=False):
            draw_image(panel, image, limits, lines)
        for panel in panels[n:]:
            panel.set_axis_off()
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self


def _sample(
    n_samples: int, labels: NDArray[Any] | None, n_images: int, rng: np.random.RandomState
) -> NDArray[np.intp]:
    order = rng.permutation(n_samples)
    if labels is None:
        return order[:n_images]
    # Alternates between classes, so that a rare one is shown as well.
    classes, codes = np.unique(labels[order], return_inverse=True)
    turn = np.empty(n_samples, dtype=np.intp)
    for code in range(len(classes)):
        turn[codes == code] = np.arange(np.count_nonzero(codes == code))
    chosen = np.lexsort((codes, turn))[:n_images]
    return order[chosen[np.argsort(codes[chosen], kind="stable")]]
