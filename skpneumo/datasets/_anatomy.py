"""Anatomy and opacities of a synthetic chest.

Everything is drawn as *density*, how much the body weakens the beam: 0 in air, about 1 behind
the spine. A chest is drawn on a square canvas in body coordinates: ``x`` to the right of the
image, ``y`` downwards, the half width of the rib cage about 0.85. The patient's right is on the
left, as radiologists view images.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Field = NDArray[np.floating[Any]]  # float32 throughout

# What the canvas covers: x from -SPAN / 2 to SPAN / 2, y from TOP to TOP + SPAN.
SPAN = 2.8
TOP = -0.45

# The density that the plainest opacity would add to the lung, and the most that can be added: a
# lung without air is about as white as the heart, not whiter.
PLAIN_OPACITY = 0.8
AIRLESS = 0.45


class Opacity(NamedTuple):
    """Disc around an opacity, in body coordinates."""

    x: float
    y: float
    radius: float


class Box(NamedTuple):
    """Box around both lungs, in body coordinates."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Chest:
    """A chest on its canvas; ``air`` is 1 in the lungs, 0 outside, with soft edges."""

    density: Field
    air: Field
    lungs: Box
    opacities: tuple[Opacity, ...] = ()


@dataclass(frozen=True)
class _Build:
    """Measurements of a patient, and fields from which several organs are drawn."""

    from_spine: Field  # signed distance from the spine; its absolute value is `aside`
    aside: Field
    y: Field
    apex: float
    base: float
    cage: float
    inner: Field  # half width of the rib cage at each height
    in_cage: Field
    above_dome: Field
    right_dome: float
    left_dome: float
    heart_depth: Field  # distance inwards from the rim of heart and mediastinum


def _edge(distance: Field, softness: float) -> Field:
    """Step from 0 to 1 where ``distance`` becomes positive, with a linear edge."""
    return np.clip(distance / softness + 0.5, 0.0, 1.0)


def _bump(distance: Field, width: float) -> Field:
    """Smooth bump, exactly zero beyond ``width``."""
    return np.clip(1.0 - (distance / width) ** 2, 0.0, None) ** 2


def _clouds(rng: Generator, size: int, lumps: int) -> Field:
    """Smooth noise of about unit variance, ``lumps`` across."""
    coarse = rng.standard_normal((lumps, lumps), dtype=np.float32)
    smooth = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return 1.35 * np.asarray(smooth)  # interpolation averages away some of the variance


def draw_chest(rng: Generator, size: int) -> Chest:
    """Draw a chest without opacities on a canvas of ``size`` pixels a side."""
    steps = (np.arange(size, dtype=np.float32) + 0.5) * (SPAN / size)
    x, y = steps[None, :] - SPAN / 2, steps[:, None] + TOP
    build = _draw_build(rng, x, y)
    trunk = _draw_trunk(rng, x, y, build)
    shadow = _edge(build.heart_depth, 0.08)
    air = build.in_cage * build.above_dome * (1 - 0.95 * shadow)

    density = rng.uniform(0.68, 0.76) * trunk
    # The lungs are thinner towards the chest wall, because the chest is round.
    depth = np.sqrt(np.clip(1 - (0.75 * build.aside / build.inner.clip(0.01)) ** 2, 0.25, 1))
    density -= rng.uniform(0.36, 0.44) * air * depth
    heart = shadow * _edge(y - build.apex - 0.3, 0.5)
    density += 0.12 * np.clip(build.heart_depth / 0.3 + 0.3, 0, 1) * heart
    density += 0.13 * trunk * build.in_cage * (1 - build.above_dome)
    density += _draw_gas(rng, build) + _draw_spine(rng, build)
    density += _draw_ribs(rng, build) + _draw_collarbones(rng, build)
    density += _draw_vessels(rng, size, build) * air
    density += 0.02 * _clouds(rng, size, 24) * (trunk > 0)

    bottom = max(build.right_dome, build.left_dome) + 0.1
    lungs = Box(-build.cage, build.apex, build.cage, bottom)
    return Chest(density.astype(np.float32), air.astype(np.float32), lungs)


