"""Explanation: what the network looks at, and how far heat maps can be trusted.

Only the methods with gradients import Keras, and only the displays matplotlib, when they draw.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
