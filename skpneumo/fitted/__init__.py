"""Look inside a fitted estimator: transformers, classifiers, threshold, positive label.

Pipelines, searches, thresholds, calibration, voting, stacking and frozen estimators can be nested
in any order. No other part of this package looks inside an estimator.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
