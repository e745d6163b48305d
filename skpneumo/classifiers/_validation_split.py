"""Which training rows early stopping may look at."""

import warnings
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skpneumo._images import is_stream
from skpneumo.datasets import UnknownNamesWarning, patient_ids


def validation_mask(
    X: Any,
    y: NDArray[np.intp],
    filenames: NDArray[np.object_] | None,
    fraction: float,
    rng: np.random.RandomState,
    classes: NDArray[Any] | None = None,
) -> NDArray[np.bool_]:
    """Choose about ``fraction`` of the rows of each class, and never half of a patient.

    Parameters
    ----------
    X : ndarray or ImageStream of shape (n_samples, ...)
        Images. Identical ones, such as oversampled copies, stay together; of a stream those
        whose files are identical.
    y : ndarray of shape (n_samples,)
        Classes as integers from 0.
    filenames : ndarray of shape (n_samples,) or None
        Where the images came from, if that is known; images of one patient stay together.
    fraction : float
        Share of rows to hold out.
    rng : RandomState
        Source of the choice.
    classes : ndarray of shape (n_classes,), default=None
        The labels, to be named in an error.

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
    groups = _groups(X, filenames)
    held_out = np.zeros(len(y), dtype=bool)
    # A group counts for the class of its first row: all of its rows have that class unless the
    # same image bears two labels.
    _, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    for label in np.unique(y):
        candidates = rng.permutation(np.flatnonzero(y[first] == label))
        if len(candidates) < 2:
            raise ValueError(
                f"Class {names.tolist()[label]!r} has too few independent images for inner "
                f"validation: {np.sum(y == label)} image(s) of {len(candidates)} patient(s). "
                "Give X_val and y_val, set early_stopping=False, or collect more."
            )
        share = np.cumsum(sizes[candidates]) / sizes[candidates].sum()
        n_groups = 1 + np.argmin(np.abs(share[:-1] - fraction))
        held_out |= np.isin(groups, candidates[:n_groups])
    return held_out


def _groups(X: Any, filenames: NDArray[np.object_] | None) -> NDArray[np.intp]:
    """Number the sets of rows that belong together: of one patient, or of one content."""
    rows = np.arange(len(X))
    if is_stream(X):
        contents = X.content_digests()
    else:
        contents = [blake2b(row.tobytes(), digest_size=16).digest() for row in X]
    ties = [np.unique(contents, return_inverse=True)[1]]
    if filenames is not None:
        with warnings.catch_warnings():  # who loaded or split the files has been told
            warnings.simplefilter("ignore", UnknownNamesWarning)
            patients = patient_ids(filenames).astype(str)
        ties.append(np.unique(patients, return_inverse=True)[1])
    ends = np.concatenate([len(X) + tie + i * len(X) for i, tie in enumerate(ties)])
    starts = np.tile(rows, len(ties))
    n_nodes = len(X) * (1 + len(ties))
    graph = coo_array((np.ones(len(starts), dtype=bool), (starts, ends)), (n_nodes, n_nodes))
    labels = connected_components(graph, directed=False)[1][: len(X)]
    return np.unique(labels, return_inverse=True)[1]
