from ._compiled import CompiledNetwork, NetworkSpec, ProgramPool
from ._devices import backend_name, device_memory_grows, device_names, let_device_memory_grow
from ._precision import dtype_policy
from ._prediction import extract_features
from ._shapes import weight_shapes

__all__ = [
    "CompiledNetwork",
    "NetworkSpec",
    "ProgramPool",
    "backend_name",
    "device_memory_grows",
    "device_names",
    "dtype_policy",
    "extract_features",
    "let_device_memory_grow",
    "weight_shapes",
]
