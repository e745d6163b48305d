"""From probabilities to decisions: an operating point with a recall floor, referral, a gate."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
