"""Save a fitted estimator to a file, and load it."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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
    """Save a fitted estimator to a file that holds data alone.

    Parameters
    ----------
    estimator : fitted estimator
        A pipeline of this package's steps and recipes, one of its classifiers, or what
        scikit-learn wraps around them: voting, calibration, thresholds, frozen estimators. Its
        transformers and linear models are saved as well. A search is not: save its
        ``best_estimator_``.
    path : str or path-like
        The file, by custom with the suffix ``.skpneumo``. It is written completely or not at all,
        and replaces what is there.
    provenance : mapping, default=None
        Where the model comes from, as what JSON can hold: the data, their digests, hashed
        patients, figures. :func:`read_provenance` gives it back. None: that which the model was
        loaded with, if it was.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator has not been fitted.
    TypeError
        If it holds what such a file cannot, such as a search, a step of another package or a
        function; the error says where. joblib saves those.
    ValueError
        If ``provenance`` is larger than 16 MB, or holds NaN.
    OSError
        If the file cannot be written.

    See Also
    --------
    load_model : Loads it.

    Notes
    -----
    What a fit is configured by and what it has set are saved, callbacks excepted. Paths are not:
    neither the cache of an :class:`~skpneumo.ImageLoader` nor the ``memory`` of a pipeline nor a
    file of initial weights is there after loading. What samplers remember of their last draw is
    not saved either.

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
    write_archive(path, model, arrays, _checked_provenance(provenance), _versions())


def load_model(path: str | os.PathLike[str]) -> Any:
    """Load an estimator that :func:`save_model` saved. Nothing in the file runs.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator : fitted estimator
        Its predictions are equal bit for bit to those before it was saved, on a machine of the
        same kind with the same versions. Where the file says where the model comes from, it has
        the attribute ``provenance_``.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no such file, damaged, of a later format, or holds a type that is not on the list.
        The error names it.
    MemoryError
        If it needs more memory than is free.

    Warns
    -----
    UserWarning
        If the file was written with another minor version of scikit-learn.

    See Also
    --------
    save_model : What can be saved.
    read_provenance : What the file says of where the model comes from.

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
    ValueError: ...model.skpneumo cannot be loaded: it is no .skpneumo file, or not the whole ...
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
    """Read what a model's file says of where the model comes from; the model is not loaded.

    Parameters
    ----------
    path : str or path-like
        A file of :func:`save_model`.

    Returns
    -------
    provenance : dict
        What ``save_model`` was given, empty if it was given nothing. It is the word of whoever
        wrote the file.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no such file, or damaged.

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
    """What a file has to say may be long."""
    text = str(error)
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}..."


def _provenance_in(archive: ModelArchive) -> dict[str, Any]:
    provenance = archive.provenance
    if provenance is None:
        return {}
    if not isinstance(provenance, dict):
        raise ValueError("its provenance is no object of JSON")
    return provenance


def _checked_provenance(provenance: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Copy it as JSON holds it, so that what is read equals what was given."""
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
            "provenance would not be read as it is: JSON has no tuples, and no keys but text. "
            "Pass lists, and dicts with text as keys."
        )
    return copied


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # TensorFlow has variants by other names
            continue
    return versions
