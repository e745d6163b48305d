"""Networks: pure functions from an image shape to an uncompiled :class:`keras.Model`.

They know neither scikit-learn nor labels. Every network takes images as they are stored (no
scaling beforehand), gives logits in float32, and depends on its ``seed`` alone: Keras's global
generator is neither read nor moved.
"""

from skpneumo.networks._cnn import build_cnn
from skpneumo.networks._pretrained import build_pretrained

__all__ = ["build_cnn", "build_pretrained"]
