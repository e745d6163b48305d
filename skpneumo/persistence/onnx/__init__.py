"""ONNX: fitted models as files that map the pixels of an image to probabilities and a decision.

The graph is built node by node::

    _graph          collects nodes and constants, and folds batch normalisation
    _resizing       resizes pixels as ImageLoader does
    _enhancement    the enhancement steps that ONNX can express
    _network        a Keras network, layer by layer (_layers, _operations)
    _estimators     pipelines, averages, calibration, thresholds (_calibration)
    _parity         compares the graph with the model
    _export         does all of this, and writes the file
    _metadata       the description of the model in the file
    _guard          checks a file before it is run
    _classifier     a classifier that runs a file, without Keras and TensorFlow
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
