"""Figures of matplotlib inside a page: legible on light and on dark, the same every time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from skpneumo._plotting import BLUE, CYCLE, GREY, PALE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bare_svg", "drawing", "svg"]

# Axes and letters; not pure black, which the SVG writer leaves out here and there.
_INK = "#111111"
# What takes a colour of the page instead of its own, so that it is seen on dark too.
_OF_THE_PAGE = {
    BLUE.lower(): f"var(--blue, {BLUE.lower()})",
    _INK: "currentColor",
    "#000000": "currentColor",
    GREY.lower(): "color-mix(in srgb, currentColor 65%, transparent)",
    PALE.lower(): "color-mix(in srgb, currentColor 18%, transparent)",
}
_STYLE = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    # Letters as shapes: they look the same, and fit, whatever fonts the reader has.
    "svg.fonttype": "path",
    "svg.hashsalt": "skpneumo",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the page's style, whatever the user's own settings are."""
    import matplotlib.style
    from matplotlib import cycler

    # Lines whose colour nobody chose: matplotlib's own blue is dull on dark.
    with matplotlib.style.context(["default", _STYLE | {"axes.prop_cycle": cycler(color=CYCLE)}]):
        yield


def bare_svg(figure: "Figure", name: str, title: str) -> str:
    """A figure without a caption. ``name`` keeps its identifiers apart from those of others."""
    buffer = StringIO()
    nothing: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    # A style within would hold for the whole page.
    drawn = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", drawn, flags=re.S)
    drawn = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", drawn)
    drawn = re.sub(r"#[0-9a-f]{6}\b", lambda hex: _OF_THE_PAGE.get(hex[0], hex[0]), drawn)
    drawn = re.sub(r"\s*\n\s*", " ", drawn)
    size = re.search(r'viewBox="[^"]*"', drawn)
    assert size is not None
    opening = (
        f'<svg role="img" aria-label="{escape(title)}" {size[0]} '
        'style="stroke-linejoin: round; stroke-linecap: butt">'
    )
    return opening + drawn.partition(">")[2]


def svg(figure: "Figure", name: str, title: str, description: str, wide: bool = False) -> str:
    """A figure and its caption."""
    look = ' class="wide"' if wide else ""
    return (
        f'<figure{look}><div class="scroll">{bare_svg(figure, name, title)}</div>'
        f"<figcaption><b>{escape(title)}.</b> {escape(description)}</figcaption></figure>"
    )
