"""The whole evaluation of a fitted model on one page, to save and to share."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
