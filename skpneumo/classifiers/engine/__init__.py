"""Everything that trains and predicts with Keras.

Users access it through the classifiers. Other stages use the public names: explanations compile
other networks, searches share a device, and ``skpneumo doctor`` reports devices.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
