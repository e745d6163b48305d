"""Pin the global settings of Keras and scikit-learn while this package computes.

So the settings of other programs, or of ``keras.json``, have no effect and are not changed. Those
of Keras belong to the process: of several threads, the first saves and sets them, and the last
restores them. The user's settings of metadata routing and printing stay valid. TensorFlow's advice
about functions that are traced again is silenced, because a search over networks has to do that.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import keras
import sklearn

from skpneumo._process_wide import process_wide

__all__ = ["pinned", "pinned_settings"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_OF_SKLEARN: dict[str, Any] = {
    "array_api_dispatch": False,
    "assume_finite": False,
    "enable_cython_pairwise_dist": True,
    "pairwise_dist_chunk_size": 256,
    "skip_parameter_validation": False,
    "sparse_interface": "spmatrix",
    "transform_output": "default",
    "working_memory": 1024,
}

# How to read and set each of them, and the value that is needed here.
_OF_KERAS: list[tuple[Callable[[], Any], Callable[[Any], None], Any]] = [
    (keras.config.image_data_format, keras.config.set_image_data_format, "channels_last"),
    (keras.config.floatx, keras.config.set_floatx, "float32"),
    (keras.config.epsilon, keras.config.set_epsilon, 1e-7),
    (keras.config.max_epochs, keras.config.set_max_epochs, None),
    (keras.config.max_steps_per_epoch, keras.config.set_max_steps_per_epoch, None),
]

_ADVICE = "triggered tf.function retracing"  # by whoever calls other networks in turn


def _is_no_advice(record: logging.LogRecord) -> bool:
    return _ADVICE not in record.getMessage()


_logger = logging.getLogger("tensorflow")


@process_wide
def _keras_pinned() -> Iterator[None]:
    _logger.addFilter(_is_no_advice)
    saved = [read() for read, _, _ in _OF_KERAS]
    for (_, change, needed), present in zip(_OF_KERAS, saved, strict=True):
        if present != needed:
            change(needed)
    yield
    _logger.removeFilter(_is_no_advice)
    for (_, change, needed), before in zip(_OF_KERAS, saved, strict=True):
        if before != needed:
            change(before)


@contextmanager
def pinned_settings() -> Iterator[None]:
    """Compute with the settings that this package was written for.

    Examples
    --------
    >>> import keras
    >>> from skpneumo._settings import pinned_settings
    >>> keras.config.set_epsilon(1e-3)
    >>> with pinned_settings():
    ...     keras.config.epsilon()
    1e-07
    >>> keras.config.epsilon()
    0.001
    >>> keras.config.set_epsilon(1e-7)
    """
    with sklearn.config_context(**_OF_SKLEARN), _keras_pinned():
        policy = keras.config.dtype_policy()  # belongs to this thread
        keras.config.set_dtype_policy("float32")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)


def pinned(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Wrap a function so that it runs with the pinned settings."""

    @wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with pinned_settings():
            return function(*args, **kwargs)

    return wrapped
