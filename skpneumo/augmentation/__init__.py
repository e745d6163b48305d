"""Random preprocessing of images, in training only.

:class:`ImageAugmenter` says what may happen to an image and samples what does; it is a sampler
step and a parameter of the classifiers alike. Drawing is NumPy's, applying is Keras's, so
that importing this stage does not import Keras: the two names that need it come on demand.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
