"""Random preprocessing of images, in training only.

:class:`ImageAugmenter` has the limits of each change and samples its parameters. It is used both
as a sampler step and as a parameter of the classifiers. Parameters are sampled with NumPy and
applied with Keras, which is imported only when the two names that need it are used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
