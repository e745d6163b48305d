"""Save fitted estimators to files, and load them."""

import json
import os
import platform
from collections.abc import Mapping
from typing import Any

from skpneumo._machine import installed_versions
from skpneumo.persistence._container import ModelArchive, write_archive

__all__ = ["load_model", "read_provenance", "save_model"]

_LONGEST_ERROR = 500  # characters
_PACKAGES = ("skpneumo", "keras", "tensorflow", "scikit-learn", "imbalanced-learn", "numpy")


def save_model(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Save a fitted estimator to a file that contains only data.

    Parameters
    ----------
    estimator : fitted estimator
        A pipeline of this package's steps and recipes, one of its classifiers, or a wrapper of
        scikit-learn around them: voting, calibration, thresholds, frozen estimators.
        scikit-learn's transformers and linear models can be saved as well. Searches cannot: save
        their ``best_estimator_``.
    path : str or path-like
        The file, by convention with the suffix ``.skpneumo``. It is written completely or not at
        all, and replaces an existing file.
    provenance : mapping, default=None
        Where the model comes from, in types that JSON supports: the data, digests, hashed
        patients, results. :func:`read_provenance` reads it. None saves the provenance that the
        model was loaded with, if any.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator has not been fitted.
    TypeError
        If it contains something that cannot be saved, such as a search, a step of another package
        or a function; the error says where. joblib can save these.
    ValueError
        If ``provenance`` is larger than 16 MB, or contains NaN.
    OSError
        If the file cannot be written.

    See Also
    --------
    load_model : Loads the file.

    Notes
    -----
    Parameters and fitted attributes are saved, except callbacks. Paths are not saved: neither the
    cache of an :class:`~skpneumo.ImageLoader`, nor the ``memory`` of a pipeline, nor a file of
    initial weights. The last samples of samplers are not saved either.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.persistence import load_model, read_provenance, save_model
    >>> model = LogisticRegression(C=2).fit([[0.0], [1.0]], [0, 1])
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skpneumo")
    ...     save_model(model, path, provenance={"data": "two made-up rows"})
    ...     load_model(path), read_provenance(path)
    (LogisticRegression(C=2), {'data': 'two made-up rows'})
    """
    from sklearn.utils.validation import check_is_fitted

    from skpneumo.persistence._estimators import PROVENANCE_ATTRIBUTE, encode_model

    model, arrays = encode_model(estimator)
    check_is_fitted(estimator)
    if provenance is None:
        provenance = vars(estimator).get(PROVENANCE_ATTRIBUTE)
    versions = {"python": platform.python_version()} | installed_versions(_PACKAGES)
    write_archive(path, model, arrays, _checked_provenance(provenance), versions)


def load_model(path: str | os.PathLike[str]) -> Any:
    """Load an estimator saved by :func:`save_model`, without running code from the file.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator : fitted estimator
        On a machine of the same kind with the same versions, its predictions are bit for bit equal
        to those before it was saved. If the file contains a provenance, it is the attribute
        ``provenance_``.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is not such a file, is damaged, has a later format, or contains a type that is not on
        the list, which the error names.
    MemoryError
        If it needs more memory than is available.

    Warns
    -----
    UserWarning
        If the file was written with another minor version of scikit-learn.

    See Also
    --------
    save_model : Describes what can be saved.
    read_provenance : Reads only the provenance.

    Examples
    --------
    >>> import io
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo.persistence import load_model
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skpneumo")
    ...     n_bytes = path.write_bytes(b"import os")
    ...     load_model(path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: ...model.skpneumo cannot be loaded: it is not a .skpneumo file, or is incomplete.
    """
    from skpneumo.persistence._estimators import PROVENANCE_ATTRIBUTE, decode_model

    try:
        archive = ModelArchive(path)
        provenance = _provenance_in(archive)
        model = decode_model(archive.model, archive.arrays(), archive.versions)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} cannot be loaded: {_shortened(error)}.") from error
    if provenance:
        setattr(model, PROVENANCE_ATTRIBUTE, provenance)
    return model


def read_provenance(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the provenance of a model from its file, without loading the model.

    Parameters
    ----------
    path : str or path-like
        A file saved by :func:`save_model`.

    Returns
    -------
    provenance : dict
        The provenance passed to ``save_model``; empty if there was none. It is as trustworthy as
        the author of the file.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is not such a file, or is damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.dummy import DummyClassifier
    >>> from skpneumo.persistence import read_provenance, save_model
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skpneumo")
    ...     save_model(DummyClassifier().fit([[0]], [1]), path, provenance={"images": 1})
    ...     read_provenance(path)
    {'images': 1}
    """
    try:
        return _provenance_in(ModelArchive(path))
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} cannot be read: {error}.") from error


def _shortened(error: ValueError) -> str:
    """Shorten an error, which may quote a file at length."""
    text = str(error)
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}..."


def _provenance_in(archive: ModelArchive) -> dict[str, Any]:
    provenance = archive.provenance
    if provenance is None:
        return {}
    if not isinstance(provenance, dict):
        raise ValueError("its provenance is not a JSON object")
    return provenance


def _checked_provenance(provenance: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Copy the provenance through JSON, and check that it does not change."""
    if provenance is None:
        return None
    try:
        copied = json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"provenance cannot be saved: {error}. Pass dicts with text as keys, lists, text, "
            "finite numbers, True, False and None."
        ) from error
    if copied != provenance:
        raise TypeError(
            "provenance cannot be saved unchanged, because JSON has no tuples, and only text as "
            "keys. Pass lists, and dicts with text as keys."
        )
    return copied
