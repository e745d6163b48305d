"""Everything that trains and predicts with Keras.

Users meet it through the classifiers. The names below are what other stages of the package build
on: explanations compile networks of their own, searches share a device, ``doctor`` asks for it.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
