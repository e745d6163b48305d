"""Sample the boxes and burnt-in marks that cover parts of an image, with NumPy."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COVER_UNIFORMS",
    "ERASED",
    "MARKS",
    "N_COVERS",
    "TILE_SHAPE",
    "UNCOVERED",
    "cover_columns",
    "mark_tiles",
]

Floats = NDArray[np.float64]

# Maximum number of boxes, and of marks, per image.
N_COVERS = 2

ERASED = ("top", "left", "height", "width", "grey")
MARKS = ("tile", "row", "column", "scale", "weight", "grey")

_ERASED_UNIFORMS = (
    "erased",
    "long",
    "upright",
    "at_bottom",
    "at_right",
    "height",
    "width",
    "grey",
)
_MARK_UNIFORMS = ("marked", "tile", "row", "column", "place", "scale", "grey")

COVER_UNIFORMS = tuple(
    f"{kind}{i}_{name}"
    for kind, names in (("box", _ERASED_UNIFORMS), ("mark", _MARK_UNIFORMS))
    for i in range(N_COVERS)
    for name in names
)

# A box without height and a mark without weight cover nothing.
UNCOVERED = {
    f"{kind}{i}_{name}": 1.0 if name == "scale" else 0.0
    for kind, names in (("box", ERASED), ("mark", MARKS))
    for i in range(N_COVERS)
    for name in names
}

N_TILES = 64
TILE_SHAPE = (32, 96)  # pixels in an image of 128 x 128
_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:./-"


def cover_columns(erasing: float, marks: float, uniforms: dict[str, Floats]) -> dict[str, Floats]:
    """Compute the columns named in `UNCOVERED`, for these probabilities of boxes and marks."""
    columns: dict[str, Floats] = {}
    for i in range(N_COVERS):
        if erasing:
            box = _box(_selector("box", i, uniforms), erasing)
            columns |= {f"box{i}_{name}": value for name, value in box.items()}
        if marks:
            mark = _mark(_selector("mark", i, uniforms), marks)
            columns |= {f"mark{i}_{name}": value for name, value in mark.items()}
    n = len(uniforms["box0_erased"])
    return {name: columns.get(name, np.full(n, value)) for name, value in UNCOVERED.items()}


def _selector(kind: str, i: int, uniforms: dict[str, Floats]) -> Callable[[str], Floats]:
    """Return a function that selects the uniform numbers of one box or mark by name."""
    return lambda name: uniforms[f"{kind}{i}_{name}"]


def _box(u: Callable[[str], Floats], chance: float) -> dict[str, Floats]:
    """Place a box in a corner, or a strip along a side, of 4 to 38 % of the sides of the image."""
    height, width = 0.08 + 0.3 * u("height"), 0.08 + 0.3 * u("width")
    strip, upright = u("long") < 0.4, u("upright") < 0.5
    height = np.where(strip, np.where(upright, 1.0, height / 2), height)
    width = np.where(strip, np.where(upright, width / 2, 1.0), width)
    # Four of ten are black, as beyond a collimator; a value below 0 means the mean of the image.
    grey = np.select([u("grey") < 0.4, u("grey") < 0.7], [0.0, (u("grey") - 0.4) / 0.3 * 0.63], -1)
    is_erased = u("erased") < chance
    return {
        "top": np.where(u("at_bottom") < 0.5, 1 - height, 0.0),
        "left": np.where(u("at_right") < 0.5, 1 - width, 0.0),
        "height": height * is_erased,
        "width": width,
        "grey": grey,
    }


def _mark(u: Callable[[str], Floats], chance: float) -> dict[str, Floats]:
    """Place four of five marks near a side, the others anywhere; most are nearly white."""
    row, column, place = u("row"), u("column"), u("place")
    at_end, at_side = place < 0.4, (place >= 0.4) & (place < 0.8)
    row = np.where(at_end, _near_edges(row), row)
    column = np.where(at_side, _near_edges(column), column)
    grey = np.where(u("grey") < 0.7, 0.78 + 0.22 * u("grey") / 0.7, (u("grey") - 0.7) / 0.3)
    return {
        "tile": np.floor(N_TILES * u("tile")),
        "row": row,
        "column": column,
        "scale": 0.4 + 0.8 * u("scale"),
        "weight": (u("marked") < chance).astype(float),
        "grey": grey,
    }


def _near_edges(place: Floats) -> Floats:
    """Squeeze [0, 1) into the first and last 15 percent."""
    return np.where(place < 0.5, 0.3 * place, 0.7 + 0.3 * place)


@cache
def mark_tiles() -> NDArray[np.float32]:
    """Draw letters, lines of text, blocks and lines, as opacities (N_TILES, *TILE_SHAPE)."""
    from PIL import Image, ImageDraw, ImageFont

    rng = np.random.default_rng(1)
    height, width = TILE_SHAPE
    tiles = []
    for i in range(N_TILES):
        tile = Image.new("L", (width, height))
        canvas = ImageDraw.Draw(tile)
        if i % 8 == 7:
            end = int(rng.integers(30, width))
            canvas.rectangle((0, 14, end, 14 + int(rng.integers(1, 4))), fill=255)
        elif i % 8 == 6:
            canvas.rectangle((2, 4, int(rng.integers(14, 30)), 26), fill=255)
        else:
            n_characters = 1 if i % 8 < 2 else int(rng.integers(2, 9))
            text = (
                "RL"[i % 2] if i % 8 < 2 else "".join(rng.choice(list(_CHARACTERS), n_characters))
            )
            font = ImageFont.load_default(int(rng.integers(8, 28)))
            canvas.text((2, 2), text, fill=255, font=font)
        tiles.append(np.asarray(tile, dtype=np.float32) / 255)
    return np.stack(tiles)
