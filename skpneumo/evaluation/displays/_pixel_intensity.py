"""Plot the grey levels of each class of a collection."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from skpneumo._loader_of import resized
from skpneumo._paths import filenames_of
from skpneumo._plotting import (
    CYCLE,
    LINE_STYLES,
    axes_for,
    figure_of,
    legend_below,
    plain,
    require_some,
    tidy,
)
from skpneumo._predictions import check_labels
from skpneumo._typing import ArrayLike
from skpneumo.loading import ImageLoader

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PixelIntensityDisplay"]

_SIDE = 128


class PixelIntensityDisplay:
    """Mean histogram of the grey levels of each class, with the range of most images.

    Classes that differ in exposure can be recognised without looking at the lungs. Create it with
    :meth:`from_images`.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins of grey levels.
    histograms : mapping of str to ndarray of shape (n_images, n_bins)
        Share of the pixels in each bin, for each image of each class.

    Attributes
    ----------
    lines_ : list of Line2D
        Mean of each class.
    bands_ : list of PolyCollection
        Range from the 10th to the 90th percentile of the images of each class.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.evaluation import PixelIntensityDisplay
    >>> X = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    >>> display = PixelIntensityDisplay.from_images(X, ["NORMAL", "NORMAL", "TB", "TB"])
    >>> sorted(display.histograms)
    ['NORMAL', 'TB']
    """

    def __init__(
        self, edges: NDArray[np.float64], histograms: Mapping[str, NDArray[np.float64]]
    ) -> None:
        self.edges = edges
        self.histograms = histograms

    @classmethod
    def from_images(
        cls,
        X: Any,
        y: ArrayLike | None = None,
        *,
        n_bins: int = 64,
        n_jobs: int | None = None,
        loader: ImageLoader | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Compute and plot the histograms.

        Parameters
        ----------
        X : array-like of length n_images
            Paths, or uint8 images of shape (n_images, height, width, channels).
        y : array-like of shape (n_images,), default=None
            Class (or any other name) of each image; each has one line.
        n_bins : int, default=64
            Number of bins between black and white.
        n_jobs : int, default=None
            Number of threads that read files.
        loader : ImageLoader, default=None
            Says what the values of files mean, by its ``dicom_window`` and ``white``, such as
            ``ImageLoader(white=4095)``; its size does not matter. By default as ``ImageLoader()``.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : PixelIntensityDisplay

        Raises
        ------
        ValueError
            If ``X`` is neither paths nor uint8 images.
        """
        require_some(n_bins, "n_bins")
        reader = resized(loader, _SIDE, n_jobs=n_jobs)
        if not len(X):
            raise ValueError("X is empty. Pass at least one image to plot.")
        paths = None if getattr(X, "ndim", 1) == 4 else filenames_of(X)
        if paths is not None:
            # Stretched, because padding would add black pixels that are not in the image.
            X = reader.transform(paths)
        images = np.asarray(X)
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError(
                f"Expected paths or uint8 images of shape (n_images, height, width, channels), "
                f"got {images.dtype} of shape {images.shape}."
            )
        labels: NDArray[Any]
        labels = np.full(len(images), "images") if y is None else check_labels(y)
        check_consistent_length(images, labels)
        edges = np.linspace(0, 256, n_bins + 1)
        shares = np.array([np.histogram(image, edges)[0] / image.size for image in images])
        return cls(
            edges, {str(label): shares[labels == label] for label in np.unique(labels)}
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : PixelIntensityDisplay
        """
        ax = axes_for(ax)
        centres = (self.edges[:-1] + self.edges[1:]) / 2
        self.lines_, self.bands_ = [], []
        for i, (name, shares) in enumerate(self.histograms.items()):
            color = CYCLE[i % len(CYCLE)]
            low, high = np.percentile(shares, [10, 90], axis=0)
            self.bands_.append(
                ax.fill_between(centres, 100 * low, 100 * high, color=color, alpha=0.18, lw=0)
            )
            (line,) = ax.plot(
                centres,
                100 * shares.mean(axis=0),
                color=color,
                linestyle=LINE_STYLES[i % len(LINE_STYLES)],
                label=f"{plain(name)} ({len(shares):,} images)",
            )
            self.lines_.append(line)
        ax.set(
            xlabel="grey level (0 black, 255 white)",
            ylabel="share of pixels (%)",
            xlim=(0, 255),
            title="Pixel intensities: mean, and range of the middle 80 % of images",
        )
        ax.title.set_fontsize(10)
        ax.set_ylim(bottom=0)
        tidy(ax)
        legend_below(ax)
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self
