"""Add the enhancement steps that ONNX can express to a graph."""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from skpneumo.enhancement import BorderCropper, ContrastEqualizer, MarkerRemover
from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._graph import DOUBLE, FLOAT, INTEGER, GraphBuilder, Tensor
from skpneumo.persistence.onnx._resizing import resize_part

__all__ = ["ENHANCEMENTS"]

_LEVELS = 256
_SMALLEST_PART = 0.25  # of the height or width, as in BorderCropper


def equalize_contrast(graph: GraphBuilder, step: ContrastEqualizer, image: Tensor) -> Tensor:
    """Map grey levels by a table computed from the histogram of the image."""
    levels = graph.node("Cast", image.name, to=INTEGER)
    flat = graph.node("Reshape", levels, graph.integer([-1]))
    ones = graph.node("Expand", graph.integer([1]), graph.node("Shape", flat))
    zeros = graph.integer(np.zeros(_LEVELS))
    histogram = graph.node("ScatterElements", zeros, flat, ones, axis=0, reduction="add")
    n_pixels = int(np.prod(image.shape))
    if step.method == "equalize":
        table = _equalizing_table(graph, histogram, n_pixels)
    else:
        table = _stretching_table(graph, histogram, n_pixels, step.cutoff)
    return Tensor(graph.node("Gather", table, levels), image.shape)


def _ends(graph: GraphBuilder, histogram: str, cut: int) -> tuple[str, str]:
    """Find the lowest and highest grey level without the ``cut`` pixels at either end."""

    def first(cumulated: str) -> str:
        beyond = graph.node("Greater", cumulated, graph.integer([cut]))
        return graph.node("ArgMax", graph.node("Cast", beyond, to=FLOAT), axis=0, keepdims=1)

    axis = graph.integer(0)
    lowest = first(graph.node("CumSum", histogram, axis))
    from_above = _reversed(graph, histogram)
    highest = first(graph.node("CumSum", from_above, axis))
    return lowest, graph.node("Sub", graph.integer([_LEVELS - 1]), highest)


