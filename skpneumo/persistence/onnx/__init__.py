"""Fitted models as ONNX files: from the pixels of an image to probability and decision.

The graph is built node by node::

    _graph          nodes and constants, each once; batch normalisation folded
    _resizing       what ImageLoader does with the pixels
    _enhancement    the steps of enhancement that can be said in a graph
    _network        a Keras network, layer by layer (_layers, _operations)
    _estimators     pipelines, averages, calibration, thresholds (_calibration)
    _parity         the graph against the model that it was made of
    _export         all of it, and the file
    _metadata       what the file says about itself
    _guard          what a file may be made of, before it is run
    _classifier     the file as a classifier; imports neither Keras nor TensorFlow
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
