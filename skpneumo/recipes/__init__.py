"""Whole pipelines by name: the networks of published studies, and this package's own.

A recipe is an unfitted :class:`~skpneumo.Pipeline` from paths to probabilities. Its steps are
called ``load`` and ``cnn``, and ``balance`` where classes are resampled, so that a grid written
for one recipe fits the others; ``hog-svm``, which has no network, has ``svm`` in place of ``cnn``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
