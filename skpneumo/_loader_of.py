"""Read files as a fitted estimator reads them, at another size.

A file may not declare which of its values is white, so only the estimator's own loader knows.
"""

from typing import Any

from skpneumo.fitted import classifiers_of
from skpneumo.loading import ImageLoader

__all__ = ["loader_of", "resized"]


def loader_of(estimator: Any) -> ImageLoader:
    """Find the loader of a fitted estimator, the first of several; a default one if it has none.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way.

    Returns
    -------
    loader : ImageLoader

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skpneumo import ImageLoader, make_pipeline
    >>> from skpneumo._loader_of import loader_of
    >>> loader_of(make_pipeline(ImageLoader(white=4095), DummyClassifier())).white
    4095
    """
    steps = (step for each in classifiers_of(estimator) for step in each.transformers)
    return next((step for step in steps if isinstance(step, ImageLoader)), ImageLoader())


def resized(
    loader: ImageLoader | None, size: int | tuple[int, int], resize: str = "stretch", **params: Any
) -> ImageLoader:
    """Make a loader of another size that gives the values of files the same meaning.

    Parameters
    ----------
    loader : ImageLoader or None
        The other loader; None for the defaults.
    size, resize, **params
        Parameters of the new loader. ``dicom_window`` and ``white`` are those of ``loader``, and
        all others have their defaults.

    Returns
    -------
    resized : ImageLoader

    Examples
    --------
    >>> from skpneumo import ImageLoader
    >>> from skpneumo._loader_of import resized
    >>> resized(ImageLoader(size=64, white=4095), 256, "pad")
    ImageLoader(resize='pad', size=256, white=4095)
    """
    known = loader or ImageLoader()
    return ImageLoader(
        size=size, resize=resize, dicom_window=known.dicom_window, white=known.white, **params
    )
