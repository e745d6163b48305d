"""Recipes: whole pipelines by name, of published studies and of this package.

A recipe is an unfitted :class:`~skpneumo.Pipeline` from paths to probabilities. Its steps are
called ``load`` and ``cnn``, and ``balance`` if classes are resampled, so that a grid for one
recipe also fits others; ``hog-svm``, which has no network, has ``svm`` instead of ``cnn``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
