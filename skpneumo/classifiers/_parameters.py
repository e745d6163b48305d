"""Check sizes and names that Keras would refuse later, in terms of its layers."""

from difflib import get_close_matches
from numbers import Integral
from types import ModuleType
from typing import Any

import keras
import numpy as np

from skpneumo._random import python_random_unmoved
from skpneumo.classifiers.engine._compiled import NetworkSpec

_SIZES = ("filters", "dense_units", "head_units")
_NAMES: dict[str, ModuleType] = {
    "activation": keras.activations,
    "kernel_initializer": keras.initializers,
    "optimizer": keras.optimizers,
}
_NOT_NAMES = {"get", "serialize", "deserialize"}


def check_network_parameters(estimator: Any) -> None:
    """Raise ValueError for the first parameter with which no network can be built."""
    for parameter in _SIZES:
        for size in getattr(estimator, parameter, ()):
            if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
                raise ValueError(
                    f"{parameter}={getattr(estimator, parameter)!r} contains {size!r}; expected "
                    "positive whole numbers, one per layer, such as (32, 64)."
                )
    for parameter, module in _NAMES.items():
        name = getattr(estimator, parameter, None)
        if isinstance(name, str) and not _is_known(name, module):
            known = {each.lower() for each in dir(module) if each[0] != "_"} - _NOT_NAMES
            near = get_close_matches(name.lower(), known, n=3)
            advice = f"Did you mean {' or '.join(near)}?" if near else f"It has {sorted(known)}."
            raise ValueError(
                f"{parameter}={name!r}, but {module.__name__} has nothing with this name. {advice}"
            )


def _is_known(name: str, module: ModuleType) -> bool:
    try:
        with python_random_unmoved():
            module.get(name)
    except ValueError:
        return False
    return True


def check_network_is_the_same(before: NetworkSpec, after: NetworkSpec) -> None:
    """Raise ValueError if the network differs from the one that training began with."""
    if before == after:
        return
    values = dict(before.arguments)
    changed = ", ".join(
        f"{name} from {values[name]} to {value}"
        for name, value in after.arguments
        if values[name] != value
    )
    raise ValueError(
        f"Parameters of the network have been changed since training began: {changed}. Training "
        "cannot continue with another network; change them back, or fit with warm_start=False."
    )


def python_number(value: Any) -> Any:
    """Convert a number of NumPy to one of Python, as its type may be too small to compute with."""
    return value.item() if isinstance(value, np.generic) else value
