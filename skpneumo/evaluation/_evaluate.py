"""Every metric of a binary classifier, with its interval and sample size."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skpneumo._formatting import class_name
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._random import check_random_state
from skpneumo._responses import reasons_to_withhold
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._dominance import warn_of_dominant_patient
from skpneumo.evaluation._estimate import Estimate, Settings, warn_of_undefined, why_undefined
from skpneumo.evaluation._estimates import METRICS, estimate_metrics, estimate_withheld
from skpneumo.evaluation._prevalence import check_share, estimate_at_prevalence
from skpneumo.evaluation._sentences import notes
from skpneumo.evaluation._several_fits import mean_over_fits
from skpneumo.evaluation._subgroups import (
    EVERYTHING,
    Subgroups,
    read_subgroups,
    split_by_subgroup,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate", "evaluate_predictions"]


def evaluate(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    threshold: float | None = None,
    subgroups: Any = "etiology",
    prevalence: float | None = None,
    threshold_probability: float | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 2000,
    n_bins: int = 10,
    random_state: int | np.random.RandomState | None = 0,
) -> "pd.DataFrame":
    """Evaluate a fitted classifier, with confidence intervals over patients.

    Parameters
    ----------
    estimator : fitted classifier, or list of them
        Anything with ``predict`` and ``classes_``, a whole pipeline from paths included. An
        :class:`~skpneumo.decision.InputGate` withholds nothing here: the figures are of all
        images, and a row "withheld" has the share that it would have withheld. Its
        ``predict_proba`` (or ``decision_function``) adds the metrics of scores. Of a list, such
        as the same pipeline fitted with several seeds, values are means, intervals include the
        variance between the fits, and there is a column with its root.
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
    subgroups : str, list of str, DataFrame, array-like or None, default="etiology"
        "etiology" reads it off the file names, and is passed over where there are none. Other
        names are those of columns of ``X``, if that is a table, such as age, sex, view, device
        or site; a table of its own is taken column by column. Their subgroups are called
        "sex=F"; numbers of more than ten values are cut at their quartiles ("age 2 to 5"). An
        array has a name for the subgroup of each image. Images with a blank or missing entry
        are in none. A subgroup of positives only gets its recall, and its AUC against *all*
        negatives; one of negatives only, the reverse; one with both, every metric.
    prevalence : float, default=None
        If given, there are three more rows: both predictive values and the net benefit where
        this share of images is positive. None of the other rows depends on it but precision,
        F1, the negative predictive value, accuracy, average precision and calibration, which
        are those of the sample.
    threshold_probability : float, default=None
        For the net benefit: the probability of pneumonia at which examining a patient further
        and not doing so are equally good. None takes the prevalence.
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
        patients in the metric's denominator), ``n_effective`` (how many patients of one size
        those are worth), ``interval`` (the method) and the subgroup's ``true_positives``,
        ``false_negatives``, ``false_positives`` and ``true_negatives``; with ``prevalence``
        also that, with several fits ``sd_between_fits``. It prints as a table of values with
        their intervals; ``pandas.DataFrame(frame)`` prints all columns. NaN, with a
        :class:`~sklearn.exceptions.UndefinedMetricWarning`, where a metric is undefined;
        ``interval`` then says why. ``frame.attrs["notes"]`` has the sentences that belong
        beside the table.

    Raises
    ------
    ValueError
        If there are no images, the labels are not those of the estimator, lengths differ, a
        patient is missing among ``groups``, a subgroup is called "all", it is unclear which
        class is the positive one, or ``prevalence`` is no share.

    Warns
    -----
    DominantPatientWarning
        If one patient has most of the images, or most of those of a class.

    See Also
    --------
    evaluate_predictions : The same from labels and scores.
    why_useless : Whether a table like this one is that of a useless model.
    decision_curve : The net benefit at all threshold probabilities.
    compare : Two classifiers on the same images.

    Notes
    -----
    Accuracy, recall, specificity and both predictive values have Wilson's interval; with
    several images per patient, on the number of images divided by the design effect [1]_ [2]_.
    So has F1, which is 2J / (1 + J) of the share J of true positives among the images positive
    in truth or by prediction [3]_. Balanced accuracy and the likelihood ratios take theirs from
    the limits of recall and specificity (MOVER [4]_ [5]_), and so do the predictive values and
    the net benefit [9]_ at a stated prevalence. AUC, average precision and Brier score have a t
    interval on the logit scale [6]_ by the jackknife over patients, with as many degrees of
    freedom as the spread of the patients' influences allows. Where fewer than ten patients are
    misranked, as in a perfect separation, or a few patients have most of the images, it is
    widened to a score interval on effective sizes [7]_.

    The calibration error (``ece``) is biased upwards: labels drawn from the probabilities
    themselves, all of a patient's by one lot, have one above 0 too [8]_, on average
    ``ece_by_chance``. Its interval reaches down by that and the spread, and up by the spread,
    so that it contains 0 where the probabilities may well be right. ``calibration_slope`` and
    ``calibration_intercept`` [10]_ have no such bias: right probabilities have a slope of 1 and
    an intercept of 0, which is that of a slope fixed at 1. Their intervals are t intervals by
    the jackknife over patients.

    A percentile bootstrap of patients, the usual choice, gives [1, 1] for a faultless test, and
    with 100 patients covers a recall of .995 about every other time, not 95 times in 100.

    The intervals describe new patients *like these*, and are conditional on the fitted model.
    They know nothing of another hospital, nor, with one fit, of the chance in training. Each is
    for itself: of many subgroups and metrics, some miss.

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
    .. [9] A. J. Vickers and E. B. Elkin, "Decision curve analysis: a novel method for evaluating
       prediction models", Medical Decision Making 26 (2006), 565-574.
    .. [10] B. Van Calster, D. Nieboer, Y. Vergouwe, B. De Cock, M. J. Pencina and E. W.
       Steyerberg, "A calibration hierarchy for risk models was defined: from utopia to
       empirical data", J. Clin. Epidemiol. 74 (2016), 167-176.

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

    Predictive values at a prevalence of 5 %:

    >>> frame = evaluate(model, X[200:], y[200:], prevalence=0.05).set_index("metric")
    >>> frame.loc["precision_at_prevalence", ["value", "low", "high"]].astype(float).round(3)
    value    0.140
    low      0.104
    high     0.190
    Name: precision_at_prevalence, dtype: float64
    """
    estimators = list(estimator) if isinstance(estimator, list | tuple) else [estimator]
    if not estimators:
        raise ValueError("estimator is an empty list. Pass a fitted classifier, or several.")
    fits = [
        predictions_of(each, X, y, groups=groups, pos_label=pos_label, threshold=threshold)
        for each in estimators
    ]
    reasons = [reasons_to_withhold(each, X) for each in estimators]
    if all(each is not None for each in reasons):
        fits = [
            replace(fit, withheld=np.asarray(each != "", dtype=bool))
            for fit, each in zip(fits, reasons, strict=True)
        ]
    how = _How(
        read_subgroups(subgroups, X, fits[0].filenames),
        prevalence,
        threshold_probability,
        Settings(confidence_level, n_resamples, n_bins, check_random_state(random_state)),
    )
    return _evaluate(fits, how)


def evaluate_predictions(
    y: ArrayLike,
    y_score: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    filenames: Any = None,
    pos_label: Any = None,
    threshold: float | None = None,
    subgroups: Any = "etiology",
    prevalence: float | None = None,
    threshold_probability: float | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 2000,
    n_bins: int = 10,
    random_state: int | np.random.RandomState | None = 0,
    withheld: ArrayLike | None = None,
) -> "pd.DataFrame":
    """Evaluate predictions, with confidence intervals over patients.

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
    subgroups : "etiology", DataFrame, array-like of shape (n_images,) or None
        As in :func:`evaluate`.
    prevalence, threshold_probability, confidence_level, n_resamples, n_bins, random_state
        As in :func:`evaluate`.
    withheld : array-like of bool, shape (n_images,), default=None
        Whether an input gate would have withheld each image; for one more row.

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
        withheld=withheld,
    )
    how = _How(
        read_subgroups(subgroups, None, predictions.filenames),
        prevalence,
        threshold_probability,
        Settings(confidence_level, n_resamples, n_bins, check_random_state(random_state)),
    )
    return _evaluate([predictions], how)


