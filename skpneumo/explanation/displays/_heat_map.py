"""Plot heat maps over the images they explain, with methods side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._image_drawing import black_and_white
from skpneumo._plotting import axes_for, divide, figure_of, plain
from skpneumo._typing import ArrayLike
from skpneumo.explanation._methods import maps_by
from skpneumo.explanation._source_images import SourceImage, source_images
from skpneumo.explanation.displays._captions import subject_of
from skpneumo.explanation.displays._overlay import common_limit, draw_colour_bar, draw_overlay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HeatMapDisplay", "by_patch"]

# Side of the patches over which maps of single pixels are summed, as a share of the image's: that
# of `occlusion_map`. Only sums over equal areas can share a scale.
_PATCH = 0.2

_BAR = 0.05  # height of a colour bar, in heights of an image

# In inches: the width of an image, the height of its caption, and that of the colour bar's text.
_WIDTH, _CAPTION, _SCALE = 2.6, 0.5, 0.45


class HeatMapDisplay:
    """Plot of images and their heat maps, one column per method.

    Images are plotted at their own resolution and proportions, and maps at their place on them,
    even if images were padded or cropped. Evidence for the class is orange, evidence against
    it blue; areas without evidence are clear. All maps share one scale, in log odds if the methods
    are given by name, so that weak evidence looks weak. For this, integrated gradients, which are
    values of single pixels, are summed over the patch that occlusion hides, a fifth of a side.
    Create it with :meth:`from_estimator`.

    Parameters
    ----------
    sources : list of SourceImage
        The images.
    maps : mapping of str to ndarray of shape (n_images, height, width)
        Heat maps by the name of the method.
    captions : list of list of str
        Lines above each image.
    target_name : str
        The class that the maps explain.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_images, 1 + n_methods)
        Axes of the images, images in the first column.
    bar_ : Colorbar
        The scale.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import HeatMapDisplay
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> display = HeatMapDisplay.from_estimator(
    ...     pipe, xrays.filenames[:2], xrays.target[:2], target_names=xrays.target_names)
    >>> [ax.get_title() for ax in display.axes_[0, 1:]]
    ['hires_cam', 'occlusion']
    """

    def __init__(
        self,
        sources: list[SourceImage],
        maps: Mapping[str, NDArray[Any]],
        captions: list[list[str]],
        target_name: str,
    ) -> None:
        self.sources = sources
        self.maps = dict(maps)
        self.captions = captions
        self.target_name = target_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        methods: str | Sequence[str] | Mapping[str, NDArray[Any]] = ("hires_cam", "occlusion"),
        target: Any = None,
        target_names: Sequence[str] | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Explain some images and plot the maps.

        Parameters
        ----------
        estimator : fitted classifier with ``predict_proba``
            A pipeline from paths or images.
        X : array-like of length n_images
            A few paths, whose files are plotted at their own resolution, or images.
        y : array-like of shape (n_images,), default=None
            True labels.
        methods : str, sequence of str, or mapping, default=("hires_cam", "occlusion")
            Names of methods: "hires_cam", "grad_cam", "grad_cam++", "integrated_gradients",
            "occlusion", "lime". Or maps that have been computed already, by name.
        target : label, default=None
            The class to plot the evidence for; by default the positive one of two.
        target_names : sequence of str, default=None
            Names of the classes, in the order of ``classes_``.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : HeatMapDisplay

        Raises
        ------
        ValueError
            If there is no such method or class, a method cannot explain the classifier, or the
            number of maps or labels is not that of the images.
        """
        subject, target = subject_of(estimator, X, y, target, target_names)
        if isinstance(methods, Mapping):
            maps = {name: np.asarray(given) for name, given in methods.items()}
            for name, given in maps.items():
                if given.ndim != 3 or len(given) != len(subject.probability):
                    raise ValueError(
                        f"The maps {name!r} have shape {given.shape}. Pass an array of shape "
                        f"({len(subject.probability)}, height, width), with one map for each "
                        "image."
                    )
        else:
            names = [methods] if isinstance(methods, str) else methods
            maps = {name: by_patch(name, maps_by(name, estimator, X, target)) for name in names}
        if not maps:
            raise ValueError(f"methods={methods!r} would plot no map. Name one or more methods.")
        sources = source_images(estimator, X)
        captions = [subject.lines(row, source.name) for row, source in enumerate(sources)]
        return cls(sources, maps, captions, subject.name).plot(ax=ax)

    @property
    def figure_size(self) -> tuple[float, float]:
        """Width and height in inches of a figure that fits the images."""
        tallest = max(
            height / width for height, width, _ in (source.pixels.shape for source in self.sources)
        )
        height = len(self.sources) * (_WIDTH * tallest + _CAPTION) + _SCALE
        return _WIDTH * (1 + len(self.maps)), height

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the images and maps.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : HeatMapDisplay
        """
        n_rows, n_columns = len(self.sources), 1 + len(self.maps)
        ax = axes_for(ax, figsize=self.figure_size)
        heights = [1.0] * n_rows + [_BAR]
        self.axes_ = divide(ax, n_rows + 1, n_columns, height_ratios=heights)
        self.axes_, bars = self.axes_[:-1], self.axes_[-1]
        grey = black_and_white(source.pixels for source in self.sources)
        for row, source in enumerate(self.sources):
            draw_overlay(self.axes_[row, 0], source, grey, None, 1.0, self.captions[row])
        for unused in (*bars[:1], *bars[2:]):
            unused.set_axis_off()
        limit = common_limit(np.concatenate([maps.ravel() for maps in self.maps.values()]))
        for column, (method, maps) in enumerate(self.maps.items(), start=1):
            for row, source in enumerate(self.sources):
                title = [method] if row == 0 else []
                panel = self.axes_[row, column]
                drawn = draw_overlay(panel, source, grey, maps[row], limit, title)
        self.bar_ = draw_colour_bar(
            drawn, f"evidence for {plain(self.target_name)}", cax=bars[1], orientation="horizontal"
        )
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self


def by_patch(method: str, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum the evidence over the patch around each pixel, if a method maps single pixels."""
    if method != "integrated_gradients":
        return maps
    from scipy.ndimage import uniform_filter

    sides = [max(1, round(_PATCH * side)) for side in maps.shape[1:]]
    mean: NDArray[np.float32] = uniform_filter(maps, size=(0, *sides), mode="constant")
    return mean * np.float32(np.prod(sides))
