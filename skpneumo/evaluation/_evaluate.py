"""Every metric of a binary classifier, each with its interval and the images it rests on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from skpneumo._predictions import Predictions, predictions_of
from skpneumo._random import check_random_state
from skpneumo.datasets import etiologies
from skpneumo.evaluation._estimates import (
    METRICS,
    Settings,
    estimate_metrics,
    warn_of_undefined,
    why_undefined,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate", "evaluate_predictions"]

EVERYTHING = "all"


def evaluate(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    threshold: float | None = None,
    subgroups: ArrayLike | str | None = "etiology",
    confidence_level: float = 0.95,
    n_resamples: int = 2000,
    n_bins: int = 10,
    random_state: int | np.random.RandomState | None = 0,
) -> "pd.DataFrame":
    """Evaluate a fitted classifier, with confidence intervals that respect patients.

    Parameters
    ----------
    estimator : fitted classifier
        Anything with ``predict`` and ``classes_``, a whole pipeline from paths included. Its
        ``predict_proba`` (or ``decision_function``) adds the metrics of scores.
    X : array-like of length n_images
        What the estimator takes: paths, images or features.
    y : array-like of shape (n_images,)
        True labels. With more than two classes, pass ``pos_label``: that class is evaluated
        against the others.
    groups : array-like of shape (n_images,), default=None
        The patient of each image. None reads it off the file names if ``X`` are paths or carry
        ``filenames``, and takes each row for a patient of its own otherwise.
    pos_label : label, default=None
        The class whose recall is meant; by default the one that the estimator's
        threshold is about, else the second of two.
    threshold : float, default=None
        Scores of at least this are called positive. None asks the estimator's ``predict``, and
        so keeps the threshold of a tuned one.
    subgroups : "etiology", array-like of shape (n_images,) or None, default="etiology"
        A name for the subgroup of each image; images with a blank or missing name are in none.
        "etiology" reads it off the file names, and is passed over where there are none. A
        subgroup of positives only gets its recall, and its rank metrics against *all*
        negatives; one of negatives only, the reverse; one with both, every metric.
    confidence_level : float, default=0.95
        Of the two-sided intervals.
    n_resamples : int, default=2000
        Bootstrap resamples of patients.
    n_bins : int, default=10
        Bins of the calibration error.
    random_state : int, RandomState instance or None, default=0
        Seed of the bootstrap.

    Returns
    -------
    frame : pandas.DataFrame
        One row per subgroup and metric, with the columns ``subgroup`` ("all" for everything),
        ``metric``, ``value``, ``low``, ``high``, ``n`` and ``n_patients`` (the images and
        patients in the metric's denominator) and ``interval`` (the method). NaN, with a
        :class:`~sklearn.exceptions.UndefinedMetricWarning`, where a metric is undefined;
        ``interval`` then says why.

    Raises
    ------
    ValueError
        If there are no images, the labels are not those of the estimator, lengths differ, a
        patient is missing among ``groups``, a subgroup is called "all", or it is unclear which
        class is the positive one.

    See Also
    --------
    evaluate_predictions : The same from labels and scores.
    compare : Two classifiers on the same images.

    Notes
    -----
    Accuracy, recall, specificity and precision have Wilson's interval; with several images per
    patient, on the number of images divided by the design effect [1]_ [2]_. So has F1, which is
    2J / (1 + J) of the share J of true positives among the images positive in truth or by
    prediction [3]_. Balanced accuracy and the likelihood ratios take theirs from the limits of
    recall and specificity (MOVER [4]_ [5]_). AUC, average precision and Brier score have a
    bootstrap of patients, on the logit scale [6]_. The calibration error is biased upwards:
    labels drawn from the probabilities themselves, all of a patient's by one lot, have one
    above 0 too [8]_. Its interval reaches down by the mean of those and the spread, and up by
    the spread, so that it contains 0 where the probabilities may well be right. Where fewer
    than ten patients are misranked, as in a perfect separation, all four are widened to a score
    interval on effective sizes [7]_.

    A percentile bootstrap of patients, the usual choice, gives [1, 1] for a faultless test, and
    with 100 patients covers a recall of .995 about every other time, not 95 times in 100.

    The intervals describe new patients *like these*. They know nothing of another hospital, nor
    of the chance in training.

    References
    ----------
    .. [1] J. N. K. Rao and A. J. Scott, "A simple method for the analysis of clustered binary
       data", Biometrics 48 (1992), 577-585.
    .. [2] C. Franco, R. J. A. Little, T. A. Louis and E. V. Slud, "Comparative study of
       confidence intervals for proportions in complex sample surveys", J. Survey Stat.
       Methodol. 7 (2019), 334-364.
    .. [3] K. F. Y. Lam, V. Gopal and J. Qian, "Confidence intervals for the F1 score: a
       comparison of four methods", arXiv:2309.14621 (2023).
    .. [4] G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a
       general approach", Statistics in Medicine 27 (2008), 1693-1702.
    .. [5] R. G. Newcombe, "MOVER-R confidence intervals for ratios and products of two
       independently estimated quantities", Stat. Methods Med. Res. 25 (2016), 1774-1778.
    .. [6] M. Pohar Perme and D. Manevski, "Confidence intervals for the Mann-Whitney test",
       Stat. Methods Med. Res. 28 (2019), 3755-3768.
    .. [7] R. G. Newcombe, "Confidence intervals for an effect size measure based on the
       Mann-Whitney statistic. Part 2", Statistics in Medicine 25 (2006), 559-573.
    .. [8] J. Bröcker and L. A. Smith, "Increasing the reliability of reliability diagrams",
       Weather and Forecasting 22 (2007), 651-661.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.evaluation import evaluate
    >>> X, y = make_classification(400, class_sep=0.8, random_state=0)
    >>> model = LogisticRegression().fit(X[:200], y[:200])
    >>> frame = evaluate(model, X[200:], y[200:]).set_index("metric")
    >>> frame.loc[["recall", "specificity"], ["value", "low", "high", "n"]].round(3)
                 value    low   high    n
    metric
    recall       0.768  0.675  0.840   99
    specificity  0.752  0.660  0.826  101
    """
    predictions = predictions_of(
        estimator, X, y, groups=groups, pos_label=pos_label, threshold=threshold
    )
    return _evaluate(predictions, subgroups, confidence_level, n_resamples, n_bins, random_state)


def evaluate_predictions(
    y: ArrayLike,
    y_score: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    filenames: Any = None,
    pos_label: Any = None,
    threshold: float | None = None,
    subgroups: ArrayLike | str | None = "etiology",
    confidence_level: float = 0.95,
    n_resamples: int = 2000,
    n_bins: int = 10,
    random_state: int | np.random.RandomState | None = 0,
) -> "pd.DataFrame":
    """Evaluate predictions, with confidence intervals that respect patients.

    Parameters
    ----------
    y : array-like of shape (n_images,)
        True labels, of two classes.
    y_score : array-like of shape (n_images,), default=None
        Scores of the positive class. Without them there are only the metrics of decisions.
    y_pred : array-like of shape (n_images,), default=None
        Predicted labels. None decides by ``threshold``.
    groups : array-like of shape (n_images,), default=None
        The patient of each image. None reads it off ``filenames``, and takes each row for a
        patient of its own without them.
    filenames : array-like of paths, shape (n_images,), default=None
        The file of each image, for its patient and etiology.
    pos_label : label, default=None
        The class whose recall is meant; 1 of 0/1 and -1/1, else the greater of two labels.
    threshold : float, default=None
        Scores of at least this are called positive; 0.5 for probabilities.
    subgroups, confidence_level, n_resamples, n_bins, random_state
        As in :func:`evaluate`.

    Returns
    -------
    frame : pandas.DataFrame
        As from :func:`evaluate`.

    Raises
    ------
    ValueError
        If labels are not binary, one is missing, some are text and others numbers, lengths
        differ, or the decisions are given twice or not at all.

    Examples
    --------
    A test without a single error, two images of each of thirty patients, proves less than its
    point estimate says:

    >>> import numpy as np
    >>> from skpneumo.evaluation import evaluate_predictions
    >>> y, patient = np.repeat([0, 1], 30), np.repeat(np.arange(30), 2)
    >>> frame = evaluate_predictions(y, y_pred=y, groups=patient).set_index("metric")
    >>> frame.loc["recall", ["value", "low", "high", "n", "n_patients"]].round(3).to_list()
    [1.0, 0.796, 1.0, 30.0, 15.0]
    """
    predictions = Predictions.of(
        y,
        y_score,
        y_pred,
        groups=groups,
        filenames=filenames,
        pos_label=pos_label,
        threshold=threshold,
    )
    return _evaluate(predictions, subgroups, confidence_level, n_resamples, n_bins, random_state)


def _evaluate(
    predictions: Predictions,
    subgroups: ArrayLike | str | None,
    confidence_level: float,
    n_resamples: int,
    n_bins: int,
    random_state: int | np.random.RandomState | None,
) -> "pd.DataFrame":
    import pandas as pd

    settings = Settings(confidence_level, n_resamples, n_bins, check_random_state(random_state))
    rows = [(EVERYTHING, each) for each in estimate_metrics(predictions, METRICS, settings)]
    # What needs scores is no surprise to who passed none.
    undefined = [
        each.metric
        for _, each in rows
        if np.isnan(each.value) and "undefined: needs" not in each.interval
    ]
    warn_of_undefined(undefined, why_undefined(predictions))
    for name, part, metrics in _subgroups(predictions, subgroups):
        rows += [(name, each) for each in estimate_metrics(part, metrics, settings)]
    frame = pd.DataFrame([{"subgroup": name, **vars(each)} for name, each in rows])
    frame.attrs["confidence_level"] = confidence_level
    return frame


def _subgroups(
    predictions: Predictions, subgroups: ArrayLike | str | None
) -> Iterator[tuple[str, Predictions, tuple[str, ...]]]:
    """Yield the name, the predictions and the metrics of each subgroup."""
    names = _subgroup_names(predictions, subgroups)
    if names is None:
        return
    positive = predictions.positive
    for name in sorted({name for name in names if name}):
        members = names == name
        sides = {bool(side) for side in positive[members]}
        if members.all():
            continue
        if sides == {True, False}:
            yield name, predictions.rows(members), METRICS
            continue
        of_positives = sides == {True}
        if np.array_equal(members, positive == of_positives):
            continue  # The whole class, whose figures are those of "all".
        against_all = predictions.rows(members | (positive != of_positives))
        if not (positive != of_positives).any():
            metrics: tuple[str, ...] = ("recall",) if of_positives else ("specificity",)
        else:
            metrics = ("recall" if of_positives else "specificity", "roc_auc")
        yield name, against_all, metrics


def _subgroup_names(
    predictions: Predictions, subgroups: ArrayLike | str | None
) -> NDArray[np.object_] | None:
    if subgroups is None:
        return None
    if isinstance(subgroups, str):
        if subgroups != "etiology":
            raise ValueError(
                f"subgroups={subgroups!r} is neither 'etiology' nor one name for each image."
            )
        if predictions.filenames is None:
            return None
        names = etiologies(predictions.filenames)
        names[names == "unknown"] = ""
        return names
    import pandas as pd

    # By way of objects, because numpy makes the word "nan" of a NaN among words.
    given: NDArray[Any] = column_or_1d(np.asarray(subgroups, dtype=object))
    check_consistent_length(predictions.positive, given)
    names = np.empty(len(given), dtype=object)
    names[:] = ["" if pd.isna(name) else str(name).strip() for name in given]
    if EVERYTHING in names:
        raise ValueError(
            f"A subgroup is called {EVERYTHING!r}, as are the rows of all images. Rename it."
        )
    return names
