"""What the loaders warn of, each kind by a class of its own."""

__all__ = ["CollectionWarning", "SkippedFilesWarning", "UnknownNamesWarning"]


class CollectionWarning(UserWarning):
    """A collection was read, but it is not what it should be."""


class SkippedFilesWarning(UserWarning):
    """Files of a collection were skipped, because they are no images that can be read."""


class UnknownNamesWarning(UserWarning):
    """File names do not tell the patients, or not as they usually do."""
