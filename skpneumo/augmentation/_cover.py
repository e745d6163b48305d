"""Cover parts of images with boxes of one grey level and with marks, on any Keras backend."""

from typing import Any

from keras import ops

from skpneumo.augmentation._cover_params import (
    ERASED,
    MARKS,
    N_COVERS,
    TILE_SHAPE,
    mark_tiles,
)

__all__ = ["cover"]

# Side of an image, in pixels, for which the tiles of marks are made.
_REFERENCE_SIDE = 128


def cover(light: Any, columns: Any, white: float) -> Any:
    """Erase boxes, then burn in marks.

    Parameters
    ----------
    light : tensor of shape (n, height, width, channels), float32
        Images in which black is 0.
    columns : tensor of shape (n, len(UNCOVERED))
        Parameters of the boxes and marks, from `cover_columns`.
    white : float
        The value of white.

    Returns
    -------
    covered : tensor of shape (n, height, width, channels)
        Pixels that are not covered are unchanged.
    """
    parts = [ops.reshape(columns[:, i], (-1, 1, 1, 1)) for i in range(columns.shape[1])]
    mean = ops.mean(light, axis=(1, 2, 3), keepdims=True)
    for _ in range(N_COVERS):
        (*box, grey), parts = parts[: len(ERASED)], parts[len(ERASED) :]
        light = ops.where(_inside(light, *box), ops.where(grey < 0, mean, grey * white), light)
    for _ in range(N_COVERS):
        (*mark, grey), parts = parts[: len(MARKS)], parts[len(MARKS) :]
        opacity = _opacity(light, *mark)
        light = light + opacity * (grey * white - light)
    return light


def _inside(light: Any, top: Any, left: Any, height: Any, width: Any) -> Any:
    """Mark the pixels whose centres lie in a box; shape (n, height, width, 1)."""
    n_rows, n_columns = light.shape[1:3]
    row = (ops.reshape(ops.arange(n_rows, dtype="float32"), (1, -1, 1, 1)) + 0.5) / n_rows
    column = (ops.reshape(ops.arange(n_columns, dtype="float32"), (1, 1, -1, 1)) + 0.5) / n_columns
    down = (row >= top) & (row < top + height)
    across = (column >= left) & (column < left + width)
    return down & across


def _opacity(light: Any, tile: Any, row: Any, column: Any, scale: Any, weight: Any) -> Any:
    """Read the nearest pixel of a tile, where it overlaps the image; 0 elsewhere."""
    n_rows, n_columns = light.shape[1:3]
    height, width = TILE_SHAPE
    y = ops.reshape(ops.arange(n_rows, dtype="float32"), (1, -1, 1, 1)) / n_rows
    x = ops.reshape(ops.arange(n_columns, dtype="float32"), (1, 1, -1, 1)) / n_columns
    y = (y - row) * _REFERENCE_SIDE / scale + height / 2
    x = (x - column) * _REFERENCE_SIDE / scale + width / 2
    on_tile = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    i = ops.cast(ops.clip(y, 0, height - 1), "int32")
    j = ops.cast(ops.clip(x, 0, width - 1), "int32")
    tiles = ops.convert_to_tensor(mark_tiles().ravel())
    read = ops.take(tiles, (ops.cast(tile, "int32") * height + i) * width + j)
    return weight * read * ops.cast(on_tile, "float32")