def _draw_build(rng: Generator, x: Field, y: Field) -> _Build:
    # The spine may lean or bend a little, and everything else follows it.
    from_spine = x - rng.normal(0, 0.02) * np.sin(2.2 * y) - rng.normal(0, 0.015) * (y - 1)
    aside = np.abs(from_spine)

    cage, apex, base = rng.uniform(0.78, 0.88), rng.uniform(0.18, 0.26), rng.uniform(1.42, 1.62)
    height = np.clip((base + 0.25 - y) / (base + 0.25 - apex), 0, 1)
    inner = cage * (1 - height**2.2) ** (1 / 2.4)

    right_dome = base - rng.uniform(0.02, 0.12)
    left_dome = right_dome + rng.uniform(0.0, 0.09)
    arch = rng.uniform(0.3, 0.5)
    dome = right_dome + (left_dome - right_dome) * (from_spine > 0).astype(np.float32)
    dome += arch * (aside / cage - 0.47) ** 2

    # Mediastinum and heart cast one shadow. Its edges are two functions of height: one a little to
    # the right of the spine; the other on the left, far out towards the tip of the heart.
    neck = rng.uniform(0.13, 0.17) + 0.03 * np.exp(-(((y - apex - 0.3) / 0.13) ** 2))
    heart_top = right_dome - rng.uniform(0.72, 0.86)
    down = np.clip((y - heart_top) / (right_dome + 0.1 - heart_top), 0, 1)
    left_rim = neck + rng.uniform(0.26, 0.38) * np.sin(1.65 * down) ** 1.6
    right_rim = neck + rng.uniform(0.04, 0.13) * np.sin(3.1 * down) ** 1.2

    return _Build(
        from_spine=from_spine,
        aside=aside,
        y=y,
        apex=apex,
        base=base,
        cage=cage,
        inner=inner,
        in_cage=_edge(inner - aside, 0.05),
        above_dome=_edge(dome - y, 0.035),
        right_dome=right_dome,
        left_dome=left_dome,
        heart_depth=np.where(from_spine > 0, left_rim, right_rim) - aside,
    )


def _draw_trunk(rng: Generator, x: Field, y: Field, build: _Build) -> Field:
    """Draw neck, shoulders and chest wall, with an elliptical cross-section."""
    wall = build.cage + rng.uniform(0.06, 0.16)
    shoulder_top = rng.uniform(0.0, 0.12)
    half_width = wall + 0.5 * np.clip((0.6 - y) / 0.5, 0, 1) ** 1.5
    to_neck = np.clip(1 - (shoulder_top - y) / 0.25, 0, 1) ** 2
    half_width = 0.24 + (half_width - 0.24) * to_neck
    return np.sqrt(np.clip(1 - (x / half_width) ** 2, 0, 1))


def _draw_gas(rng: Generator, build: _Build) -> Field:
    """Draw the stomach gas under the left dome of the diaphragm."""
    x, y = rng.uniform(0.3, 0.55), build.left_dome + rng.uniform(0.17, 0.3)
    distance = np.hypot((build.from_spine - x) / 1.6, build.y - y)
    return -rng.uniform(0.0, 0.25) * _bump(distance, rng.uniform(0.05, 0.16))


def _draw_spine(rng: Generator, build: _Build) -> Field:
    """Draw vertebrae with darker discs between them, and the windpipe down to its fork."""
    y = build.y
    vertebrae = 0.5 + 0.5 * np.cos(2 * np.pi * (y - build.apex) / rng.uniform(0.105, 0.125))
    spine = (0.03 + 0.06 * vertebrae) * _edge(0.085 - build.aside, 0.03)
    spine += 0.08 * _bump(build.aside, 0.2) * _edge(y - 0.05, 0.3)
    windpipe = _edge(0.045 - np.abs(build.from_spine + 0.01), 0.04)
    return spine - 0.16 * windpipe * _edge(rng.uniform(0.5, 0.6) - y, 0.1) * _edge(y + 0.3, 0.1)


def _draw_ribs(rng: Generator, build: _Build) -> Field:
    """Draw all ribs at once, by a phase that grows by one from each rib to the next."""
    aside, inner, down = build.aside, build.inner, build.y - build.apex
    spacing = (build.base - build.apex) / rng.uniform(7.6, 9.0)
    bone = rng.uniform(0.07, 0.12)
    out = np.clip(aside / inner.clip(0.05), 0, 1.05)
    # At the back, ribs run outwards and bend down; in front, they rise from the breastbone.
    behind = _rib((down + 0.06 * out - 0.34 * out**4 * inner) / spacing, 0.26)
    behind *= _edge(aside - 0.07, 0.05) * _edge(down, 0.1)
    before = _rib((down - 0.62 * (1 - out) * inner - 0.3) / spacing, 0.3)
    before *= 0.55 * _edge(out - rng.uniform(0.42, 0.55), 0.25) * _edge(down - 0.15, 0.1)
    ribs = bone * (behind + before) * _edge(inner + 0.035 - aside, 0.03)
    edge_on = 0.09 * _bump(inner + 0.01 - aside, 0.05)
    return (ribs + edge_on) * _edge(build.base + 0.25 - build.y, 0.3)


