"""Embed figures of matplotlib in pages: readable on light and dark, and reproducible."""

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

# Axes and letters; not pure black, which the SVG writer sometimes omits.
_INK = "#111111"
# Colours that are replaced by those of the page, to be visible on dark as well.
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
    # Letters as shapes, so that they look the same with any fonts of the reader.
    "svg.fonttype": "path",
    "svg.hashsalt": "skpneumo",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the style of the page, without the user's settings."""
    import matplotlib.style
    from matplotlib.rcsetup import cycler

    # Lines whose colour nobody chose: matplotlib's own blue is dull on dark.
    with matplotlib.style.context(["default", _STYLE | {"axes.prop_cycle": cycler(color=CYCLE)}]):
        yield


def bare_svg(figure: "Figure", name: str, title: str) -> str:
    """Convert a figure without a caption; ``name`` makes its identifiers unique."""
    buffer = StringIO()
    nothing: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    # A style in the SVG would apply to the whole page.
    drawn = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", drawn, flags=re.S)
    # Numbered in order: those of matplotlib depend on what the garbage collector has left.
    numbers: dict[str, int] = {}
    drawn = re.sub(
        r'\b(id="|url\(#|href="#)([^")]+)',
        lambda found: f"{found[1]}{name}-{numbers.setdefault(found[2], len(numbers))}",
        drawn,
    )
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
    """Convert a figure, with its caption."""
    look = ' class="wide"' if wide else ""
    return (
        f'<figure{look}><div class="scroll">{bare_svg(figure, name, title)}</div>'
        f"<figcaption><b>{escape(title)}.</b> {escape(description)}</figcaption></figure>"
    )
