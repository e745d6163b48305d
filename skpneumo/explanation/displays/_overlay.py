"""Draw a heat map over an image: orange for the class, blue against it."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._image_drawing import draw_image
from skpneumo._plotting import NEGATIVE, POSITIVE, figure_of
from skpneumo.explanation._source_images import SourceImage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage

__all__ = ["common_limit", "draw_colour_bar", "draw_overlay"]

_HIGHEST_OPACITY = 0.75  # opacity of the strongest evidence
_PERCENTILE = 99.5


def common_limit(maps: NDArray[Any]) -> float:
    """Compute the evidence that gets the strongest colour, the same for all maps of a method.

    With its own scale, a map of noise would look like one of evidence.
    """
    limit = float(np.percentile(np.abs(maps), _PERCENTILE)) if maps.size else 0.0
    return limit or 1.0


def draw_overlay(
    ax: "Axes",
    source: SourceImage,
    grey: tuple[float, float],
    heat: NDArray[Any] | None,
    limit: float,
    lines: list[str],
) -> "AxesImage":
    """Draw an image with its caption, and a map over it if there is one.

    The values of black and white are ``grey``, and the strongest colour is that of ``limit``.
    """
    drawn = draw_image(ax, source.pixels, grey, lines)
    ax.set_anchor("N")  # aligns the captions of a row
    if heat is None:
        return drawn
    view = ax.get_xlim(), ax.get_ylim()
    drawn = ax.imshow(
        heat,
        cmap=_colours(),
        vmin=-limit,
        vmax=limit,
        extent=source.place,
        interpolation="bilinear",
    )
    ax.set(xlim=view[0], ylim=view[1])
    return drawn


def draw_colour_bar(drawn: "AxesImage", label: str, **place: Any) -> Any:
    """Draw a colour bar for all maps that share a scale, with arrows for values beyond it."""
    from matplotlib.ticker import MaxNLocator

    # The ticks of small values have many digits, and more of them would overlap.
    ticks = MaxNLocator(4)
    bar = figure_of(drawn.axes).colorbar(drawn, extend="both", ticks=ticks, **place)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    assert bar.solids is not None
    bar.solids.set_rasterized(True)  # vector graphics would have seams between colours
    return bar


@cache
def _colours() -> "Colormap":
    from matplotlib.colors import ListedColormap, to_rgb

    strength = np.linspace(-1, 1, 255)
    colours = np.where(strength[:, None] < 0, to_rgb(NEGATIVE), to_rgb(POSITIVE))
    opacity = _HIGHEST_OPACITY * np.abs(strength) ** 0.7
    return ListedColormap(np.column_stack([colours, opacity]), name="evidence")
