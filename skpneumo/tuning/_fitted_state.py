"""Convert the fitted state of an estimator to arrays and back, without running saved code.

Only fitted attributes are saved; the search knows the parameters. Attributes may only be numbers,
text, arrays, random number generators, and the records of this package that describe a network;
everything else is refused.
"""

import json
from typing import Any

import numpy as np

from skpneumo._encoding import NETWORK_NAMES, Arrays, Decoder, Encoder, Registry

__all__ = ["fitted_state", "restore_fitted_state"]

# Name of the array with the structure of the state, as JSON that refers to the other arrays.
_STRUCTURE = "structure"
# Prefixes of attributes that callbacks of scikit-learn set, which belong to the search.
_CALLBACK_PREFIXES = ("_skl_", "_parent_callback_ctx")
_NETWORKS = Registry(NETWORK_NAMES)


def fitted_state(estimator: Any) -> Arrays:
    """Return the fitted attributes as arrays that can be saved without pickle.

    Raises
    ------
    TypeError
        If an attribute has another type.
    """
    parameters = estimator.get_params(deep=False)
    state = {
        name: value
        for name, value in vars(estimator).items()
        if name not in parameters and not name.startswith(_CALLBACK_PREFIXES)
    }
    encoder = Encoder(_NETWORKS)
    try:
        structure = encoder.encode(state)
    except TypeError as error:
        raise TypeError(
            f"The fitted {type(estimator).__name__} cannot be saved without pickle: {error}. "
            "Set continue_training=False."
        ) from error
    return {_STRUCTURE: np.array(json.dumps(structure)), **encoder.arrays}


def restore_fitted_state(estimator: Any, arrays: Arrays) -> None:
    """Set the attributes from :func:`fitted_state` in an estimator with the same parameters.

    Raises
    ------
    ValueError
        If the arrays are not a fitted state.
    """
    try:
        structure = json.loads(str(arrays[_STRUCTURE]))
        state = Decoder(_NETWORKS, arrays).decode(structure)
    except (KeyError, ValueError) as error:
        raise ValueError(f"not a fitted state: {error}") from error
    if not isinstance(state, dict) or state.keys() & estimator.get_params(deep=False).keys():
        raise ValueError("not a fitted state: no attributes, or parameters among them")
    vars(estimator).update(state)
