"""Read the bytecode of functions: what it does, the names it uses, and plain values as text."""

import dis
from functools import lru_cache
from pathlib import PurePath
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "ATTRIBUTE",
    "CLOSURE",
    "GLOBAL",
    "Names",
    "instructions_of",
    "is_plain",
    "names_in",
    "text_of",
]

GLOBAL, ATTRIBUTE, CLOSURE = "global", "attribute", "closure"  # places of a name
_STORES = {"STORE_GLOBAL": GLOBAL, "STORE_ATTR": ATTRIBUTE, "STORE_DEREF": CLOSURE}
_PLAIN = {bool, int, float, complex, str, bytes, range, type(None), type(...)}


class Names(NamedTuple):
    """Names in code: global ones that it loads, with attributes after them; and what it sets."""

    loaded: frozenset[tuple[str, ...]]
    stored: frozenset[tuple[str, str]]  # place and name


@lru_cache(maxsize=4096)
def names_in(code: CodeType) -> Names:
    """Find the names that code, with the functions inside it, loads and sets."""
    loaded: set[tuple[str, ...]] = set()
    stored: set[tuple[str, str]] = set()
    chain: tuple[str, ...] = ()
    for each in dis.get_instructions(code):
        if each.opname == "LOAD_GLOBAL":
            chain = (each.argval,)
            loaded.add(chain)
        elif chain and each.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            chain = (*chain, each.argval)
            loaded.add(chain)
        elif each.opname != "EXTENDED_ARG":
            chain = ()
        if each.opname in _STORES:
            stored.add((_STORES[each.opname], each.argval))
    for inner in _codes_inside(code):
        loaded |= names_in(inner).loaded
        stored |= names_in(inner).stored
    own = {(CLOSURE, name) for name in {*code.co_varnames, *code.co_cellvars}}
    return Names(frozenset(loaded), frozenset(stored - own))


def instructions_of(code: CodeType) -> list[Any]:
    """Describe what code does, by types that JSON supports; not where it is written."""
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    names = [code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars]
    constants = [text_of(each) for each in code.co_consts if not isinstance(each, CodeType)]
    inner = [instructions_of(each) for each in _codes_inside(code)]
    return [code.co_code.hex(), code.co_exceptiontable.hex(), counts, names, constants, inner]


def is_plain(value: Any) -> bool:
    """Return whether a value cannot change and is written in the same way in all processes."""
    if type(value) in (tuple, frozenset):
        return all(map(is_plain, value))
    return type(value) in _PLAIN or issubclass(type(value), (np.generic, PurePath))


def text_of(value: Any) -> str:
    """Write a plain value."""
    if type(value) is tuple:
        return f"({', '.join(map(text_of, value))})"
    if type(value) is frozenset:  # its order differs between processes
        return f"{{{', '.join(sorted(map(text_of, value)))}}}"
    return repr(value)


def _codes_inside(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]
