"""Tell own modules from those of installed packages, which are known by their versions."""

import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

__all__ = ["package_of"]

_STANDARD_LIBRARY = Path(os.__file__).parent
_INSTALLED = {"site-packages", "dist-packages"}
# May be run from their sources; the versions of all of them are part of each key.
_NEVER_DESCRIBED = {"skpneumo", "sklearn", "imblearn", "keras"}


@cache
def package_of(name: str) -> str | None:
    """Return the package of a module and its version; None if the module is the user's own."""
    package = name.partition(".")[0]
    if package == "__main__":  # its file can be that of an installed program, such as Jupyter
        return None
    if package in _NEVER_DESCRIBED:
        return package
    module = sys.modules.get(name) or sys.modules.get(package)
    file = Path(str(getattr(module, "__file__", None) or _STANDARD_LIBRARY))
    if _INSTALLED & set(file.parts):
        return _release(package)
    # A file of the user can have the name of a module of the standard library.
    is_standard = package in sys.stdlib_module_names and file.is_relative_to(_STANDARD_LIBRARY)
    return package if is_standard else None


@cache
def _release(package: str) -> str | None:
    """Return the version of an installed package; None if it was copied there without one."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        projects = sorted(set(packages_distributions().get(package, ())))
        return " ".join(f"{each} {version(each)}" for each in projects) or None
