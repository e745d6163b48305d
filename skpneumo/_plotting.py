"""The common look of all displays: colours, axes, legends and names.

The colours are Okabe and Ito's, which people with common kinds of colour blindness can
distinguish; overlapping ones also differ in line style, marker or hatching, for print in grey.
Global settings of matplotlib are not changed.
"""

from collections.abc import Sequence
from numbers import Integral
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import class_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREY = "#666666"
PALE = "#DDDDDD"

CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
NEGATIVE, POSITIVE = BLUE, VERMILLION
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "///", "...", "xxx")

_FLAT = 1e-3
"""The height of a row that is there for its title, in heights of a row of panels."""

_LETTERS_OF_A_NAME = 40
_LETTERS_ALONG_AN_AXIS = 20
_LINES_OF_A_TICK = 3

_METRIC_LABELS = {
    "f1": "F1",
    "auc": "AUC",
    "roc_auc": "ROC AUC",
    "ece": "calibration error",
    "ece_by_chance": "calibration error by chance",
}


def metric_label(metric: str) -> str:
    """Get the name of a metric for readers."""
    return _METRIC_LABELS.get(metric, metric.replace("_", " "))


def axes_for(ax: "Axes | None", figsize: tuple[float, float] = (6.4, 4.2)) -> "Axes":
    """Return the given axes, or those of a new figure in which nothing is cut off."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax


def require_some(number: Any, name: str) -> None:
    """Raise if a number of images, columns or bins to draw is not 1 or more."""
    if not isinstance(number, Integral) or number < 1:
        raise ValueError(f"{name}={number!r}: expected a whole number of at least 1.")


def divide(
    ax: "Axes",
    n_rows: int,
    n_cols: int,
    height_ratios: Sequence[float] | None = None,
    **spacing: Any,
) -> NDArray[np.object_]:
    """Fill the place of ``ax`` with a grid of axes; ``ax`` itself keeps the title only.

    It moves to a flat row above the grid. Where it was, a layout engine would put its title over
    those of the first row of panels.
    """
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "This display fills the axes with several panels, and needs axes that are part of a "
            "grid. Make them with plt.subplots or figure.add_subplot, not figure.add_axes."
        )
    figure = figure_of(ax)
    heights = [_FLAT, *(height_ratios or [1] * n_rows)]
    grid = place.subgridspec(1 + n_rows, n_cols, height_ratios=heights, **spacing)
    ax.set_axis_off()
    ax.set_subplotspec(grid[0, :])
    return np.array(
        [[figure.add_subplot(grid[i, j]) for j in range(n_cols)] for i in range(1, 1 + n_rows)],
        dtype=object,
    )


def figure_of(ax: "Axes") -> "Figure":
    """Get the figure of axes, not a sub-figure."""
    return ax.get_figure(root=True)  # type: ignore[return-value]


def legend_below(ax: "Axes", **options: Any) -> None:
    """Put the legend below the axes, because inside it would cover curves."""
    usual: dict[str, Any] = {
        "frameon": False,
        "loc": "upper center",
        "bbox_to_anchor": (0.5, 0),
        "borderaxespad": 4,  # font sizes, below the ticks and the axis label at any height
    }
    ax.legend(**usual | options)


def tidy(ax: "Axes", grid: Literal["x", "y"] = "y") -> None:
    """Remove spines and add a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def whole_numbers(axis: "Axis") -> None:
    """Place ticks at integers only, for counts."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def recall_of(pos_label: Any) -> str:
    """Name recall with its class, for an axis or a legend.

    Parameters
    ----------
    pos_label : label or None
        The positive class; None if unknown.

    Returns
    -------
    name : str

    Examples
    --------
    >>> from skpneumo._plotting import recall_of
    >>> recall_of("PNEUMONIA"), recall_of(1), recall_of(None)
    ('recall of PNEUMONIA', 'recall of class 1', 'recall')
    """
    if pos_label is None:
        return "recall"
    return f"recall of {plain(shortened(class_name(pos_label), _LETTERS_ALONG_AN_AXIS))}"


def plain(text: Any) -> str:
    """Escape a name so that matplotlib draws each character, and shorten a very long one.

    Otherwise, text between two dollars would be mathematics, bytes of a file name that are not
    UTF-8 would not be drawn, and a long name would leave no room for the axes.
    """
    import matplotlib as mpl

    name = shortened(str(text), _LETTERS_OF_A_NAME)
    drawable = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return drawable.replace("$", r"\$") if mpl.rcParams["text.parse_math"] else drawable


def tick_labels(names: Sequence[Any], width: int = 15) -> list[str]:
    """Break names into up to three lines each, for ticks beside one another.

    Names that are alike once shortened are numbered.
    """
    labels = [_in_lines(str(name), width) for name in names]
    return [
        label if labels.count(label) == 1 else f"{label} ({labels[: i + 1].count(label)})"
        for i, label in enumerate(labels)
    ]


def _in_lines(name: str, width: int) -> str:
    # Shortened in the middle, which textwrap cannot, until it fits.
    lengths = range(_LINES_OF_A_TICK * width, 0, -1)
    broken = (wrap(shortened(name, length), width) for length in lengths)
    lines = next(lines for lines in broken if len(lines) <= _LINES_OF_A_TICK)
    return "\n".join(map(plain, lines))


def shortened(text: str, length: int = 31) -> str:
    """Shorten a text in its middle, because both ends of a file name matter."""
    if len(text) <= length:
        return text
    tail = (length - 1) * 2 // 3
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"
