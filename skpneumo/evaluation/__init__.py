"""Evaluation: scorers, metrics with intervals, comparisons, displays.

Every figure comes with its interval and the number of images and patients it rests on, and
patients, not images, are what is drawn at random. Only the displays import
matplotlib, and only when they draw.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
