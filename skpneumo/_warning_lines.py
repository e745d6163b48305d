"""Find the line of the user's own code that a warning is shown for."""

import os
from functools import cache
from importlib.util import find_spec
from inspect import currentframe

__all__ = ["users_stacklevel"]

# Between the user and a warning, there are also calls of these packages.
_PACKAGES = ("skpneumo", "sklearn", "imblearn", "joblib")


def users_stacklevel() -> int:
    """Count the frames up to the first one outside of this package and those that it is used in.

    Returns
    -------
    stacklevel : int
        For :func:`warnings.warn` in the calling function.

    Examples
    --------
    >>> from skpneumo._warning_lines import users_stacklevel
    >>> users_stacklevel()
    1
    """
    here = currentframe()
    level, frame = 1, None if here is None else here.f_back
    while frame is not None and frame.f_code.co_filename.startswith(_folders()):
        level, frame = level + 1, frame.f_back
    return level


@cache
def _folders() -> tuple[str, ...]:
    specs = [find_spec(name) for name in _PACKAGES]
    return tuple(
        os.path.dirname(spec.origin) + os.sep for spec in specs if spec is not None and spec.origin
    )
