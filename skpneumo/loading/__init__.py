"""Load image files as one uint8 stack of images of the same size, in memory or on demand."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
