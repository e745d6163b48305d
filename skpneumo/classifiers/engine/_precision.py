"""Choose bfloat16 if this machine computes faster with it.

One of the few files with branches by backend: backends describe their GPU differently.
"""

from functools import cache

import keras

from skpneumo._machine import processor

# Instructions that multiply bfloat16 natively; without them it is emulated, and slower.
_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
_MIN_CUDA_CAPABILITY = (8, 0)


def dtype_policy(precision: str) -> str:
    """Return the Keras dtype policy for ``"auto"``, ``"float32"`` or ``"bfloat16"``.

    Weights and logits are float32 with all of them.
    """
    if precision == "auto":
        precision = "bfloat16" if _has_fast_bfloat16() else "float32"
    return {"bfloat16": "mixed_bfloat16", "float32": "float32"}[precision]


@cache
def _has_fast_bfloat16() -> bool:
    capability = _cuda_capability()
    if capability is not None:
        return capability >= _MIN_CUDA_CAPABILITY
    # On a CPU, it has been measured only on TensorFlow.
    _, flags = processor()
    return keras.backend.backend() == "tensorflow" and bool(flags & _CPU_FLAGS)


def _cuda_capability() -> tuple[int, ...] | None:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            details = tf.config.experimental.get_device_details(gpu)
            return details.get("compute_capability", (0,))
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_capability()
    elif backend == "jax":
        import jax

        device = jax.devices()[0]
        if device.platform == "gpu":
            return tuple(int(part) for part in str(device.compute_capability).split("."))
    return None
