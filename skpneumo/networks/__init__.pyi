from ._cnn import build_cnn
from ._pretrained import build_pretrained

__all__ = [
    "build_cnn",
    "build_pretrained",
]
