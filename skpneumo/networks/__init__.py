"""Networks: pure functions from an image shape to an uncompiled :class:`keras.Model`.

They do not depend on scikit-learn or labels. Every network takes unscaled images, returns logits
in float32, and depends only on its ``seed``: the global generator of Keras is neither used nor
changed.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
