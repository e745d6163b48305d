"""Describe the methods of own classes, so that results of edited ones are not reused.

By bytecode, because worker processes cannot read the source of a notebook. What methods call is
not followed: a key must be the same after each call and in each process, and the global names that
code uses, and what they stand for, may change with both.
"""

import dis
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["code_of"]

# Known by their versions, although they may be run from their sources.
_KNOWN = {"skpneumo", "sklearn", "imblearn", "keras"}
# Where methods, properties and decorators have the functions that they are made of.
_INNER = ("__func__", "__wrapped__", "func", "fget", "fset", "fdel")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def code_of(kind: type) -> list[Any]:
    """Describe the methods and constants of a class, by types that JSON supports.

    Constants are numbers, text and tuples of these that no method sets. The description is empty
    for a class of an installed package.
    """
    foreign = [vars(each) for each in kind.__mro__ if not _is_own(each)]
    names = sorted({name for each in kind.__mro__ if _is_own(each) for name in vars(each)})
    members = {name: inspect.getattr_static(kind, name) for name in names}
    # Workers receive classes without members that equal those of a base.
    members = {
        name: member
        for name, member in members.items()
        if not any(name in each and each[name] is member for each in foreign)
    }
    functions = {name: list(_functions_of(member)) for name, member in members.items()}
    changing = {name for of in functions.values() for each in of for name in _sets(each)}
    constants = {
        name: _text(member)
        for name, member in members.items()
        if _is_plain(member) and name not in changing and not name.startswith("__")
    }
    methods = {
        name: [[_instructions(each.__code__), _defaults(each)] for each in of]
        for name, of in functions.items()
        if of
    }
    return [methods, constants] if methods or constants else []


@cache
def _is_own(kind: type) -> bool:
    """Tell a class of a script, a notebook or an own module from those of installed packages."""
    if kind.__module__ == "__main__":
        return True
    if kind.__module__.partition(".")[0] in _KNOWN | {"builtins"}:
        return False
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    installed = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return file is None or not any(Path(file).is_relative_to(folder) for folder in installed)


def _functions_of(member: Any) -> Iterator[FunctionType]:
    """Find the functions that a member of a class is made of, such as one that is decorated."""
    waiting, seen = [member], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type | ModuleType):
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            yield value
        if type(value).__module__ in ("builtins", "functools"):
            inner = [getattr(value, name, None) for name in _INNER]
        else:  # whose own attributes could run any code
            inner = [inspect.getattr_static(value, "__wrapped__", None)]
        waiting += [each for each in inner if each is not None]


def _sets(function: FunctionType) -> set[str]:
    return {each.argval for each in dis.get_instructions(function) if each.opname == "STORE_ATTR"}


def _defaults(function: FunctionType) -> list[str]:
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    return [_text(each) for each in values if _is_plain(each)]


def _instructions(code: CodeType) -> list[Any]:
    """Describe what code does, not where it is written."""
    constants = [
        _instructions(each) if isinstance(each, CodeType) else _text(each)
        for each in code.co_consts
    ]
    return [
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
        code.co_names,
        constants,
    ]


def _is_plain(value: Any) -> bool:
    """Return whether a value cannot change."""
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return type(value) in _PLAIN


def _text(value: Any) -> str:
    """Write a constant in the same way in all processes."""
    if type(value) is tuple:
        return f"({', '.join(map(_text, value))})"
    if type(value) is frozenset:  # its order differs between processes
        return f"{{{', '.join(sorted(map(_text, value)))}}}"
    return repr(value)
