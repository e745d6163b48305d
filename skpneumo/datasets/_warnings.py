"""Warnings of the loaders."""

import warnings
from collections.abc import Iterable

__all__ = [
    "CollectionWarning",
    "SharedPatientsWarning",
    "SkippedFilesWarning",
    "UnknownPatientsWarning",
    "warn_of",
]


class CollectionWarning(UserWarning):
    """A collection was read, but is not as expected."""


class SharedPatientsWarning(CollectionWarning):
    """Patients have images in several splits of a collection."""


class SkippedFilesWarning(UserWarning):
    """Files of a collection were skipped because they are not readable images."""


class UnknownPatientsWarning(UserWarning):
    """The patients of some images are unknown or uncertain."""


def warn_of(*remarks: tuple[type[Warning], Iterable[str]]) -> None:
    """Warn of each remark, in the line that has called the function that calls this one."""
    for category, found in remarks:
        for remark in found:
            warnings.warn(remark, category, stacklevel=3)