@dataclass(frozen=True)
class _How:
    """What to compute, and how."""

    subgroups: Subgroups
    prevalence: float | None
    threshold_probability: float | None
    settings: Settings

    def __post_init__(self) -> None:
        if self.prevalence is not None:
            check_share(self.prevalence, "prevalence")
        if self.threshold_probability is not None:
            check_share(self.threshold_probability, "threshold_probability")
            if self.prevalence is None:
                raise ValueError(
                    f"threshold_probability={self.threshold_probability} is for the net benefit "
                    "at a prevalence. Pass prevalence as well, or use decision_curve."
                )

    def estimates(self, predictions: Predictions, metrics: tuple[str, ...]) -> list[Estimate]:
        """The metrics of some images, and with all metrics those at the prevalence."""
        found = estimate_metrics(predictions, metrics, self.settings)
        if predictions.withheld is not None and metrics == METRICS:
            found.append(estimate_withheld(predictions, self.settings.confidence_level))
        if self.prevalence is not None and metrics == METRICS:
            found += estimate_at_prevalence(
                predictions,
                self.prevalence,
                self.threshold_probability or self.prevalence,
                self.settings.confidence_level,
            )
        return found


def _evaluate(fits: list[Predictions], how: _How) -> "pd.DataFrame":
    from skpneumo.evaluation._table import EvaluationFrame

    first = fits[0]
    rows = _rows(EVERYTHING, fits, METRICS, how)
    # What needs scores is no surprise to who passed none; a perfect separation has no slope,
    # which its row says.
    undefined = [
        row["metric"]
        for row in rows
        if np.isnan(row["value"]) and why_undefined(*fits) and "needs" not in row["interval"]
    ]
    warn_of_undefined(
        [name for name in undefined if not name.startswith("calibration_")], why_undefined(*fits)
    )
    warn_of_dominant_patient(first, stacklevel=3)
    for parts in zip(
        *(split_by_subgroup(each, how.subgroups, METRICS) for each in fits), strict=True
    ):
        name, _, metrics = parts[0]
        rows += _rows(name, [part for _, part, _ in parts], metrics, how)
    frame = EvaluationFrame(rows)
    frame.attrs["positive"] = class_name(first.pos_label)
    frame.attrs["confidence_level"] = how.settings.confidence_level
    frame.attrs["notes"] = _notes(frame, fits, how)
    return frame


