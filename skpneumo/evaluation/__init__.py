"""Evaluation: scorers, metrics with intervals, comparisons, displays.

Every metric is reported with its interval and the number of images and patients. The unit of
sampling is the patient, not the image. Only the displays import matplotlib, and only when they
plot.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
