"""The fitted state of an estimator as arrays and text, and back: reading it runs no code.

Fitted state is parameters plus arrays: the parameters are the search's own and are not saved.
What is read may only consist of numbers, text, arrays, generators of random numbers, and the
records of this package that say how a network is built; everything else is refused.
"""

import json
from typing import Any

import numpy as np

from skpneumo._encoding import NETWORK_NAMES, Arrays, Decoder, Encoder, Registry

__all__ = ["fitted_state", "restore_fitted_state"]

# The structure, as JSON, beside the arrays that it names.
_STRUCTURE = "structure"
# What the callbacks of scikit-learn leave in an estimator belongs to the search that set them.
_OF_CALLBACKS = ("_skl_", "_parent_callback_ctx")
_NETWORKS = Registry(NETWORK_NAMES)


def fitted_state(estimator: Any) -> Arrays:
    """Give all that ``fit`` has set, as arrays that can be saved without pickle.

    Raises
    ------
    TypeError
        If there is something else in it.
    """
    parameters = estimator.get_params(deep=False)
    state = {
        name: value
        for name, value in vars(estimator).items()
        if name not in parameters and not name.startswith(_OF_CALLBACKS)
    }
    encoder = Encoder(_NETWORKS)
    try:
        structure = encoder.encode(state)
    except TypeError as error:
        raise TypeError(
            f"The fitted {type(estimator).__name__} cannot be saved without pickle: {error}. "
            "Search with continue_training=False."
        ) from error
    return {_STRUCTURE: np.array(json.dumps(structure)), **encoder.arrays}


def restore_fitted_state(estimator: Any, arrays: Arrays) -> None:
    """Set what :func:`fitted_state` gave in an estimator of the same parameters.

    Raises
    ------
    ValueError
        If it is something else.
    """
    try:
        structure = json.loads(str(arrays[_STRUCTURE]))
        state = Decoder(_NETWORKS, arrays).decode(structure)
    except (KeyError, ValueError) as error:
        raise ValueError(f"not a fitted state: {error}") from error
    if not isinstance(state, dict) or state.keys() & estimator.get_params(deep=False).keys():
        raise ValueError("not a fitted state: no attributes, or parameters among them")
    vars(estimator).update(state)
