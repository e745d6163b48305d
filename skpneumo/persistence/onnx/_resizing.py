"""Add the resizing of ImageLoader to a graph.

Pillow's bilinear filter is a triangle over the source pixels of each target pixel, applied along
one axis after the other, and each result is rounded to 8 bits. These are two matrix products. The
weights are computed in the graph, because they depend on the size of the image. As in Pillow, they
are integers, as parts of 2 ** 22; otherwise, values halfway between two levels would be rounded
differently.
"""

from typing import Any

import numpy as np

from skpneumo.loading import ImageLoader
from skpneumo.persistence.onnx._graph import DOUBLE, FLOAT, INTEGER, GraphBuilder, Tensor

__all__ = ["height_and_width", "load_image"]

# ITU-R 601 as in Pillow: integers, as parts of 65536.
_LUMA = (19595, 38470, 7471)
_LUMA_BITS = 65536
# Weights are parts of 2 ** 22, multiplied in two halves, because float32 is exact up to 2 ** 24.
_PARTS = 2**11

Weights = tuple[str, str]


def height_and_width(loader: ImageLoader) -> tuple[int, int]:
    """Get the size to which a loader resizes images."""
    height, width = np.broadcast_to(np.asarray(loader.size), 2).tolist()
    return height, width


def load_image(graph: GraphBuilder, image: str, loader: ImageLoader) -> Tensor:
    """Convert an image of shape (height, width, 1 or 3), uint8, to the loader's size and colours.

    The result has whole numbers from 0 to 255 as float32.
    """
    size = height_and_width(loader)
    pixels = graph.node("Cast", image, to=FLOAT)
    sides = graph.node("Shape", image)
    height, width, n_channels = (_entry(graph, sides, i) for i in range(3))
    grey = loader.color_mode == "grayscale"
    if grey:
        pixels = _luma(graph, pixels, n_channels)
    else:
        pixels = graph.node("Transpose", pixels, perm=[2, 0, 1])
    axes = _axes(graph, (height, width), size, loader.resize)
    down, across = (
        _weights(graph, n_pixels, n_out, **axis)
        for n_pixels, n_out, axis in zip((height, width), size, axes, strict=True)
    )
    pixels = _resample(graph, pixels, down, across)
    if grey:
        return Tensor(graph.node("Unsqueeze", pixels, graph.integer([0, 1])), (*size, 1))
    pixels = graph.node("Expand", pixels, graph.integer([3, *size]))
    return Tensor(graph.node("Unsqueeze", pixels, graph.integer([0])), (*size, 3))


def _luma(graph: GraphBuilder, pixels: str, n_channels: str) -> str:
    """Convert colour pixels to grey, and leave grey ones unchanged; float32 is exact enough."""
    row = graph.node("Sub", n_channels, graph.integer([1]))
    weights = graph.constant([[_LUMA_BITS, 0, 0], [0, 0, 0], _LUMA])
    weights = graph.node("Reshape", graph.node("Gather", weights, row), graph.integer([-1]))
    # An image of two channels gives none here, so running it fails.
    length = graph.node("Gather", graph.integer([1, 0, 3]), row)
    weights = graph.node("Slice", weights, graph.integer([0]), length)
    luma = graph.node("MatMul", pixels, weights)
    luma = graph.node("Add", luma, graph.constant(_LUMA_BITS / 2))
    return graph.node("Floor", graph.node("Div", luma, graph.constant(_LUMA_BITS)))


def _axes(
    graph: GraphBuilder, sides: tuple[str, str], size: tuple[int, int], resize: str
) -> list[dict[str, str]]:
    """Compute how many source pixels a target pixel spans along each axis, and where.

    ``step`` source pixels are ``per`` target pixels; ``n_scaled`` target pixels, of which the
    first has the number ``first``, show the image. All are int64 of shape (1,).
    """
    targets = tuple(graph.integer([side]) for side in size)
    zero = graph.integer([0])
    if resize == "stretch":
        return [
            {"step": side, "per": target, "n_scaled": target, "first": zero}
            for side, target in zip(sides, targets, strict=True)
        ]
    if resize == "crop":
        # The larger ratio of the two axes is used.
        by_width = graph.node(
            "Greater",
            graph.node("Mul", targets[1], sides[0]),
            graph.node("Mul", targets[0], sides[1]),
        )
        step = graph.node("Where", by_width, sides[1], sides[0])
        per = graph.node("Where", by_width, targets[1], targets[0])
        return [
            {"step": step, "per": per, "n_scaled": target, "first": zero} for target in targets
        ]
    lengths = [graph.node("Cast", side, to=DOUBLE) for side in sides]
    ratio = graph.node(
        "Min",
        *(
            graph.node("Div", graph.double([side]), length)
            for side, length in zip(size, lengths, strict=True)
        ),
    )
    axes = []
    for side, length, target in zip(sides, lengths, targets, strict=True):
        # Halves to even, as in Python.
        scaled = graph.node("Round", graph.node("Mul", length, ratio))
        scaled = graph.node("Max", graph.node("Cast", scaled, to=INTEGER), graph.integer([1]))
        bars = graph.node("Sub", target, scaled)
        first = graph.whole_quotient(bars, graph.integer([2]))
        axes.append({"step": side, "per": scaled, "n_scaled": scaled, "first": first})
    return axes


