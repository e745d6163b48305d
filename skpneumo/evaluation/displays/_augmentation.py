"""Plot augmented versions of images."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skpneumo._image_drawing import black_and_white, draw_image, images_of, names_of
from skpneumo._plotting import axes_for, divide, figure_of, require_some
from skpneumo._random import check_random_state, random_seed
from skpneumo._sklearn import _num_samples
from skpneumo._typing import ArrayLike
from skpneumo.loading import ImageLoader

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AugmentationDisplay"]


class AugmentationDisplay:
    """Plot of images and of some augmented versions beside each.

    Create it with :meth:`from_estimator`.

    Parameters
    ----------
    originals : array-like of shape (n_images, height, width, channels)
        The original images.
    versions : array-like of shape (n_images, n_versions, height, width, channels)
        Their augmented versions.
    captions : sequence of str, default=None
        Captions of the originals.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_images, 1 + n_versions)
        Axes of the images, originals in the first column.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo import ImageAugmenter
    >>> from skpneumo.evaluation import AugmentationDisplay
    >>> X = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    >>> display = AugmentationDisplay.from_estimator(ImageAugmenter(rotation=20), X)
    >>> display.axes_.shape
    (2, 6)
    """

    def __init__(
        self, originals: ArrayLike, versions: ArrayLike, captions: list[str] | None = None
    ) -> None:
        self.originals = np.asarray(originals)
        self.versions = np.asarray(versions)
        self.captions = captions

    @classmethod
    def from_estimator(
        cls,
        augmenter: Any,
        X: Any,
        *,
        n_images: int = 3,
        n_versions: int = 5,
        random_state: int = 0,
        loader: ImageLoader | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Augment the first images of a collection and plot them.

        Parameters
        ----------
        augmenter : ImageAugmenter
            The augmenter; it need not be fitted, and is not changed.
        X : array-like of length n_samples
            Paths, or images of shape (n_samples, height, width, channels), uint8.
        n_images : int, default=3
            Number of images to plot, beginning with the first.
        n_versions : int, default=5
            Number of versions of each image.
        random_state : int, default=0
            Seed of the versions.
        loader : ImageLoader, default=None
            Says what the values of files mean, by its ``dicom_window`` and ``white``, such as
            ``ImageLoader(white=4095)``; its size does not matter. By default as ``ImageLoader()``.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : AugmentationDisplay
        """
        require_some(n_images, "n_images")
        require_some(n_versions, "n_versions")
        n_samples = _num_samples(X)
        rows = np.arange(min(n_images, n_samples))
        originals = images_of(X, rows, loader)
        rng = check_random_state(random_state)
        versions = [
            augmenter.augment_images(originals, random_state=random_seed(rng))
            for _ in range(n_versions)
        ]
        return cls(originals, np.stack(versions, axis=1), names_of(X, rows)).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : AugmentationDisplay
        """
        n_images, n_versions = self.versions.shape[:2]
        ax = axes_for(ax, figsize=(1.95 * (1 + n_versions), 2.2 * n_images))
        self.axes_ = divide(ax, n_images, 1 + n_versions)
        limits = black_and_white([self.originals, self.versions])
        for i, panels in enumerate(self.axes_):
            caption = self.captions[i] if self.captions else "original"
            draw_image(panels[0], self.originals[i], limits, [caption])
            for k in range(n_versions):
                draw_image(panels[1 + k], self.versions[i, k], limits, [f"version {k + 1}"])
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self
