"""Plot the feature maps of the layers of a network for one image."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._image_drawing import black_and_white, draw_image
from skpneumo._plotting import GREY, axes_for, divide, figure_of, require_some, shortened
from skpneumo.explanation._source_images import SourceImage, source_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ActivationMapsDisplay"]

_LETTERS = 8  # points
_LONGEST = 24  # letters of a file name that two lines above the image have room for


class ActivationMapsDisplay:
    """Plot of the most active feature maps of some layers, one row per layer.

    The maps of a layer share one scale, from black for the lowest value to yellow for the highest.
    Create it with :meth:`from_estimator`.

    Parameters
    ----------
    source : SourceImage
        The image.
    maps : mapping of str to ndarray of shape (map_height, map_width, n_maps)
        The feature maps of each layer.
    n_maps : int, default=8
        Number of maps of each layer to plot: those with the greatest means, in order.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_layers, 1 + n_maps)
        Axes of the maps, with the image in the first column of the first row.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import ActivationMapsDisplay
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> display = ActivationMapsDisplay.from_estimator(pipe, xrays.filenames[:1])
    >>> list(display.maps)
    ['block1_conv1_activation', 'block2_conv1_activation']
    """

    def __init__(
        self, source: SourceImage, maps: Mapping[str, NDArray[Any]], n_maps: int = 8
    ) -> None:
        self.source = source
        self.maps = dict(maps)
        self.n_maps = n_maps

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        layers: str | Sequence[str] | None = None,
        *,
        n_maps: int = 8,
        ax: "Axes | None" = None,
    ) -> Self:
        """Compute the feature maps of one image and plot them.

        Parameters
        ----------
        estimator : fitted classifier
            As for :func:`activation_maps`.
        X : array-like of length 1
            One path or image.
        layers : str or sequence of str, default=None
            Names of layers, as for :func:`activation_maps`.
        n_maps : int, default=8
            Number of maps of each layer to plot.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : ActivationMapsDisplay

        Raises
        ------
        ValueError
            If ``X`` is not one image, or there is no such layer.
        """
        from skpneumo.explanation._activations import activation_maps

        if np.ndim(X) and len(X) != 1:
            raise ValueError(f"Expected one image, got {len(X)}. Pass X[:1].")
        maps = {name: each[0] for name, each in activation_maps(estimator, X, layers).items()}
        (source,) = source_images(estimator, X)
        return cls(source, maps, n_maps).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the maps.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : ActivationMapsDisplay
        """
        require_some(self.n_maps, "n_maps")
        n_columns = 1 + min(self.n_maps, max(maps.shape[-1] for maps in self.maps.values()))
        # Small panels, so that the letters are still legible where a page scales the figure down.
        ax = axes_for(ax, figsize=(1.15 * n_columns, 1.6 * len(self.maps) + 0.2))
        self.axes_ = divide(ax, len(self.maps), n_columns)
        for panel in self.axes_.ravel():
            panel.set_axis_off()
        pixels = self.source.pixels
        limits = black_and_white([pixels])
        draw_image(self.axes_[0, 0], pixels, limits, _in_two_lines(self.source.name))
        self.axes_[0, 0].title.set_fontsize(_LETTERS)
        for panels, (layer, maps) in zip(self.axes_, self.maps.items(), strict=True):
            self._plot_layer(panels, layer, maps)
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self

    def _plot_layer(self, panels: NDArray[np.object_], layer: str, maps: NDArray[Any]) -> None:
        height, width, n_all = maps.shape
        strongest = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[: len(panels) - 1]
        for panel, channel in zip(panels[1:], strongest, strict=False):
            panel.imshow(
                maps[..., channel], cmap="inferno", vmin=maps.min(), vmax=max(maps.max(), 1e-9)
            )
            # The empty lines leave room for the name of the layer.
            panel.set_title(f"\n\nmap {channel}", fontsize=_LETTERS, color=GREY, pad=2)
        name = panels[1].annotate(
            f"{layer}: {len(strongest)} of {n_all} maps, {height} × {width}",
            (0, 1),
            xytext=(0, 14),  # above the names of the maps
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=9,
        )
        name.set_in_layout(False)  # the layout would widen the panel


def _in_two_lines(name: str) -> list[str]:
    """Break a file name near its middle, where one of its words begins."""
    short = shortened(name, _LONGEST)
    breaks = [found.end() for found in re.finditer(r"[_\-. ]", short)]
    middle = min(breaks, key=lambda at: abs(at - len(short) / 2), default=len(short))
    return [line for line in (short[:middle], short[middle:]) if line]
