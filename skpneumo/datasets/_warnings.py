"""Warnings of the loaders."""

__all__ = [
    "CollectionWarning",
    "SharedPatientsWarning",
    "SkippedFilesWarning",
    "UnknownPatientsWarning",
]


class CollectionWarning(UserWarning):
    """A collection was read, but is not as expected."""


class SharedPatientsWarning(CollectionWarning):
    """Patients have images in several splits of a collection."""


class SkippedFilesWarning(UserWarning):
    """Files of a collection were skipped because they are not readable images."""


class UnknownPatientsWarning(UserWarning):
    """The patients of some images are unknown or uncertain."""
