"""Split the training rows for inner validation."""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skpneumo._images import is_stream
from skpneumo._paths import carried_patients
from skpneumo._patients import patients_of

# Frames above patients_of: patients_of_rows, fit, the two decorators of fit, and the caller.
_CALLER_OF_FIT = 6


def patients_of_rows(X: Any, y: NDArray[Any], groups: Any) -> NDArray[np.object_]:
    """Return the patient of each row, or the patients that a synthetic row was made from.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Images as passed to ``fit``, with the patients that they carry.
    y : ndarray of shape (n_samples,)
        Labels.
    groups : array-like of shape (n_samples,) or None
        The patients, if passed by the caller.

    Returns
    -------
    patients : ndarray of shape (n_samples,), dtype object
        Ids; tuples of ids for synthetic rows.
    """
    carried = carried_patients(X) if groups is None else None
    if carried is None or not any(isinstance(each, tuple) for each in carried):
        return patients_of(X, len(y), groups, stacklevel=_CALLER_OF_FIT).astype(object)
    real = np.array([not isinstance(each, tuple) for each in carried])
    patients = np.empty(len(y), dtype=object)
    patients[real] = patients_of(X[real], int(real.sum()), stacklevel=_CALLER_OF_FIT)
    for row in np.flatnonzero(~real):  # one by one, because NumPy would make a 2-D array of tuples
        patients[row] = tuple(map(str, carried[row]))
    return patients


def training_and_validation(
    X: Any,
    y: NDArray[np.intp],
    patients: NDArray[np.object_],
    fraction: float,
    rng: np.random.RandomState,
    classes: NDArray[Any] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Divide the rows for inner validation, which uses only real images.

    A synthetic row is used in training, unless a patient that it was made from is held out: then
    it is in neither part, because it contains parts of a validation image.

    Parameters
    ----------
    X, y, fraction, rng, classes : object
        As in :func:`validation_mask`.
    patients : ndarray of shape (n_samples,), dtype object
        As from :func:`patients_of_rows`.

    Returns
    -------
    training, validation : ndarray of shape (n_samples,), dtype bool
    """
    real = np.array([not isinstance(each, tuple) for each in patients])
    validation = np.zeros(len(y), dtype=bool)
    if real.all():
        validation = validation_mask(X, y, patients, fraction, rng, classes)
        return ~validation, validation
    validation[real] = validation_mask(X[real], y[real], patients[real], fraction, rng, classes)
    held_out = {str(patient) for patient in patients[validation]}
    excluded = np.array(
        [isinstance(each, tuple) and not held_out.isdisjoint(each) for each in patients]
    )
    return ~validation & ~excluded, validation


def validation_mask(
    X: Any,
    y: NDArray[np.intp],
    patients: NDArray[Any],
    fraction: float,
    rng: np.random.RandomState,
    classes: NDArray[Any] | None = None,
) -> NDArray[np.bool_]:
    """Choose about ``fraction`` of the rows of each class, keeping patients together.

    Parameters
    ----------
    X : ndarray or ImageStream of shape (n_samples, ...)
        Images. Identical images, such as oversampled copies, stay together; in a stream, those
        with identical files.
    y : ndarray of shape (n_samples,)
        Classes as integers from 0.
    patients : ndarray of shape (n_samples,)
        The patient of each image; images of a patient stay together.
    fraction : float
        Share of rows to hold out.
    rng : RandomState
        Generator for the choice.
    classes : ndarray of shape (n_classes,), default=None
        The labels, for error messages.

    Returns
    -------
    held_out : ndarray of shape (n_samples,), dtype bool
        True for the rows to validate on.

    Raises
    ------
    ValueError
        If a class has only one patient or image, which cannot be on both sides.
    """
    names = np.arange(y.max() + 1) if classes is None else classes
    groups = _groups(X, patients)
    held_out = np.zeros(len(y), dtype=bool)
    # A group counts for the class of its first row. All of its rows have this class, unless the
    # same image has two labels.
    _, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    for label in np.unique(y):
        candidates = rng.permutation(np.flatnonzero(y[first] == label))
        if len(candidates) < 2:
            raise ValueError(
                f"Class {names.tolist()[label]!r} has too few independent images for inner "
                f"validation: {np.sum(y == label)} image(s) of {len(candidates)} patient(s). "
                "Pass X_val and y_val, set early_stopping=False, or collect more images."
            )
        share = np.cumsum(sizes[candidates]) / sizes[candidates].sum()
        n_groups = 1 + np.argmin(np.abs(share[:-1] - fraction))
        held_out |= np.isin(groups, candidates[:n_groups])
    return held_out


def _groups(X: Any, patients: NDArray[Any]) -> NDArray[np.intp]:
    """Number the groups of rows that stay together: of the same patient, or identical."""
    rows = np.arange(len(X))
    if is_stream(X):
        contents = X.content_digests()
    else:
        contents = [blake2b(row.tobytes(), digest_size=16).digest() for row in X]
    ties = [np.unique(each, return_inverse=True)[1] for each in (contents, patients)]
    ends = np.concatenate([len(X) + tie + i * len(X) for i, tie in enumerate(ties)])
    starts = np.tile(rows, len(ties))
    n_nodes = len(X) * (1 + len(ties))
    graph = coo_array((np.ones(len(starts), dtype=bool), (starts, ends)), (n_nodes, n_nodes))
    labels = connected_components(graph, directed=False)[1][: len(X)]
    return np.unique(labels, return_inverse=True)[1]
