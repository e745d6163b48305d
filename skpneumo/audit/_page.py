"""The parts of a page that needs nothing from elsewhere: style, tables, thumbnails, curves."""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

__all__ = ["STYLE", "document", "figures_of", "histogram_svg", "table"]

STYLE = """
.skpneumo-audit { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; }
.skpneumo-audit table { border-collapse: collapse; margin: .5rem 0; font-size: .9em; }
.skpneumo-audit th, .skpneumo-audit td { padding: .2rem .7rem; text-align: left;
  border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
.skpneumo-audit td { font-variant-numeric: tabular-nums; }
.skpneumo-audit .scroll { overflow-x: auto; }
.skpneumo-audit summary { cursor: pointer; padding: .3rem 0; }
.skpneumo-audit details { margin: .4rem 0; }
.skpneumo-audit details p { margin: .3rem 0; }
.skpneumo-audit summary span { border-radius: .3rem; padding: .1rem .5rem; font-weight: 600; }
.skpneumo-audit .error { background: #a3341c; color: #fff; }
.skpneumo-audit .warning { background: #f0c54a; color: #000; }
.skpneumo-audit .note { background: #4a7ba6; color: #fff; }
.skpneumo-audit .findings { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
.skpneumo-audit section { max-width: 100%; flex: 0 1 auto; min-width: 9rem; width: min-content; }
.skpneumo-audit section.wide { width: auto; }
.skpneumo-audit .images { display: flex; flex-wrap: wrap; gap: .5rem; margin: .3rem 0 .8rem; }
.skpneumo-audit figure { margin: 0; width: 9rem; }
.skpneumo-audit figure img { width: 100%; aspect-ratio: 1; image-rendering: auto; }
.skpneumo-audit figcaption { font-size: .75em; overflow-wrap: anywhere; line-height: 1.3; }
.skpneumo-audit svg { max-width: 100%; height: auto; }
.skpneumo-audit svg text { fill: currentColor; font: 12px system-ui, sans-serif; }
"""

# Okabe and Ito's colours, which stay apart for every kind of colour vision; dashes besides.
_LINES = (
    ("#0072b2", "none"),
    ("#d55e00", "6 3"),
    ("#009e73", "2 3"),
    ("#cc79a7", "8 3 2 3"),
    ("#999999", "1 2"),
)


def document(title: str, body: str) -> str:
    """A whole page, light or dark as the reader's system is."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        "<style>:root { color-scheme: light dark; } "
        "body { font-family: system-ui, sans-serif; margin: 1.5rem auto; max-width: 60rem; "
        "padding: 0 1rem; }</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def table(frame: pd.DataFrame) -> str:
    """A plain table that scrolls by itself when it is too wide."""
    html = frame.to_html(index=False, border=0, na_rep="", escape=True, justify="left")
    return f'<div class="scroll">{html}</div>'


def figures_of(images: NDArray[np.uint8], captions: list[str]) -> str:
    """Thumbnails with captions, inside the page."""
    figures = []
    for image, caption in zip(images, captions, strict=True):
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        data = b64encode(buffer.getvalue()).decode()
        figures.append(
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    return f'<div class="images">{"".join(figures)}</div>'


def histogram_svg(curves: dict[str, NDArray[np.float64]]) -> str:
    """Mean histograms of grey levels as curves over one another."""
    if not curves:
        return ""
    left, top, width, height = 50, 10, 560, 180
    highest = max(float(curve.max()) for curve in curves.values()) or 1.0
    marks, legend = [], []
    for i, (name, curve) in enumerate(curves.items()):
        colour, dashes = _LINES[i % len(_LINES)]
        style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        x = left + width * (np.arange(len(curve)) + 0.5) / len(curve)
        y = top + height * (1 - curve / highest)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        marks.append(f'<polyline points="{points}" {style}/>')
        row = top + height + 56 + 18 * i
        legend.append(
            f'<path d="M{left} {row - 4}h30" {style}/><text x="{left + 38}" y="{row}">'
            f"{escape(name)}</text>"
        )
    bottom = top + height
    ticks = "".join(
        f'<text x="{left + width * grey / 256:.0f}" y="{bottom + 16}" text-anchor="middle">'
        f"{grey}</text>"
        for grey in (0, 64, 128, 192, 256)
    )
    return (
        f'<svg viewBox="0 0 {left + width + 20} {bottom + 50 + 18 * len(curves)}" role="img" '
        f'aria-label="Mean histograms of grey levels" width="{left + width + 20}">'
        f'<path d="M{left} {top}V{bottom}H{left + width}" fill="none" stroke="currentColor"/>'
        f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">{highest:.1%}</text>'
        f'<text x="{left - 6}" y="{bottom}" text-anchor="end">0</text>{ticks}'
        f'<text x="{left + width / 2}" y="{bottom + 34}" text-anchor="middle">grey level; '
        "share of pixels, mean over images</text>"
        f"{''.join(marks)}{''.join(legend)}</svg>"
    )
