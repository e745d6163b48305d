"""Read files as a fitted estimator reads them, at another size.

A file may not declare which of its values is white, so only the estimator's own loader knows.
"""

from typing import Any
from warnings import warn

from skpneumo._warning_lines import users_stacklevel
from skpneumo.fitted import classifiers_of
from skpneumo.loading import ImageLoader

__all__ = ["loader_of", "resized"]


def loader_of(estimator: Any) -> ImageLoader:
    """Find the loader of a fitted estimator, the first of several; a default one if it has none.

    Parameters
    ----------
    estimator : fitted estimator
        Nested in any way, and so is the loader among its transformers.

    Returns
    -------
    loader : ImageLoader

    Warns
    -----
    UserWarning
        If several loaders read pixel values in different ways.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skpneumo import ImageLoader, make_pipeline
    >>> from skpneumo._loader_of import loader_of
    >>> loader_of(make_pipeline(ImageLoader(white=4095), DummyClassifier())).white
    4095
    """
    loaders = [
        part
        for each in classifiers_of(estimator)
        # An OnnxClassifier reads files itself.
        for step in (*each.transformers, getattr(each.classifier, "loader_", None))
        for part in (step, *getattr(step, "get_params", dict)().values())
        if isinstance(part, ImageLoader)
    ]
    if not loaders:
        return ImageLoader()
    first = loaders[0]
    ways = {(each.dicom_window, each.white) for each in loaders}
    if len(ways) > 1:
        warn(
            "The estimator has loaders that differ in dicom_window or white, and files are read "
            f"as by the first, {first}. Give all of them the same, or use one part at a time.",
            UserWarning,
            stacklevel=users_stacklevel(),
        )
    return first


def resized(
    loader: ImageLoader | None, size: int | tuple[int, int], resize: str = "stretch", **params: Any
) -> ImageLoader:
    """Make a loader of another size that reads pixel values in the same way.

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

    Raises
    ------
    TypeError
        If ``loader`` is neither.

    Examples
    --------
    >>> from skpneumo import ImageLoader
    >>> from skpneumo._loader_of import resized
    >>> resized(ImageLoader(size=64, white=4095), 256, "pad")
    ImageLoader(resize='pad', size=256, white=4095)
    """
    if not isinstance(loader, ImageLoader | None):
        raise TypeError(
            f"loader={loader!r} is not an ImageLoader. Pass one, such as ImageLoader(white=4095), "
            "or None for the defaults."
        )
    known = loader or ImageLoader()
    return ImageLoader(
        size=size, resize=resize, dicom_window=known.dicom_window, white=known.white, **params
    )
