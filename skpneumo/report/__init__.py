"""Reports: the evaluation of a fitted model as one HTML page, and model cards."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
