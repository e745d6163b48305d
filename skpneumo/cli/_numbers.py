"""Numbers as values of options: what is expected, and what is none although it is parsed."""

from collections.abc import Iterable
from math import isfinite
from typing import Any, Literal, get_args, get_origin

from cyclopts import App, Argument, CoercionError, CycloptsError
from cyclopts.validators import Number

__all__ = ["number_expected", "number_meant", "refuse_odd_numbers"]

_KINDS: dict[type, str] = {int: "a whole number", float: "a number"}
_BOUNDS = {"gt": "above", "gte": "of at least", "lt": "below", "lte": "at most"}
_LARGEST = 2**32 - 1  # of whole numbers; also the largest seed of NumPy


def refuse_odd_numbers(_: App, command: tuple[str, ...], arguments: Iterable[Argument]) -> None:
    """Refuse values that the parser would accept as numbers, such as 1.5 epochs, or nan.

    Raises
    ------
    CycloptsError
        If an option has such a value.
    """
    for argument in arguments:
        kind = _kind(argument)
        for token in argument.tokens if kind else ():
            if not _is_number(token.value, kind):
                raise CoercionError(
                    argument=argument, token=token, target_type=kind, command_chain=command
                )
            if kind is int and int(token.value) > _LARGEST:
                said = f"{token.keyword} {token.value}: expected at most {_LARGEST}."
                raise CycloptsError(msg=said, command_chain=command)


def number_expected(argument: Argument | None) -> str:
    """Describe the numbers that an option accepts; "" if it is for something else."""
    kind = _kind(argument)
    if kind is None or argument is None:
        return ""
    validators: Any = argument.parameter.validator
    bounds = [
        f"{word} {getattr(each, name)}"
        for each in validators
        if isinstance(each, Number)
        for name, word in _BOUNDS.items()
        if getattr(each, name) is not None
    ]
    return f"{_KINDS[kind]} {' and '.join(bounds)}".strip()


def number_meant(argument: Argument | None, value: str) -> str:
    """Write a number with a decimal comma with a point; "" if it is something else."""
    dotted = value.replace(",", ".")
    is_meant = "," in value and _kind(argument) is float and _is_number(dotted, float)
    return dotted if is_meant else ""


def _kind(argument: Argument | None) -> Any:
    types = _types_in(None if argument is None else argument.hint)
    return next((kind for kind in _KINDS if kind in types), None)


def _types_in(hint: Any) -> set[Any]:
    """List the types of a hint, such as ``int`` and ``None`` of ``int | None``."""
    if get_origin(hint) is Literal:  # whose arguments are values
        return set()
    inner = get_args(hint)
    return set().union(*map(_types_in, inner)) if inner else {hint}


def _is_number(value: str, kind: type) -> bool:
    try:
        return isfinite(kind(value))
    except OverflowError:  # a whole number of many digits
        return True
    except ValueError:
        return False
