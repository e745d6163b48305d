"""Networks: pure functions from an image shape to an uncompiled :class:`keras.Model`.

They know neither scikit-learn nor labels. Every network takes images as they are stored (no
scaling beforehand), gives logits in float32, and depends on its ``seed`` alone: Keras's global
generator is neither read nor moved.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