def _rib(phase: Field, width: float) -> Field:
    """Draw a band at every whole ``phase``, denser at its edges, as cortical bone is."""
    off_axis = np.abs(phase - np.rint(phase)) / width
    return _edge(1 - off_axis, 0.35) * (0.65 + 0.5 * np.clip(off_axis, 0, 1) ** 2)


def _draw_collarbones(rng: Generator, build: _Build) -> Field:
    aside = build.aside
    axis = build.apex + rng.uniform(0.12, 0.18) - rng.uniform(0.05, 0.2) * (aside - 0.12)
    off_axis = np.abs(build.y - axis + 0.06 * np.sin(5 * aside))
    bone = 0.15 * _edge(0.032 - off_axis, 0.025)
    return bone * _edge(aside - 0.12, 0.05) * _edge(0.95 - aside, 0.1)


def _draw_vessels(rng: Generator, size: int, build: _Build) -> Field:
    """Draw streaks that fan out from each hilum and become thinner towards the chest wall."""
    scale = size / SPAN
    drawing = Image.new("L", (size, size))
    pen = ImageDraw.Draw(drawing)
    hilum = build.apex + 0.5 * (build.right_dome - build.apex) - 0.05
    for side in (-1, 1):
        for heading in np.linspace(-1.25, 1.25, 9) + rng.normal(0, 0.08, 9):
            tip, calibre = np.array([side * 0.17, hilum]), 0.035
            turns, lengths = rng.normal(0, 0.3, 5), rng.uniform(0.08, 0.14, 5)
            for turn, length in zip(turns, lengths, strict=True):
                end = tip + length * np.array([side * np.cos(heading), np.sin(heading)])
                line = [tuple((point - (-SPAN / 2, TOP)) * scale) for point in (tip, end)]
                pen.line(line, fill=int(2600 * calibre), width=max(1, round(calibre * scale)))
                tip, calibre, heading = end, 0.72 * calibre, heading + turn
    blurred = drawing.filter(ImageFilter.GaussianBlur(0.012 * scale))
    return np.asarray(blurred, dtype=np.float32) * (rng.uniform(0.8, 2.2) / 1000)


def add_opacities(rng: Generator, chest: Chest, etiology: str, peak: float) -> Chest:
    """Add the opacities of bacterial or viral pneumonia to a chest.

    Bacteria: one dense patch in a lung, sometimes two. Virus: a faint net over both lungs. The
    discs of the result contain all of a patch except its faint edge.
    """
    size = len(chest.air)
    half = size // 2  # opacities are soft, so half the resolution is enough to draw them
    steps = (np.arange(half, dtype=np.float32) + 0.5) * (SPAN / half)
    x, y = steps[None, :] - SPAN / 2, steps[:, None] + TOP
    peak *= rng.uniform(0.75, 1.25)

    if etiology == "bacteria":
        sides = [rng.choice([-1, 1])] * int(rng.choice([1, 2], p=[0.7, 0.3]))
        radii, texture = rng.uniform(0.26, 0.42, len(sides)), 0.85 + 0.15 * _clouds(rng, half, 30)
    else:
        sides, radii = [-1, 1], rng.uniform(0.34, 0.5, 2)
        texture = 0.3 + 0.4 * np.abs(_clouds(rng, half, 44))
    ragged = 0.14 * _clouds(rng, half, 14)

    patches = np.zeros((half, half), dtype=np.float32)
    discs = []
    for side, radius in zip(sides, radii, strict=True):
        disc = Opacity(*_place(rng, chest, side), float(radius))
        distance = np.hypot(x - disc.x, y - disc.y) / radius
        np.maximum(patches, _edge(0.8 - distance + ragged, 0.5), out=patches)
        discs.append(disc)
    filled = AIRLESS * (1 - np.exp(-peak / AIRLESS * patches * texture))
    fine = Image.fromarray(filled).resize((size, size), Image.Resampling.BILINEAR)
    density = chest.density + np.asarray(fine) * chest.air
    return replace(chest, density=density, opacities=tuple(discs))


def _place(rng: Generator, chest: Chest, side: int) -> tuple[float, float]:
    """Choose a point well inside one lung, uniformly at random."""
    size = len(chest.air)
    stride = max(1, size // 64)
    rows, columns = np.nonzero(chest.air[::stride, ::stride] > 0.95)
    x = (columns * stride + 0.5) * SPAN / size - SPAN / 2
    y = (rows * stride + 0.5) * SPAN / size + TOP
    inside = np.flatnonzero((np.sign(x) == side) & (y > chest.lungs.top + 0.2))
    chosen = rng.choice(inside)
    return float(x[chosen]), float(y[chosen])