def _stretching_table(graph: GraphBuilder, histogram: str, n_pixels: int, cutoff: float) -> str:
    lowest, highest = _ends(graph, histogram, int(n_pixels * cutoff // 100))
    width = graph.node("Max", graph.node("Sub", highest, lowest), graph.integer([1]))
    # In float64 as in Python, where a product that should be whole can be slightly smaller.
    scale = graph.node("Div", graph.double([255.0]), graph.node("Cast", width, to=DOUBLE))
    offset = graph.node("Mul", graph.node("Neg", graph.node("Cast", lowest, to=DOUBLE)), scale)
    table = graph.node("Mul", graph.double(np.arange(_LEVELS)), scale)
    table = graph.node("Floor", graph.node("Add", table, offset))
    table = graph.node("Clip", table, graph.double(0.0), graph.double(255.0))
    same = graph.node("Not", graph.node("Greater", highest, lowest))
    table = graph.node("Where", same, graph.double(np.arange(_LEVELS)), table)
    return graph.node("Cast", table, to=FLOAT)


def _equalizing_table(graph: GraphBuilder, histogram: str, n_pixels: int) -> str:
    _, highest = _ends(graph, histogram, 0)
    n_brightest = graph.node("Gather", histogram, highest)
    others = graph.node("Sub", graph.integer([n_pixels]), n_brightest)
    step = graph.whole_quotient(others, graph.integer([255]))
    too_few = graph.node("Equal", step, graph.integer([0]))  # also true for an image of one level
    step = graph.node("Max", step, graph.integer([1]))
    below = graph.node("CumSum", histogram, graph.integer(0), exclusive=1)
    below = graph.node("Add", below, graph.whole_quotient(step, graph.integer([2])))
    table = graph.node("Min", graph.whole_quotient(below, step), graph.integer([255]))
    table = graph.node("Where", too_few, graph.integer(np.arange(_LEVELS)), table)
    return graph.node("Cast", table, to=FLOAT)


def crop_borders(graph: GraphBuilder, step: BorderCropper, image: Tensor) -> Tensor:
    """Crop the borders, and scale the rest back to the size of the image."""
    height, width, _ = image.shape
    brightest = graph.node("ReduceMax", image.name, axes=[0, 1], keepdims=0)
    darkest = graph.node("ReduceMin", image.name, axes=[0, 1], keepdims=0)
    limit = graph.constant(float(step.tolerance))
    black = graph.node("Not", graph.node("Greater", brightest, limit))
    white = graph.node("Not", graph.node("Less", darkest, graph.constant(255.0 - step.tolerance)))
    kinds = [graph.node("Cast", kind, to=FLOAT) for kind in (black, white)]
    rows, columns = _inside_borders(graph, kinds, height, width)
    top, bottom = _extent(graph, rows, height)
    left, right = _extent(graph, columns, width)
    box = {"left": left, "top": top, "right": right, "bottom": bottom}
    scaled = resize_part(graph, image, box)
    share = graph.node(
        "Min", _share(graph, top, bottom, height), _share(graph, left, right, width)
    )
    too_small = graph.node("Less", share, graph.double([_SMALLEST_PART]))
    whole = graph.node("Not", graph.node("Less", share, graph.double([1.0])))
    # A small part, such as a marker, is not the image; an empty one has the share 0.
    unchanged = graph.node("Or", too_small, whole)
    return Tensor(graph.node("Where", unchanged, image.name, scaled), image.shape)


def _inside_borders(
    graph: GraphBuilder, kinds: list[str], height: int, width: int
) -> tuple[str, str]:
    """Mark rows and columns inside the borders with 1; repeated, as a border can hide another."""
    body = GraphBuilder(prefix="inside_")
    state = [("rows", height), ("columns", width)]
    kept = [_lines_inside(body, kinds, lines, n) for lines, n in state]
    before = body.node(
        "Add", *(body.node("ReduceSum", each, keepdims=0) for each in ("rows", "columns"))
    )
    after = body.node("Add", *(body.node("ReduceSum", each, keepdims=0) for each in kept))
    changed = body.node("Less", after, before)
    inputs = [
        helper.make_tensor_value_info("turn", INTEGER, []),
        helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
        *(helper.make_tensor_value_info(name, FLOAT, [n]) for name, n in state),
    ]
    outputs = [
        helper.make_tensor_value_info(changed, TensorProto.BOOL, []),
        *(
            helper.make_tensor_value_info(name, FLOAT, [n])
            for name, (_, n) in zip(kept, state, strict=True)
        ),
    ]
    loop = body.graph("inside_borders", inputs, outputs)
    turns = graph.integer(height + width)
    begin = graph.constant(True, np.bool_)
    all_of = [graph.constant(np.ones(n)) for _, n in state]
    rows, columns = graph.node_of_several("Loop", turns, begin, *all_of, n_outputs=2, body=loop)
    return rows, columns


def _lines_inside(body: GraphBuilder, kinds: list[str], lines: str, n_lines: int) -> str:
    """Mark the rows or columns between the outermost borders with 1.

    One is a border if all its pixels that are left are of one kind.
    """
    across = {"rows": "columns", "columns": "rows"}[lines]
    n_across = body.node("ReduceSum", across, body.integer([0]), keepdims=1)
    borders = []
    for kind in kinds:
        factors = (kind, across) if lines == "rows" else (across, kind)
        borders.append(body.node("Equal", body.node("MatMul", *factors), n_across))
    border = reduce(partial(body.node, "Or"), borders)
    inside = body.node("Cast", body.node("Not", border), to=FLOAT)
    first, last = _extent(body, body.node("Mul", inside, lines), n_lines)
    positions = body.integer(np.arange(n_lines))
    span = body.node(
        "And",
        body.node("Not", body.node("Less", positions, first)),
        body.node("Less", positions, last),
    )
    return body.node("Cast", span, to=FLOAT)


def _extent(graph: GraphBuilder, inside: str, length: int) -> tuple[str, str]:
    """Find the first position that is 1, and the one after the last; (0, 0) if there is none."""
    first = graph.node("ArgMax", inside, axis=0, keepdims=1)
    from_end = graph.node("ArgMax", _reversed(graph, inside), axis=0, keepdims=1)
    last = graph.node("Sub", graph.integer([length]), from_end)
    some = graph.node("ReduceMax", inside, keepdims=1)
    last = graph.node("Mul", last, graph.node("Cast", some, to=INTEGER))
    return first, last


def _share(graph: GraphBuilder, begin: str, end: str, length: int) -> str:
    n = graph.node("Cast", graph.node("Sub", end, begin), to=DOUBLE)
    return graph.node("Div", n, graph.double([float(length)]))


def _reversed(graph: GraphBuilder, values: str) -> str:
    last, before_first = graph.integer([-1]), graph.integer([np.iinfo(np.int64).min])
    return graph.node("Slice", values, last, before_first, graph.integer([0]), last)


def refuse_to_remove_markers(graph: GraphBuilder, step: MarkerRemover, image: Tensor) -> Tensor:
    """Raise, because finding connected regions of pixels cannot be expressed."""
    raise NotExportableError(
        "MarkerRemover searches images for connected regions, for which ONNX has no operator. "
        "Train a model without it, with ImageAugmenter(marks=...) against burnt-in marks instead, "
        "or save it with save_model, as a .skpneumo file."
    )


ENHANCEMENTS: dict[type, Callable[[GraphBuilder, Any, Tensor], Tensor]] = {
    ContrastEqualizer: equalize_contrast,
    BorderCropper: crop_borders,
    MarkerRemover: refuse_to_remove_markers,
}
