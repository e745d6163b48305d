"""Read a collection with the classes of a model."""

import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
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
    from skpneumo.cli._labels import class_names

    classes = class_names(model)
    reader = _Reader(folder, options, usual, side, classes)
    return reader.of_two(model) if len(classes) == 2 else reader.of_several()


@dataclass(frozen=True)
class _Reader:
    """Reads one collection with the classes of a model."""

    folder: Path | None
    options: CollectionOptions
    usual: str
    side: Side
    classes: list[str]

    def of_several(self) -> "Bunch":
        from skpneumo._positive_class import positive_classes

        xrays = self._read_several()
        if list(xrays.target_names) != self.classes:
            raise self._other_classes(xrays.target_names)
        if self.options.positive:
            try:
                positive = positive_classes(self.classes, list(self.options.positive)).positive
            except ValueError as error:
                raise OtherPositiveError(str(error)) from error
            xrays.positive = list(positive)
        return xrays

    def _read_several(self) -> "Bunch":
        from skpneumo._positive_class import UndecidedPositiveError

        try:
            return self._read(self.classes, ())
        except UndecidedPositiveError as error:
            # Two of the model's classes, such as two illnesses, and all of its classes decide.
            if len(error.classes) != 2:
                raise
            xrays = self._read(self.classes, (str(error.classes[1]),))
            if list(xrays.target_names) != self.classes:
                raise
            return xrays

    def of_two(self, model: Any) -> "Bunch":
        names, option_decided = _negative_first(model, self.classes, self.options.positive)
        xrays = self._read_two(names, option_decided)
        xrays.positive = [names[1]]
        _number(xrays, [self.classes.index(name) for name in names], self.classes)
        return xrays

    def _read_two(self, names: list[str], option_decided: bool) -> "Bunch":
        """Read it as the options say, or else by what the model knows."""
        from skpneumo._positive_class import UndecidedPositiveError

        asked = self.options.positive
        failure: ValueError | None = None
        try:
            xrays = self._read(names, asked, may_be_others=True)
            found = list(xrays.target_names)
            if found == names:
                return xrays
        except UndecidedPositiveError as error:
            if asked:
                raise
            failure, found = error, [str(each) for each in error.classes]
        except ValueError as error:
            if not (option_decided or _is_named(names[1], asked)):
                raise
            # It names a class of the model, which the collection may call 1, or which is alone.
            failure, found = error, []
        known = self._read_as_known(names)
        if known is None:
            raise failure if failure and not found else self._other_classes(found)
        if asked and failure is None:
            raise OtherPositiveError(
                f"--positive {shlex.join(asked)} contradicts the model, whose positive class is "
                f"{names[1]}. Leave it out, because the model knows its classes."
            )
        return known

    def _read_as_known(self, names: list[str]) -> "Bunch | None":
        """Read it by what a model of two classes knows, instead of --positive."""
        for positive in ((), tuple(names[1].split(" or "))):
            if positive != self.options.positive:
                with suppress(ValueError):
                    xrays = self._read(names, positive)
                    if list(xrays.target_names) == names:
                        return xrays
        return None

    def _read(
        self, names: list[str], positive: tuple[str, ...], *, may_be_others: bool = False
    ) -> "Bunch":
        """Read it, with the names of the model for classes that are recognised as its."""
        options = replace(self.options, positive=positive)
        labels = "etiology" if "BACTERIA" in names and options.table is None else "binary"
        xrays = read_collection(self.folder, options, self.usual, self.side, labels)
        return _as_in_model(xrays, names, options if may_be_others else None)

    def _other_classes(self, found: list[str]) -> ValueError:
        could_name_it = len(found) > 1 and not self.options.positive
        name_it = ", or name the positive class with --positive" if could_name_it else ""
        return ValueError(
            f"The classes of the model are {', '.join(self.classes)}, in this order, but "
            f"{self.options.table or self.folder} has {', '.join(found)}. Evaluate it on X-rays "
            f"of its classes{name_it}."
        )


def _negative_first(
    model: Any, names: list[str], asked: tuple[str, ...]
) -> tuple[list[str], bool]:
    """Order the names of two classes; also return whether --positive decided, not the model.

    If it names neither, as it is in the words of the collection, they keep their order.
    """
    from skpneumo._positive_class import positive_classes
    from skpneumo._responses import positive_column

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


def _is_named(name: str, asked: tuple[str, ...]) -> bool:
    from skpneumo._spellings import meaning_of_labels

    meaning = meaning_of_labels([name, *asked])
    return [*map(meaning, asked)] == [meaning(name)]


def _as_in_model(xrays: "Bunch", names: list[str], options: CollectionOptions | None) -> "Bunch":
    """Name and number the classes as a model does, if it is clear which is which.

    They are the same in another spelling; or 0 and 1, also of a column with the name of the
    positive class; or --positive names the positive one of two, and no name is of the model.
    """
    from skpneumo._spellings import NO, YES, folded, meaning_of_labels

    meaning = meaning_of_labels([*xrays.target_names, *names])
    own, wanted = [*map(meaning, xrays.target_names)], [*map(meaning, names)]
    if options is not None and len(own) == 1 and own[0] in NO | YES:
        column = folded(options.label or "")
        if {*wanted} == {f"not {column}", column}:  # a column with one of the two answers
            own = [column if own[0] in YES else f"not {column}"]
    # Some of a model's classes are enough, such as healthy people alone for the specificity.
    if own == wanted or {*own} < {*wanted} or (len(names) > 2 and sorted(own) == sorted(wanted)):
        place = [wanted.index(each) for each in own]
    elif len(own) == len(names) == 2 and _in_the_same_order(own, wanted, options):
        place = [0, 1]
        for theirs, name in zip(xrays.target_names, names, strict=True):
            say(f"skpneumo: {theirs} is evaluated as {name}", file=sys.stderr)
    else:
        return xrays
    of_own = dict(zip(xrays.target_names, (names[each] for each in place), strict=True))
    _number(xrays, place, names)
    # Of some of the classes one may be positive that is one of several of the model's.
    all_are_there = len(own) == len(wanted)
    xrays.positive = [of_own[each] for each in xrays.positive] if all_are_there else []
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
    from skpneumo._spellings import NO, YES, folded

    if own == ["0", "1"]:
        return True
    if options is None:
        return False
    # The model has the answers of a column as its classes, and the collection its name.
    if own[0] == f"not {own[1]}" and wanted[0] in NO and wanted[1] in YES:
        return {*map(folded, options.positive)} <= YES
    if own[1] == f"not {own[0]}" and wanted[0] in YES and wanted[1] in NO:
        return {*map(folded, options.positive)} <= NO
    if options.positive and own == [wanted[0], f"not {wanted[0]}"]:
        return True  # all but the healthy class that both have
    # "not X" joins several classes, one of which may be the positive one of the model.
    joined = own[0].startswith("not ")
    return own == [f"not {wanted[1]}", wanted[1]] or bool(
        options.positive and not joined and not {*own} & {*wanted}
    )