def _weights(
    graph: GraphBuilder,
    n_pixels: str,
    n_out: int,
    *,
    step: str,
    per: str,
    n_scaled: str,
    first: str,
    begin: str | None = None,
    end: str | None = None,
) -> Weights:
    """Compute weights of shape (n_out, n_pixels); they are 0 for pixels outside the image.

    With ``begin`` and ``end``, the image is the part between these pixels of the source.
    """
    one, two = graph.integer([1]), graph.integer([2])

    def from_middle(positions: str, length: str) -> str:
        """Compute twice the distance of the centres of pixels from the middle."""
        doubled = graph.node("Add", graph.node("Mul", positions, two), one)
        return graph.node("Sub", doubled, length)

    source = graph.node(
        "Range", *(_scalar(graph, each) for each in (graph.integer([0]), n_pixels, one))
    )
    target = graph.node("Sub", graph.integer(np.arange(n_out)), first)
    seen, length = source, n_pixels
    if begin is not None and end is not None:
        seen, length = graph.node("Sub", source, begin), graph.node("Sub", end, begin)
    # In half pixels of the source, divided by ``per``.
    source_at = graph.node("Mul", from_middle(seen, length), per)
    target_at = graph.node("Mul", from_middle(target, n_scaled), step)
    distance = graph.node(
        "Abs",
        graph.node("Sub", source_at, graph.node("Unsqueeze", target_at, graph.integer([1]))),
    )
    reach = graph.node("Mul", graph.node("Max", step, per), two)
    share = graph.node("Div", *(graph.node("Cast", each, to=DOUBLE) for each in (distance, reach)))
    weights = graph.node("Relu", graph.node("Sub", graph.double(1.0), share))
    if begin is not None and end is not None:
        weights = graph.node("Mul", weights, _between(graph, source, begin, end))
    shown = _between(graph, target, graph.integer([0]), n_scaled)
    weights = graph.node("Mul", weights, graph.node("Unsqueeze", shown, graph.integer([1])))
    total = graph.node("ReduceSum", weights, graph.integer([1]), keepdims=1)
    weights = graph.node("Div", weights, graph.node("Max", total, graph.double(1e-6)))
    whole = graph.node("Mul", weights, graph.double(float(_PARTS * _PARTS)))
    whole = graph.node("Floor", graph.node("Add", whole, graph.double(0.5)))
    large = graph.node("Floor", graph.node("Div", whole, graph.double(float(_PARTS))))
    small = graph.node("Sub", whole, graph.node("Mul", large, graph.double(float(_PARTS))))
    return graph.node("Cast", large, to=FLOAT), graph.node("Cast", small, to=FLOAT)


def resize_part(graph: GraphBuilder, image: Tensor, box: dict[str, str]) -> str:
    """Scale the part of an image in a box back to the size of the image, as Pillow does.

    ``box`` has the names of ``left``, ``top``, ``right`` and ``bottom``, int64 of shape (1,).
    """
    pixels = image.name
    products = []
    for side, begin, end in zip(
        image.shape[:2], ("top", "left"), ("bottom", "right"), strict=True
    ):
        n = graph.integer([side])
        products.append(
            _weights(
                graph,
                n,
                side,
                step=graph.node("Sub", box[end], box[begin]),
                per=n,
                n_scaled=n,
                first=graph.integer([0]),
                begin=box[begin],
                end=box[end],
            )
        )
    down, across = products
    return _resample(graph, pixels, down, across)


def _resample(graph: GraphBuilder, pixels: str, down: Weights, across: Weights) -> str:
    """Multiply by the weights of both axes in Pillow's order, along the rows first."""
    parts = [graph.node("MatMul", pixels, graph.node("Transpose", weights)) for weights in across]
    pixels = _rounded(graph, *parts)
    return _rounded(graph, *(graph.node("MatMul", weights, pixels) for weights in down))


def _between(graph: GraphBuilder, positions: str, begin: str, end: str) -> str:
    """Mark positions from ``begin`` to before ``end`` with 1, others with 0, as float64."""
    inside = graph.node(
        "And",
        graph.node("Not", graph.node("Less", positions, begin)),
        graph.node("Less", positions, end),
    )
    return graph.node("Cast", inside, to=DOUBLE)


def _rounded(graph: GraphBuilder, large: str, small: str) -> str:
    """Add the products with both halves of the weights, and round to grey levels."""
    large, small = (graph.node("Cast", each, to=DOUBLE) for each in (large, small))
    total = graph.node("Add", graph.node("Mul", large, graph.double(float(_PARTS))), small)
    share = graph.node("Div", total, graph.double(float(_PARTS * _PARTS)))
    levels = graph.node("Floor", graph.node("Add", share, graph.double(0.5)))
    return graph.node("Cast", levels, to=FLOAT)


def _entry(graph: GraphBuilder, values: str, i: int) -> str:
    return graph.node("Gather", values, graph.integer([i]))


def _scalar(graph: GraphBuilder, value: str) -> Any:
    return graph.node("Squeeze", value, graph.integer([0]))
