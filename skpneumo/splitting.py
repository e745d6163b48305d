"""Splitters that keep each patient on one side of a split.

Several X-rays of a child are nearly copies of each other: a model that was trained on one of them
recognises the child instead of the pneumonia, and every score on the others is too good.
"""

import warnings
from collections.abc import Iterator
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import assert_all_finite, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets

from skpneumo._missing_labels import refuse_missing_or_mixed_labels
from skpneumo._paths import carried_patients, check_paths, filenames_of
from skpneumo._patients import patients_of
from skpneumo._random import check_random_state
from skpneumo._sklearn import (
    Interval,
    Options,
    RealNotInt,
    _approximate_mode,
    _num_samples,
    _safe_indexing,
    _validate_shuffle_split,
    validate_params,
)
from skpneumo._typing import ArrayLike
from skpneumo._warning_lines import users_stacklevel

__all__ = ["PatientKFold", "patient_train_test_split"]


class PatientKFold(StratifiedGroupKFold):
    """Stratified K-fold cross-validator that keeps each patient in one fold.

    Patients are those that ``X`` carries, or are read from the file names, so that ``groups`` are
    not needed: the splitter works wherever scikit-learn accepts ``cv``.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2. Every class needs at least this many patients.
    shuffle : bool, default=False
        Whether to shuffle the patients before splitting.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling, used only with ``shuffle=True``. With None, each call of
        :meth:`split` shuffles differently.

    See Also
    --------
    patient_train_test_split : Split once instead of K times.
    skpneumo.datasets.patient_ids : Read patients from file names.

    Notes
    -----
    The folds are made by :class:`sklearn.model_selection.StratifiedGroupKFold`. Files with unknown
    naming schemes are treated as separate patients, with one
    :class:`~skpneumo.datasets.UnknownPatientsWarning` for each call of :meth:`split`.

    Examples
    --------
    >>> from skpneumo.splitting import PatientKFold
    >>> paths = ["IM-0001-0001.jpeg", "person7_virus_1.jpeg", "person7_virus_2.jpeg",
    ...          "IM-0002-0001.jpeg", "person7_bacteria_3.jpeg"]
    >>> for train, test in PatientKFold(n_splits=2).split(paths, [0, 1, 1, 0, 1]):
    ...     print([paths[i] for i in test])
    ['person7_virus_1.jpeg', 'person7_virus_2.jpeg', 'IM-0002-0001.jpeg']
    ['IM-0001-0001.jpeg', 'person7_bacteria_3.jpeg']
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(n_splits=n_splits, shuffle=shuffle, random_state=random_state)

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Generate the indices of the training and the test part of each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, 1), DataFrame, or images
            Paths; a frame with the columns ``path`` and ``patient``; or images that carry their
            file names and patients. With ``groups``, any data.
        y : array-like of shape (n_samples,), default=None
            Class labels, which are needed; their proportions are about the same in all folds.
        groups : array-like of shape (n_samples,), default=None
            The patient of each row. None uses the patients that ``X`` carries, or reads them from
            its file names.

        Yields
        ------
        train : ndarray of int
            Rows of the training part, ascending.
        test : ndarray of int
            Rows of the test part, ascending. Every row is in one test part.

        Raises
        ------
        ValueError
            If ``y`` is missing, a class has fewer patients than there are folds, or an entry of
            ``groups`` is missing.
        TypeError
            If ``X`` has neither patients nor file names, and ``groups`` is None.

        Warns
        -----
        UnknownPatientsWarning
            If neither ``groups`` nor ``X`` identifies the patients.
        UserWarning
            If a fold has no image of a class, because patients have images of several classes.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} stratifies by class, so it needs labels: pass y."
            )
        patients = _patients_of(X, groups)
        labels = _check_labels(y, len(patients))
        _check_patients_per_class(
            labels,
            patients,
            self.n_splits,
            f"n_splits={self.n_splits} needs one for each fold",
            "Use fewer folds, add patients",
        )
        splitter = StratifiedGroupKFold(
            self.n_splits,
            shuffle=self.shuffle,
            random_state=check_random_state(self.random_state) if self.shuffle else None,
        )
        folds = list(splitter.split(patients, labels, patients))
        _warn_of_missing_classes(labels, [test for _, test in folds])
        yield from folds


@validate_params(
    {
        "test_size": [
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "stratify": ["array-like", Options(bool, {True}), None],
        "groups": ["array-like", None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def patient_train_test_split(
    X: Any,
    *arrays: Any,
    test_size: float = 0.2,
    stratify: ArrayLike | None = True,
    groups: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> list[Any]:
    """Split paths, labels and further arrays into training and test patients.

    This is :func:`sklearn.model_selection.train_test_split` for X-rays: each patient is in one
    part, and the split is stratified by default.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, 1), DataFrame, or images
        Paths; a frame with the columns ``path`` and ``patient``; or images that carry their file
        names and patients. With ``groups``, any data.
    *arrays : indexables of length n_samples
        Further arrays to split, the labels first.
    test_size : float or int, default=0.2
        Test images as a share of all or as a number. It is met as closely as whole patients
        allow, see Notes.
    stratify : array-like of shape (n_samples,), True or None, default=True
        Classes whose proportions both parts preserve. True uses the labels, that is, the first of
        ``arrays``, and does not stratify if there are none; None does not stratify. Pass the
        etiologies to distribute bacterial and viral pneumonia evenly with binary labels.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row. None uses the patients that ``X`` carries, or reads them from its
        file names.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice of patients. With None, each call chooses differently.

    Returns
    -------
    splitting : list, length=2 * (1 + len(arrays))
        ``X_train, X_test, y_train, y_test, ...`` in the types of the inputs, with rows in their
        original order.

    Raises
    ------
    ValueError
        If ``test_size`` is out of range, a class has fewer than two patients, one of ``arrays`` is
        None, or an entry of ``groups`` is missing.
    TypeError
        If ``X`` has neither patients nor file names, and ``groups`` is None.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``X`` identifies the patients.
    UserWarning
        If a part has no image of a class, because patients have images of several classes.

    See Also
    --------
    PatientKFold : Split into K folds, for cross-validation.

    Notes
    -----
    Patients are considered in random order and added to the test part if their images fit into
    the quota of their class. If every patient has one class, as with (etiology, number), the
    number of test images of a class differs from its quota by less than the number of images of
    the largest patient in the class; with many patients of a single image it is exact. Both parts
    contain every class. With ``groups`` that mix classes, the quota is met as closely as the
    random order allows.

    Examples
    --------
    >>> from skpneumo.splitting import patient_train_test_split
    >>> paths = ["IM-0001-0001.jpeg", "person7_virus_1.jpeg", "person7_virus_2.jpeg",
    ...          "IM-0002-0001.jpeg", "person7_bacteria_3.jpeg"]
    >>> X_train, X_test, y_train, y_test = patient_train_test_split(
    ...     paths, [0, 1, 1, 0, 1], test_size=2, random_state=0)
    >>> X_test, y_test
    (['IM-0002-0001.jpeg', 'person7_bacteria_3.jpeg'], [0, 1])
    """
    if any(array is None for array in arrays):
        raise ValueError(
            "One of the arrays after X is None. Pass the labels first and any further arrays "
            "after them, or only X."
        )
    for array in (X, *arrays):
        _refuse_unselectable_rows(array)
    patients = _patients_of(X, groups)
    X, *along = indexable(X, *arrays)
    if stratify is True:
        stratify = along[0] if along else None
    n = len(patients)
    labels = np.zeros(n) if stratify is None else _check_labels(stratify, n)
    _check_patients_per_class(labels, patients, 2, "a split needs one for each part")
    _, n_test = _validate_shuffle_split(len(patients), test_size, None)

    images = contingency_matrix(patients, labels)
    rng = check_random_state(random_state)
    quota = _approximate_mode(images.sum(axis=0), n_test, rng)
    chosen = _choose_test_patients(images, quota, rng)
    in_test = chosen[np.unique(patients, return_inverse=True)[1]]
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    _warn_of_missing_classes(labels, [train, test])
    return list(
        chain.from_iterable(
            (_safe_indexing(array, train), _safe_indexing(array, test)) for array in (X, *along)
        )
    )


def _choose_test_patients(
    images: NDArray[np.int64], quota: NDArray[np.int64], rng: np.random.RandomState
) -> NDArray[np.bool_]:
    """Choose patients (rows of numbers of images per class) whose images add up to the quota."""
    totals = images.sum(axis=0)
    lacking = np.clip(quota, 1, totals - 1)
    n_in_training = np.count_nonzero(images, axis=0)
    chosen = np.zeros(len(images), dtype=bool)

    def choose(patient: int) -> None:
        chosen[patient] = True
        lacking[:] -= images[patient]
        n_in_training[:] -= images[patient] > 0

    def is_available(patient: int) -> bool:
        """Not chosen yet, and not the last training patient of a class."""
        return not chosen[patient] and bool(np.all(n_in_training > (images[patient] > 0)))

    order = rng.permutation(len(images))
    for patient in order:
        if np.all(images[patient] <= lacking) and is_available(patient):
            choose(patient)
    # All patients that fit have been chosen; one that does not fit may still reduce the error.
    for patient in order:
        size = images[patient]
        if 2 * lacking @ size > size @ size and is_available(patient):
            choose(patient)
    for k in range(images.shape[1]):
        if not images[chosen, k].any():
            candidates = [
                patient for patient in order if images[patient, k] and is_available(patient)
            ]
            if candidates:
                choose(min(candidates, key=lambda patient: images[patient].sum()))
    return chosen


def _patients_of(X: Any, groups: ArrayLike | None) -> NDArray[Any]:
    if groups is not None or carried_patients(X) is not None or filenames_of(X) is not None:
        return patients_of(X, _num_samples(X), groups)
    remedy = (
        "Patients are carried by X or read from file names: pass a frame with the columns "
        "'path' and 'patient', paths, images from ImageLoader (which carry both), or the patients "
        "themselves as groups=."
    )
    if getattr(getattr(X, "dtype", None), "kind", "O") in "biufc":
        raise TypeError(
            f"Found no file names in X of shape {X.shape} and dtype {X.dtype}. {remedy}"
        )
    try:
        check_paths(X)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error} {remedy}") from None
    raise TypeError(f"Found no patients in X. {remedy}")


def _refuse_unselectable_rows(array: Any) -> None:
    """Raise for containers whose rows scikit-learn can select neither here nor in searches."""
    # It converts those without __getitem__, and says itself what is wrong with a scalar.
    if not getattr(array, "shape", ()) or not hasattr(array, "__getitem__") or issparse(array):
        return
    try:
        _safe_indexing(array, np.arange(0))
    except Exception as error:
        methods = ("compute", "to_native", "to_numpy", "numpy")
        remedy = next((f"its {each}()" for each in methods if hasattr(array, each)), "an array")
        library = type(array).__module__.partition(".")[0]
        raise TypeError(
            f"scikit-learn cannot select rows of a {library} {type(array).__name__}. Pass "
            f"{remedy}."
        ) from error


def _check_labels(y: Any, n_samples: int) -> NDArray[Any]:
    refuse_missing_or_mixed_labels(y)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    labels = column_or_1d(y)
    if len(labels) != n_samples:
        raise ValueError(
            f"X has {n_samples} rows, but there are {len(labels)} labels. Pass one for each "
            "row, in the order of the rows."
        )
    return labels


def _check_patients_per_class(
    labels: NDArray[Any],
    patients: NDArray[Any],
    n_needed: int,
    purpose: str,
    remedy: str = "Add patients",
) -> None:
    n_patients = np.count_nonzero(contingency_matrix(patients, labels), axis=0)
    if too_few := [
        f"class {label!r} has {n}"
        for label, n in zip(np.unique(labels).tolist(), n_patients, strict=True)
        if n < n_needed
    ]:
        raise ValueError(
            f"Too few patients: {', '.join(too_few)}, but {purpose}. "
            f"{remedy}, or merge or remove the class."
        )


def _warn_of_missing_classes(labels: NDArray[Any], parts: list[NDArray[np.intp]]) -> None:
    """Warn about parts without a class, which happens when groups mix several classes."""
    classes = np.unique(labels)
    for number, part in enumerate(parts):
        missing = np.setdiff1d(classes, labels[part]).tolist()
        if missing:
            warnings.warn(
                f"Part {number} of the split has no image of class "
                f"{', '.join(map(repr, missing))}: the groups that contain it also contain other "
                "classes. Use fewer folds, or groups of one class each.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )
