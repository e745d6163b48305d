"""What the loaders warn of, each kind by a class of its own."""

__all__ = ["CollectionWarning", "SkippedFilesWarning", "UnknownPatientsWarning"]


class CollectionWarning(UserWarning):
    """A collection was read, but it is not what it should be."""


class SkippedFilesWarning(UserWarning):
    """Files of a collection were skipped, because they are no images that can be read."""


class UnknownPatientsWarning(UserWarning):
    """Nothing tells the patients of some images, or not as surely as usual."""
