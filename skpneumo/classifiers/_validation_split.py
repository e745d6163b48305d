"""Split the training rows for inner validation."""

import warnings
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.metrics.cluster import contingency_matrix

from skpneumo._formatting import counted
from skpneumo._images import is_stream
from skpneumo._paths import carried_patients, filenames_of
from skpneumo._patients import find_patients, patients_of
from skpneumo._warning_lines import users_stacklevel


def patients_of_rows(X: Any, y: NDArray[Any], groups: Any) -> NDArray[np.object_]:
    """Return the patient of each row, or a tuple of those that a synthetic row was made from.

    X are the images as passed to ``fit``, with the patients that they carry. ``groups`` are the
    patients if passed by the caller.
    """
    carried = carried_patients(X) if groups is None else None
    if carried is None or not any(isinstance(each, tuple) for each in carried):
        return patients_of(X, len(y), groups).astype(object)
    real = np.array([not isinstance(each, tuple) for each in carried])
    patients = np.empty(len(y), dtype=object)
    patients[real] = patients_of(X[real], int(real.sum()))
    for row in np.flatnonzero(~real):  # one by one, because NumPy would make a 2-D array of tuples
        patients[row] = tuple(map(str, carried[row]))
    return patients


def check_validation_images(X: Any, X_val: Any, y_val: Any) -> None:
    """Check images for inner validation that are passed to ``fit``.

    Raises
    ------
    ValueError
        If only one of ``X_val`` and ``y_val`` is given.

    Warns
    -----
    UserWarning
        If ``X`` and ``X_val`` have common patients. Only those that they carry, or that their file
        names tell, are compared.
    """
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val belong together, got only one of them. Pass both.")
    if X_val is None:
        return
    shared = sorted(_known_patients(X) & _known_patients(X_val))
    if shared:
        warnings.warn(
            f"X and X_val have {counted(len(shared), 'patient')} in common, such as "
            f"{shared[0]!r}, so that the scores of inner validation, which early stopping goes "
            "by, are too good. Leave their images out of X or out of X_val.",
            UserWarning,
            stacklevel=users_stacklevel(),
        )


def _known_patients(X: Any) -> set[str]:
    carried = carried_patients(X)
    if carried is None and filenames_of(X) is None:
        return set()
    patients, known, _ = find_patients(X, len(X))
    synthetic = [] if carried is None else [each for each in carried if isinstance(each, tuple)]
    return {str(each) for each in [*patients[known], *chain.from_iterable(synthetic)]}


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
    it is in neither part, because it contains parts of a validation image. The patients are those
    of :func:`patients_of_rows`, and the other parameters those of :func:`validation_mask`.
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
        If the patients cannot be divided so that both parts have all classes, or no such division
        is found.
    """
    groups = _groups(X, patients)
    images = contingency_matrix(groups, y)  # of each group and class
    n_of_class = images.sum(axis=0)
    # A group counts for the rarest of its classes. Most have one; patients can have several.
    class_of_group = np.where(images > 0, n_of_class, n_of_class.sum() + 1).argmin(axis=1)
    sizes = images.sum(axis=1)
    chosen = np.zeros(len(images), dtype=bool)
    for k in range(len(n_of_class)):
        candidates = np.flatnonzero(class_of_group == k)
        if len(candidates) < 2:
            continue  # others have images of this class, or the check below raises
        candidates = rng.permutation(candidates)
        share = np.cumsum(sizes[candidates]) / sizes[candidates].sum()
        n_groups = 1 + np.argmin(np.abs(share[:-1] - fraction))
        chosen[candidates[:n_groups]] = True
    _move_absent_classes(chosen, images, rng)
    missing = ~(images[chosen].any(axis=0) & images[~chosen].any(axis=0))
    if missing.any():
        lacking = int(np.flatnonzero(missing)[0])
        code = np.unique(y)[lacking]
        label = code if classes is None else classes[code]
        n_patients = np.sum(images[:, lacking] > 0)
        raise ValueError(
            f"Class {np.asarray(label).item()!r} has too few independent images for inner "
            f"validation: {n_of_class[lacking]} image(s) of {n_patients} patient(s). "
            "Pass X_val and y_val, set early_stopping=False, or collect more images."
        )
    return chosen[groups]


def _move_absent_classes(
    chosen: NDArray[np.bool_], images: NDArray[np.intp], rng: np.random.RandomState
) -> None:
    """Move groups to the part that lacks one of their classes, if the other part can spare them.

    Patients who were chosen for one of their classes can take all of another with them.
    """
    for side in (True, False):
        for absent in np.flatnonzero(~images[chosen == side].any(axis=0)):
            for group in rng.permutation(np.flatnonzero(images[:, absent] > 0)):
                left = chosen != side
                left[group] = False
                if images[left].any(axis=0).all():
                    chosen[group] = side
                    break


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
