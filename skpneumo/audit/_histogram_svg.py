"""Draw mean histograms of grey levels as SVG, without a plotting library."""

from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["histogram_svg"]

# Okabe and Ito's colours, which are distinct for every kind of colour vision, and dashes.
_LINES = (
    ("var(--blue, #0072b2)", "none"),  # which is lighter on a dark page
    ("#d55e00", "6 3"),
    ("#009e73", "2 3"),
    ("#cc79a7", "8 3 2 3"),
    ("#999999", "1 2"),
)


def histogram_svg(curves: dict[str, NDArray[np.float64]]) -> str:
    """Draw mean histograms of grey levels as curves in one diagram."""
    if not curves:
        return ""
    left, top, width, height = 50, 10, 380, 180  # letters stay legible on a phone
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
