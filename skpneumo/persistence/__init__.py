"""Persistence: save fitted estimators as files that contain only data, and run no code.

A ``.skpneumo`` file is a zip archive of JSON, and of arrays in the safetensors format. It names
types, which are created by their constructors; only those of a closed list are allowed. It can
also contain the provenance of the model. ``.onnx`` files are for programs without Keras and
TensorFlow.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
