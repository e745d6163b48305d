"""Short names of types in signatures, where NumPy's would fill a screen of ``help()``."""

import sys

import numpy.typing as npt

if sys.version_info >= (3, 12):
    from typing import TypeAliasType
else:
    from typing_extensions import TypeAliasType

__all__ = ["ArrayLike"]

ArrayLike = TypeAliasType("ArrayLike", npt.ArrayLike)
"""Anything that NumPy can convert to an array."""
