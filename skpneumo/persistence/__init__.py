"""Fitted estimators as files that hold data alone: nothing in them runs when they are loaded.

A ``.skpneumo`` file is a zip archive of JSON and of arrays in the safetensors format. The types
in it are named, and made by their constructors; only those of a closed list are. It can carry
where the model comes from. ``.onnx`` files are for programs without Keras and TensorFlow.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
