"""What can be told of the letters of a figure once it is drawn: where they are cut, or overlap."""

from itertools import combinations

from matplotlib.text import Text
from matplotlib.transforms import Bbox


def texts_of(figure):
    """The boxes of titles, labels, legends and notes that are drawn, by what they say."""
    figure.canvas.draw()
    ticks = {
        label
        for ax in figure.axes
        for label in [*ax.get_xticklabels(which="both"), *ax.get_yticklabels(which="both")]
    }
    # Of axes that are switched off only the titles and notes are drawn.
    off = {axis.label for ax in figure.axes if not ax.axison for axis in (ax.xaxis, ax.yaxis)}
    return [
        (text.get_text(), box_of(text))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in ticks | off
    ]


def box_of(text):
    """The box of a text without the empty lines above it, which keep a place free."""
    box, lines = text.get_window_extent(), text.get_text().split("\n")
    n_empty = next(k for k, line in enumerate(lines) if line.strip())
    return Bbox.from_extents(box.x0, box.y0, box.x1, box.y1 - box.height * n_empty / len(lines))


def cut_off(figure):
    """What reaches beyond the edge of the figure, by more than a point."""
    edge = figure.bbox
    margin = figure.dpi / 72
    return [
        text
        for text, box in texts_of(figure)
        if box.x0 < edge.x0 - margin
        or box.x1 > edge.x1 + margin
        or box.y0 < edge.y0 - margin
        or box.y1 > edge.y1 + margin
    ]


def overlapping(figure):
    """Pairs of texts whose boxes overlap, by more than a point."""
    margin = figure.dpi / 72
    return [
        (a, b)
        for (a, one), (b, other) in combinations(texts_of(figure), 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > margin
        and min(one.y1, other.y1) - max(one.y0, other.y0) > margin
    ]
