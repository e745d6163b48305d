"""Load collections of chest X-rays from a folder or table, download them, or generate them.

Every function that returns a collection returns the same :class:`~sklearn.utils.Bunch`: paths,
targets, patients, etiologies and splits, row by row. Nothing here decodes an image.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
