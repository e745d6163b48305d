"""Explanation: heat maps of what a model looks at, and tests of how far they can be trusted.

Only the methods with gradients import Keras, and only plotting imports matplotlib.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
