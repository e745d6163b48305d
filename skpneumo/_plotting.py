"""What all displays look like, and how they get their axes.

The colours are Okabe and Ito's, which people with any common colour blindness tell apart; where
two lie on each other, line style, marker or hatching tells them apart in grey print as well.
No global setting of matplotlib is touched.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

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


_METRIC_LABELS = {
    "f1": "F1",
    "auc": "AUC",
    "roc_auc": "ROC AUC",
    "ece": "calibration error",
    "ece_by_chance": "calibration error by chance",
}


def metric_label(metric: str) -> str:
    """The name of a metric as people write it."""
    return _METRIC_LABELS.get(metric, metric.replace("_", " "))


def class_name(*labels: Any) -> str:
    """Labels as people write them: a name as it is, a number with a word."""
    words = [label if isinstance(label, str) else f"class {label}" for label in labels]
    return " or ".join(words) or "negative"


def axes_for(ax: "Axes | None", figsize: tuple[float, float] = (6.4, 4.2)) -> "Axes":
    """The axes given, or those of a new figure in which nothing is cut off."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax


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
    """The figure, not the sub-figure, that axes are in."""
    return ax.get_figure(root=True)  # type: ignore[return-value]


def legend_below(ax: "Axes", **options: Any) -> None:
    """Put the legend under the axes: within, it would cover one curve or another."""
    usual: dict[str, Any] = {
        "frameon": False,
        "loc": "upper center",
        "bbox_to_anchor": (0.5, 0),
        "borderaxespad": 4,  # letters: below the ticks and the axis label, whatever the height
    }
    ax.legend(**usual | options)


def tidy(ax: "Axes", grid: Literal["x", "y"] = "y") -> None:
    """Remove spines and add a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def whole_numbers(axis: "Axis") -> None:
    """Ticks at whole numbers only, for what is counted."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def recall_of(pos_label: Any) -> str:
    """Name recall together with the class that it is about, for an axis or a legend.

    Parameters
    ----------
    pos_label : label or None
        The positive class; None where it is not known.

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
    return f"recall of {plain(class_name(pos_label))}"


def plain(text: Any) -> str:
    """A name as matplotlib draws it letter by letter, whatever it is made of.

    Between two dollars matplotlib would read mathematics, and it draws no letters for the bytes
    of a file name that are no UTF-8.
    """
    import matplotlib as mpl

    drawable = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return drawable.replace("$", r"\$") if mpl.rcParams["text.parse_math"] else drawable


def shortened(text: str, length: int = 31) -> str:
    """The text with its middle left out, where both ends matter as in a file name."""
    if len(text) <= length:
        return text
    tail = (length - 1) * 2 // 3
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"