def _rows(
    name: str, fits: list[Predictions], metrics: tuple[str, ...], how: _How
) -> list[dict[str, Any]]:
    counts = {
        count: np.mean([np.sum(each) for each in cells]).item()
        for count, cells in {
            "true_positives": [each.positive & each.predicted for each in fits],
            "false_negatives": [each.positive & ~each.predicted for each in fits],
            "false_positives": [~each.positive & each.predicted for each in fits],
            "true_negatives": [~each.positive & ~each.predicted for each in fits],
        }.items()
    }
    if len(fits) == 1:
        counts = {count: int(value) for count, value in counts.items()}
    estimates = mean_over_fits(
        [how.estimates(each, metrics) for each in fits], how.settings.confidence_level
    )
    rows = []
    for estimate, between in estimates:
        row = {"subgroup": name, **vars(estimate), **counts}
        if how.prevalence is not None:
            of_it = estimate.metric.endswith("_at_prevalence")
            row["prevalence"] = how.prevalence if of_it else np.nan
        if len(fits) > 1:
            row["sd_between_fits"] = between
        rows.append(row)
    return rows


def _notes(frame: "pd.DataFrame", fits: list[Predictions], how: _How) -> list[str]:
    """The sentences that are true of this table."""
    n_fits, first = len(fits), fits[0]
    known: dict[str, Any] = (
        {"one_fit": {}} if n_fits == 1 else {"several_fits": {"n_fits": n_fits}}
    )
    known["several_rows"] = {
        "n_rows": len(frame),
        "misses": 100 * (1 - how.settings.confidence_level),
    }
    overall = frame[frame["subgroup"].eq(EVERYTHING)].set_index("metric")["value"]
    if not np.isnan(overall["ece_by_chance"]):
        known["calibration_error"] = {"by_chance": overall["ece_by_chance"]}
    if how.prevalence is not None:
        known["stated_prevalence"] = {"prevalence": how.prevalence}
    if first.withheld is not None and n_fits == 1:
        known["withheld"] = {
            "n_withheld": int(first.withheld.sum()),
            "n": len(first),
            "n_positive": int((first.withheld & first.positive).sum()),
        }
    return notes(**known)
