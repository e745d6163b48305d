"""Test one pipeline under several protocols."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedShuffleSplit
from sklearn.utils import check_consistent_length, check_scalar, column_or_1d

from skpneumo._fit_arguments import groups_for
from skpneumo._paths import carried_patients, filenames_of
from skpneumo._patients import patients_of
from skpneumo._predictions import (
    Predictions,
    check_labels,
    check_same_kind,
    predictions_of,
)
from skpneumo._random import check_random_state, random_seed
from skpneumo._sklearn import _num_samples, _safe_indexing
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._estimate import Estimate, Settings
from skpneumo.evaluation._influence import influence_of
from skpneumo.evaluation._intervals import normal_quantile
from skpneumo.evaluation._metric_estimates import estimate_metrics
from skpneumo.evaluation._protocol_report import ProtocolComparison, compared
from skpneumo.evaluation._protocol_sentences import GROUPED, OFFICIAL, RANDOM
from skpneumo.evaluation._several_fits import mean_over_fits

__all__ = ["compare_protocols"]

_METRICS = (
    "accuracy",
    "recall",
    "specificity",
    "precision",
    "f1",
    "balanced_accuracy",
    "roc_auc",
)

Rows = NDArray[np.intp]


class _Collection(NamedTuple):
    """All images, and which rows are for training and for the official test."""

    X: Any
    y: NDArray[Any]
    patients: NDArray[Any]
    pool: Rows
    held_out: Rows
    groups_given: bool  # otherwise X tells the patients, to the estimator as well


def compare_protocols(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    test: tuple[Any, ...] | None = None,
    split: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    cv: Any = 5,
    pos_label: Any = None,
    n_seeds: int = 1,
    confidence_level: float = 0.95,
    random_state: int | None = 0,
) -> ProtocolComparison:
    """Test one pipeline with the official split, patient-grouped CV and a random split.

    Studies of the same images report accuracies from 75 % to 98 %, and most of the difference is
    due to how they tested. This function shows the effect on your own pipeline. The estimator is
    cloned and fitted once for the official split, once for each fold and once for the random
    split.

    Parameters
    ----------
    estimator : classifier
        A whole pipeline. It need not be fitted, and is not changed.
    X : array-like of length n_images
        The training pool, or with ``split`` all images: paths, images or features.
    y : array-like of shape (n_images,)
        Labels of ``X``.
    test : tuple ``(X_test, y_test)`` or ``(X_test, y_test, groups_test)``, default=None
        The official test part.
    split : array-like of shape (n_images,), default=None
        Instead of ``test``: the split of each row of ``X``. Rows with "test" are the official test
        part, all others the training pool. Without ``test`` and ``split`` there is no official
        split.
    groups : array-like of shape (n_images,), default=None
        The patient of each row of ``X``; read from the file names by default. Passed on to an
        estimator whose ``fit`` can use them.
    cv : int or splitter, default=5
        Folds of the training pool. A number is a number of folds of whole patients, stratified by
        class. A splitter gets the patients as ``groups``.
    pos_label : label, default=None
        The positive class; by default the one that the estimator's threshold applies to, or else
        the illness by the names of the two.
    n_seeds : int, default=1
        Number of fits of each protocol, on the same rows. With 1 the estimator keeps its own
        ``random_state``, and the randomness of training is not measured. With more, each fit gets
        another seed, values are means, and intervals include the variance between seeds. Three or
        more are recommended, at as many times the cost.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals.
    random_state : int or None, default=0
        Seed of the folds, of the random split and, with several ``n_seeds``, of the estimators'
        seeds.

    Returns
    -------
    comparison : ProtocolComparison
        Has ``frame``, ``differences`` and ``explanation``, and prints as a table and sentences.

    Raises
    ------
    ValueError
        If both ``test`` and ``split`` are given, ``split`` has only one of the two parts, there
        are no images, patients are neither given nor readable from ``X``, ``cv`` has patients on
        both sides or does not test each image once, or the estimator has no ``random_state`` for
        several seeds.

    Warns
    -----
    UnknownPatientsWarning
        If the file names do not tell the patients.

    Notes
    -----
    The random split pools all images and splits them by image, not by patient, with a test part as
    large as the official one: the usual mistake, made on purpose. The predictions of the folds are
    pooled before a metric is computed; for the AUC their scores are first ranked within each fold,
    since those of different models need not have the same scale. Differences between protocols
    combine the limits of both with the correlation over the patients that both test (MOVER).

    Examples
    --------
    Here the images of a patient are near copies, so with a random split it is enough to recognise
    them:

    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skpneumo.evaluation import compare_protocols
    >>> rng = np.random.default_rng(0)
    >>> patients = np.repeat(np.arange(150), 4)
    >>> y = (patients < 90).astype(int)
    >>> X = rng.normal(size=(150, 8))[patients] + 0.1 * rng.normal(size=(600, 8))
    >>> X[:, 0] += y
    >>> model = KNeighborsClassifier(1)
    >>> comparison = compare_protocols(model, X, y, groups=patients)
    >>> comparison.frame.set_index(["metric", "protocol"])["value"].loc["accuracy"].round(2)
    protocol
    patient-grouped CV    0.63
    random split          1.00
    Name: value, dtype: float64
    """
    if test is not None and split is not None:
        raise ValueError(
            "Both test and split are given, but they define the same part. Pass one of them."
        )
    if test is not None:
        collection = _collection_of_parts(X, y, groups, *test)
    else:
        collection = _collection_by_split(X, y, groups, split)
    n_held_out, n = len(collection.held_out), len(collection.y)

    protocols: dict[str, list[tuple[Rows, Rows]]] = {}
    if n_held_out:
        protocols[OFFICIAL] = [(collection.pool, collection.held_out)]
    protocols[GROUPED] = _folds(cv, collection, random_state)
    share = n_held_out / n if n_held_out else 1 / len(protocols[GROUPED])
    by_image = StratifiedShuffleSplit(1, test_size=share, random_state=random_state)
    protocols[RANDOM] = list(by_image.split(np.zeros(n), collection.y))

    normal_quantile(confidence_level)  # raises before hours of fitting
    models = _seeded(estimator, n_seeds, random_state)
    rows = []
    influences: dict[tuple[str, str], NDArray[np.float64]] = {}
    for name, parts in protocols.items():
        tested = [_fit_and_predict(model, collection, parts, pos_label) for model in models]
        fits = [
            estimate_metrics(predictions, _METRICS, Settings(confidence_level))
            for predictions in tested
        ]
        about = {
            "n_train": round(np.mean([len(train) for train, _ in parts])),
            "n_shared_patients": sum(_n_shared(collection.patients, *part) for part in parts),
        }
        for estimate, between in mean_over_fits(fits, confidence_level):
            rows.append(_row(name, estimate, between, n_seeds) | about)
        influences |= {
            (name, metric): _influence(tested, metric, collection, parts) for metric in _METRICS
        }
    return compared(rows, influences, confidence_level, n_seeds)


def _row(protocol: str, estimate: Estimate, between: float, n_seeds: int) -> dict[str, Any]:
    row = {"protocol": protocol, **vars(estimate)}
    return row | ({"sd_between_seeds": between} if n_seeds > 1 else {})


def _seeded(estimator: Any, n_seeds: int, random_state: int | None) -> list[Any]:
    """Return the estimator as it is, or several copies with different seeds."""
    check_scalar(n_seeds, "n_seeds", Integral, min_val=1)
    if n_seeds == 1:
        return [estimator]
    seeded = sorted(
        name
        for name in estimator.get_params()
        if name == "random_state" or name.endswith("__random_state")
    )
    if not seeded:
        raise ValueError(
            f"n_seeds={n_seeds}, but {type(estimator).__name__} has no random_state, so every fit "
            "would be the same. Use n_seeds=1."
        )
    rng = check_random_state(random_state)
    return [
        clone(estimator).set_params(**{name: random_seed(rng) for name in seeded})
        for _ in range(n_seeds)
    ]


def _influence(
    tested: list[Predictions],
    metric: str,
    collection: _Collection,
    parts: list[tuple[Rows, Rows]],
) -> NDArray[np.float64]:
    """Compute the influence of every patient of the collection; 0 if not tested."""
    codes = np.unique(collection.patients, return_inverse=True)[1]
    rows = np.concatenate([test for _, test in parts])
    influence = np.zeros(codes.max() + 1)
    influence[np.unique(codes[rows])] = np.mean(
        [
            np.zeros(each.n_patients)
            if metric == "roc_auc" and each.score is None
            else influence_of(each, metric)
            for each in tested
        ],
        axis=0,
    )
    return influence


def _collection_by_split(
    X: Any, y: ArrayLike, groups: ArrayLike | None, split: ArrayLike | None
) -> _Collection:
    labels = check_labels(y)
    patients = _patients(X, groups, "groups")
    in_test = np.zeros(len(labels), dtype=bool)
    if split is not None:
        in_test = np.asarray(column_or_1d(split)) == "test"
        if in_test.all() or not in_test.any():
            raise ValueError(
                f"split has 'test' in {int(in_test.sum())} of {len(in_test)} rows; expected some "
                "rows with 'test' and some without. Leave split out if there is no official test "
                "part."
            )
    check_consistent_length(X, labels, in_test)
    pool, held_out = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    return _Collection(X, labels, patients, pool, held_out, groups is not None)


def _collection_of_parts(
    X: Any,
    y: ArrayLike,
    groups: ArrayLike | None,
    X_test: Any,
    y_test: ArrayLike,
    groups_test: ArrayLike | None = None,
) -> _Collection:
    check_consistent_length(X, y)
    check_consistent_length(X_test, y_test)
    labels, labels_test = check_labels(y), check_labels(y_test, "y_test")
    check_same_kind(labels, labels_test, "y_test", "y")
    labels = np.concatenate([labels, labels_test])
    patients = np.concatenate(
        [
            _patients(X, groups, "groups"),
            _patients(X_test, groups_test, "test=(X_test, y_test, groups_test)"),
        ]
    )
    n_pool = _num_samples(X)
    rows = np.arange(len(labels))
    return _Collection(
        _concatenate(X, X_test), labels, patients, rows[:n_pool], rows[n_pool:],
        groups is not None or groups_test is not None,
    )  # fmt: skip


def _patients(X: Any, groups: ArrayLike | None, name: str) -> NDArray[Any]:
    if groups is None and carried_patients(X) is None and filenames_of(X) is None:
        raise ValueError(
            "X has neither patients nor file names to read them from. Pass the patients as "
            f"{name}."
        )
    return patients_of(X, _num_samples(X), groups)


def _concatenate(first: Any, second: Any) -> Any:
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat([first, second], ignore_index=True)
    if isinstance(first, list):
        return [*first, *second]
    return np.concatenate([first, second])


def _folds(cv: Any, collection: _Collection, random_state: int | None) -> list[tuple[Rows, Rows]]:
    pool = collection.pool
    if isinstance(cv, Integral):
        cv = StratifiedGroupKFold(int(cv), shuffle=True, random_state=random_state)
    folds = list(cv.split(np.zeros(len(pool)), collection.y[pool], collection.patients[pool]))
    tested = np.concatenate([test for _, test in folds])
    if not np.array_equal(np.sort(tested), np.arange(len(pool))):
        raise ValueError(
            f"cv={cv!r} does not test each image exactly once. Pass folds, not repeated or "
            "shuffled splits."
        )
    folds = [(pool[train], pool[test]) for train, test in folds]
    if any(_n_shared(collection.patients, *fold) for fold in folds):
        raise ValueError(
            f"cv={cv!r} has patients in both training and test. Pass a splitter that keeps "
            "patients together, such as PatientKFold."
        )
    return folds


def _n_shared(patients: NDArray[Any], train: Rows, test: Rows) -> int:
    """Count the patients on both sides."""
    return len(np.intersect1d(patients[train], patients[test]))


def _fit_and_predict(
    estimator: Any, collection: _Collection, parts: list[tuple[Rows, Rows]], pos_label: Any
) -> Predictions:
    """Fit a clone on the training rows of each pair, and pool predictions on the test rows."""
    tested = []
    for train, test in parts:
        given = groups_for(
            estimator, collection.patients[train] if collection.groups_given else None
        )
        model = clone(estimator)
        model.fit(_safe_indexing(collection.X, train), collection.y[train], **given)
        tested.append(
            predictions_of(
                model,
                _safe_indexing(collection.X, test),
                collection.y[test],
                groups=collection.patients[test],
                pos_label=pos_label,
            )
        )
    rows = np.concatenate([test for _, test in parts])
    scores = [each.score for each in tested if each.score is not None]
    if len(scores) > 1:
        # The model of each fold has its own scale of scores; ranks within folds are comparable.
        scores = [rankdata(score) / len(score) for score in scores]
    return Predictions(
        positive=np.concatenate([each.positive for each in tested]),
        predicted=np.concatenate([each.predicted for each in tested]),
        score=np.concatenate(scores) if scores else None,
        patient=np.unique(collection.patients[rows], return_inverse=True)[1],
        filenames=None,
        pos_label=tested[0].pos_label,
    )
