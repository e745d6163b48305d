"""Read a collection with the classes of a model."""

import shlex
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skpneumo.cli._collections import Side, read_collection
from skpneumo.cli._options import CollectionOptions
from skpneumo.cli._terminal import say

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = ["OtherPositiveError", "read_for"]


class OtherPositiveError(ValueError):
    """The positive class that is asked for is not that of the model."""


def read_for(
    model: Any, folder: Path | None, options: CollectionOptions, usual: str, side: Side
) -> "Bunch":
    """Read a collection for a model; raise if the classes differ.

    A model of two classes knows which is positive, so --positive need not be repeated.
    """
    from skpneumo._positive_class import UndecidedPositiveError, positive_classes
    from skpneumo.cli._labels import class_names

    classes = class_names(model)
    names, option_decided = classes, False
    if len(classes) == 2:
        names, option_decided = _negative_first(model, classes, options.positive)
    labels = "etiology" if "BACTERIA" in names and options.table is None else "binary"
    if len(names) > 2:
        asked, options = options.positive, replace(options, positive=())
    xrays, undecided = None, None
    try:
        xrays = _as_in_model(read_collection(folder, options, usual, side, labels), names, options)
        found = list(xrays.target_names)
    except UndecidedPositiveError as error:
        if options.positive or len(names) != 2:
            raise
        undecided, found = error, [str(each) for each in error.classes]
    except ValueError:
        if not option_decided:
            raise
        # It names a class of the model, which the collection may call 1.
        xrays, found = _read_as_known(names, folder, options, usual, side, labels), names
        if xrays is None:
            raise
    if (xrays is None or found != names) and len(names) == 2:
        known = _read_as_known(names, folder, options, usual, side, labels)
        if known is not None and options.positive:
            raise OtherPositiveError(
                f"--positive {shlex.join(options.positive)} contradicts the model, whose positive "
                f"class is {names[1]}. Leave it out, because the model knows its classes."
            )
        if known is not None:
            xrays, found = known, names
    if undecided is not None and not found:
        raise undecided
    if xrays is None or found != names:
        raise ValueError(
            f"The classes of the model are {', '.join(classes)}, in this order, but "
            f"{options.table or folder} has {', '.join(found)}. Evaluate it on X-rays of its "
            f"classes{', or name the positive class with --positive' * (not options.positive)}."
        )
    if len(names) > 2 and asked:
        try:
            xrays.positive = list(positive_classes(names, list(asked)).positive)
        except ValueError as error:
            raise OtherPositiveError(str(error)) from error
    if len(names) == 2:
        xrays.positive = [names[1]]
        _number(xrays, [classes.index(name) for name in names], classes)
    return xrays


def _negative_first(
    model: Any, names: list[str], asked: tuple[str, ...]
) -> tuple[list[str], bool]:
    """Order the names of two classes; also return whether --positive decided, not the model.

    If it names neither, as it is in the words of the collection, they keep their order.
    """
    from skpneumo._positive_class import positive_classes
    from skpneumo.cli._labels import positive_column

    column = positive_column(model)
    if column is not None:
        return [names[1 - column], names[column]], False
    try:
        [positive] = positive_classes(names, list(asked) or None).positive
    except ValueError:
        if not asked:
            raise
        return names, False
    return [name for name in names if name != positive] + [positive], bool(asked)


def _read_as_known(
    names: list[str],
    folder: Path | None,
    options: CollectionOptions,
    usual: str,
    side: Side,
    labels: str,
) -> "Bunch | None":
    """Read a collection by what a model of two classes knows, instead of --positive."""
    for positive in ((), tuple(names[1].split(" or "))):
        if positive != options.positive:
            with suppress(ValueError):
                known = replace(options, positive=positive)
                xrays = _as_in_model(read_collection(folder, known, usual, side, labels), names)
                if list(xrays.target_names) == names:
                    return xrays
    return None


def _as_in_model(
    xrays: "Bunch", names: list[str], options: CollectionOptions | None = None
) -> "Bunch":
    """Name and number the classes as a model does, if it is clear which is which.

    They are the same in another spelling; or 0 and 1, also of a column with the name of the
    positive class; or --positive names the positive one of two, and no name is of the model.
    """
    from skpneumo._spellings import meaning_of_labels

    meaning = meaning_of_labels([*xrays.target_names, *names])
    own, wanted = [*map(meaning, xrays.target_names)], [*map(meaning, names)]
    if own == wanted or (len(names) > 2 and sorted(own) == sorted(wanted)):
        place = [wanted.index(each) for each in own]
    elif len(own) == len(names) == 2 and _in_the_same_order(own, wanted, options):
        place = [0, 1]
        for theirs, name in zip(xrays.target_names, names, strict=True):
            say(f"skpneumo: {theirs} is evaluated as {name}", file=sys.stderr)
    else:
        return xrays
    of_own = dict(zip(xrays.target_names, (names[each] for each in place), strict=True))
    _number(xrays, place, names)
    xrays.positive = [of_own[each] for each in xrays.positive]
    return xrays


def _number(xrays: "Bunch", place: list[int], names: list[str]) -> None:
    """Give each class its place among the classes of a model."""
    import numpy as np

    xrays.target = np.array(place)[xrays.target]
    xrays.frame["target"] = xrays.target
    xrays.target_names = list(names)


def _in_the_same_order(
    own: list[str], wanted: list[str], options: CollectionOptions | None
) -> bool:
    """Whether two classes of other names are the negative and the positive one of a model."""
    if own == ["0", "1"]:
        return True
    if options is None:
        return False
    # "not X" joins several classes, one of which may be the positive one of the model.
    joined = own[0].startswith("not ")
    return own == [f"not {wanted[1]}", wanted[1]] or bool(
        options.positive and not joined and not {*own} & {*wanted}
    )
