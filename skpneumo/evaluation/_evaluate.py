"""Compute every metric of a binary classifier, with its interval and sample size."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skpneumo._formatting import class_name, rounded
from skpneumo._predictions import Predictions, common_positive_label, predictions_of
from skpneumo._random import check_random_state
from skpneumo._responses import reasons_to_withhold
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._dominance import warn_of_dominant_patient
from skpneumo.evaluation._estimate import Estimate, Settings, warn_of_undefined, why_undefined
from skpneumo.evaluation._metric_estimates import METRICS, estimate_metrics, estimate_withheld
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

__all__ = ["evaluate", "evaluate_predictions", "evaluation_of"]


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
        Any estimator with ``predict`` and ``classes_``, such as a whole pipeline from paths. With
        ``predict_proba`` (or ``decision_function``) there are metrics of scores as well. An
        :class:`~skpneumo.decision.InputGate` withholds nothing here: the metrics are those of all
        images, and the row "withheld" has the share that it would have withheld. For a list, such
        as the same pipeline fitted with several seeds, values are means, intervals include the
        variance between the fits, and a column has their standard deviation.
    X : array-like of length n_images
        Input of the estimator: paths, images or features.
    y : array-like of shape (n_images,)
        True labels. With more than two classes, pass ``pos_label``: that class is evaluated
        against the others.
    groups : array-like of shape (n_images,), default=None
        The patient of each image. None reads it from the file names if ``X`` has any, and
        otherwise counts each row as one patient.
    pos_label : label, default=None
        The positive class; by default the one that the estimator's threshold applies to, or else
        the illness by the names of the two.
    threshold : float, default=None
        Scores from this value on count as positive. None uses the estimator's ``predict``, and so
        its own threshold.
    subgroups : str, list of str, DataFrame, array-like or None, default="etiology"
        "etiology" reads the etiology from the file names, if there are any. Other names are
        columns of ``X``, if it is a table, such as age, sex, view, device or site. All columns of
        a separate table are used. These subgroups are called "sex=F"; numbers with more than ten
        values are cut at their quartiles ("age 2 to 5"). An array has the name of the subgroup of
        each image. Images with a blank or missing entry are in no subgroup. A subgroup with only
        positives gets its recall, and its AUC against *all* negatives; one with only negatives,
        the reverse; one with both, every metric.
    prevalence : float, default=None
        If given, there are three more rows: both predictive values and the net benefit if this
        share of images is positive. The other rows are those of the sample; of these, precision,
        F1, the negative predictive value, accuracy, average precision and calibration depend on
        its prevalence.
    threshold_probability : float, default=None
        For the net benefit: the probability of pneumonia at which examining a patient further and
        not doing so are equally good. By default the prevalence.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals.
    n_resamples : int, default=2000
        Number of bootstrap resamples of patients.
    n_bins : int, default=10
        Number of bins of the calibration error.
    random_state : int, RandomState instance or None, default=0
        Seed of the bootstrap.

    Returns
    -------
    frame : pandas.DataFrame
        One row per subgroup and metric, with the columns ``subgroup`` ("all" for all images),
        ``metric``, ``value``, ``low``, ``high``, ``n`` and ``n_patients`` (the images and patients
        in the metric's denominator), ``n_effective`` (the number of patients with equally many
        images that carry the same information), ``interval`` (the method) and the subgroup's
        ``true_positives``, ``false_negatives``, ``false_positives`` and ``true_negatives``; with
        ``prevalence`` also ``prevalence``, and with several fits ``sd_between_fits``. It prints as
        a table of values with their intervals; ``pandas.DataFrame(frame)`` prints all columns. If
        a metric is undefined, its value is NaN, with an
        :class:`~sklearn.exceptions.UndefinedMetricWarning`, and ``interval`` has the reason.
        ``frame.attrs["notes"]`` has sentences to print below the table.

    Raises
    ------
    ValueError
        If there are no images, the labels are not those of the estimator, lengths differ,
        ``groups`` has missing values, a subgroup is called "all", it is unclear which class is
        positive, or ``prevalence`` is not between 0 and 1.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``X`` identifies the patients.
    DominantPatientWarning
        If one patient has most of the images, or most of those of a class.
    UndefinedMetricWarning
        If a metric is undefined.

    See Also
    --------
    evaluate_predictions : Evaluates labels and scores.
    why_useless : Tells from such a frame whether the model is useless.
    decision_curve : Computes the net benefit at all threshold probabilities.
    compare : Compares two classifiers on the same images.

    Notes
    -----
    Accuracy, recall, specificity and both predictive values have Wilson's interval; with several
    images per patient, for the number of images divided by the design effect [1]_ [2]_. F1 has it
    too: it is 2J / (1 + J), with J the share of true positives among the images that are positive
    in truth or by prediction [3]_. The intervals of balanced accuracy and the likelihood ratios
    are derived from the limits of recall and specificity (MOVER [4]_ [5]_), and so are those of
    the predictive values and the net benefit [9]_ at a given prevalence. AUC, average precision
    and Brier score have a t interval on the logit scale [6]_ by the jackknife over patients, with
    degrees of freedom estimated from the patients' influences. If fewer than ten patients are
    misranked, as with perfect separation, or a few patients have most of the images, it is widened
    to a score interval for effective sample sizes [7]_.

    The calibration error (``ece``) is biased upwards: even labels drawn from the probabilities
    themselves, with one random number per patient, have an error above 0 [8]_, on average
    ``ece_by_chance``. Its interval extends down by this bias and the spread, and up by the spread,
    so that it contains 0 if the probabilities may be right. ``calibration_slope`` and
    ``calibration_intercept`` [10]_ have no such bias: right probabilities have a slope of 1, and
    an intercept of 0 with the slope fixed at 1. Their intervals are t intervals by the jackknife
    over patients.

    A percentile bootstrap of patients, the usual choice, gives [1, 1] if there is no error, and
    with 100 patients covers a recall of .995 in about half of all cases instead of 95 %.

    The intervals are about new patients *like these*, and conditional on the fitted model. They do
    not cover another hospital nor, with one fit, the randomness of training. Each interval is
    valid on its own: of many subgroups and metrics, some miss.

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
    if pos_label is None and len(estimators) > 1:
        pos_label = common_positive_label(estimators)
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
    how = _Options(
        read_subgroups(subgroups, X, fits[0].filenames),
        prevalence,
        threshold_probability,
        Settings(confidence_level, n_resamples, n_bins, check_random_state(random_state)),
    )
    return _evaluate(fits, how)


def evaluate_predictions(
    y_true: ArrayLike,
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
    y_true : array-like of shape (n_images,)
        True labels, of two classes.
    y_score : array-like of shape (n_images,), default=None
        Scores of the positive class. Without them there are only metrics of predicted labels.
    y_pred : array-like of shape (n_images,), default=None
        Predicted labels. None applies ``threshold`` to the scores.
    groups : array-like of shape (n_images,), default=None
        The patient of each image. None reads it from ``filenames``, and otherwise counts each row
        as one patient.
    filenames : array-like of paths, shape (n_images,), default=None
        The file of each image, to read its patient and etiology from.
    pos_label : label, default=None
        The positive class; by default 1 if the labels are 0/1 or -1/1, or else the greater label
        if that is the illness by its name.
    threshold : float, default=None
        Scores from this value on count as positive; by default 0.5 for probabilities.
    subgroups : str, DataFrame, array-like or None, default="etiology"
        As in :func:`evaluate`, except that there is no table ``X`` whose columns could be named.
    prevalence, threshold_probability : float, default=None
        As in :func:`evaluate`.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals.
    n_resamples : int, default=2000
        Number of bootstrap resamples of patients.
    n_bins : int, default=10
        Number of bins of the calibration error.
    random_state : int, RandomState instance or None, default=0
        Seed of the bootstrap.
    withheld : array-like of bool, shape (n_images,), default=None
        Whether an input gate would have withheld each image; adds the row "withheld".

    Returns
    -------
    frame : pandas.DataFrame
        As from :func:`evaluate`.

    Raises
    ------
    ValueError
        If labels are not binary, are missing or mix text with numbers, if lengths differ, or if
        both or none of ``y_pred`` and a usable ``threshold`` are given.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``filenames`` identifies the patients.
    DominantPatientWarning
        If one patient has most of the images, or most of those of a class.
    UndefinedMetricWarning
        If a metric is undefined.

    Examples
    --------
    With two images of each of thirty patients and no error, the interval shows how little is
    proven:

    >>> import numpy as np
    >>> from skpneumo.evaluation import evaluate_predictions
    >>> y, patient = np.repeat([0, 1], 30), np.repeat(np.arange(30), 2)
    >>> frame = evaluate_predictions(y, y_pred=y, groups=patient).set_index("metric")
    >>> columns = ["value", "low", "high", "n", "n_patients"]
    >>> frame.loc["recall", columns].astype(float).round(3).to_list()
    [1.0, 0.796, 1.0, 30.0, 15.0]
    """
    predictions = Predictions.of(
        y_true,
        y_score,
        y_pred,
        groups=groups,
        filenames=filenames,
        pos_label=pos_label,
        threshold=threshold,
        withheld=withheld,
    )
    return evaluation_of(
        predictions,
        subgroups=subgroups,
        prevalence=prevalence,
        threshold_probability=threshold_probability,
        confidence_level=confidence_level,
        n_resamples=n_resamples,
        n_bins=n_bins,
        random_state=random_state,
    )


def evaluation_of(
    predictions: Predictions,
    *,
    subgroups: Any = "etiology",
    prevalence: float | None = None,
    threshold_probability: float | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 2000,
    n_bins: int = 10,
    random_state: int | np.random.RandomState | None = 0,
) -> "pd.DataFrame":
    """Evaluate predictions that have been checked, as :func:`evaluate_predictions` does."""
    how = _Options(
        read_subgroups(subgroups, None, predictions.filenames),
        prevalence,
        threshold_probability,
        Settings(confidence_level, n_resamples, n_bins, check_random_state(random_state)),
    )
    return _evaluate([predictions], how)


# With an interval beyond this the odds are wrong by a factor of at least two.
_LOG_ODDS_OFF = float(np.log(2))


@dataclass(frozen=True)
class _Options:
    """Settings of an evaluation."""

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
                    f"threshold_probability={self.threshold_probability} is used for the net "
                    "benefit at a prevalence. Pass prevalence as well, or use decision_curve."
                )

    def estimates(self, predictions: Predictions, metrics: tuple[str, ...]) -> list[Estimate]:
        """Estimate metrics; if these are all metrics, also those at the prevalence."""
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


def _evaluate(fits: list[Predictions], how: _Options) -> "pd.DataFrame":
    from skpneumo.evaluation._table import EvaluationFrame

    first = fits[0]
    rows = _rows(EVERYTHING, fits, METRICS, how)
    # No warning for metrics of scores if none were passed. Nor for a calibration slope with
    # perfect separation, which its row explains.
    undefined = [
        row["metric"]
        for row in rows
        if np.isnan(row["value"]) and why_undefined(*fits) and "needs" not in row["interval"]
    ]
    warn_of_undefined(
        [name for name in undefined if not name.startswith("calibration_")], why_undefined(*fits)
    )
    warn_of_dominant_patient(first)
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
    name: str, fits: list[Predictions], metrics: tuple[str, ...], how: _Options
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


def _notes(frame: "pd.DataFrame", fits: list[Predictions], how: _Options) -> list[str]:
    """Write the sentences that apply to this table."""
    n_fits, first = len(fits), fits[0]
    known: dict[str, Any] = (
        {"one_fit": {}} if n_fits == 1 else {"several_fits": {"n_fits": n_fits}}
    )
    known["several_rows"] = {
        "n_rows": len(frame),
        "misses": 100 * (1 - how.settings.confidence_level),
    }
    overall = frame[frame["subgroup"].eq(EVERYTHING)].set_index("metric")
    if not np.isnan(by_chance := overall.loc["ece_by_chance", "value"]):
        known["calibration_error"] = {"by_chance": by_chance}
    intercept = overall.loc["calibration_intercept"]
    if max(intercept["low"], -intercept["high"]) > _LOG_ODDS_OFF:
        known["wrong_probabilities"] = {
            "direction": "low" if intercept["value"] > 0 else "high",
            "times": rounded(np.exp(intercept["value"])),
        }
    if how.prevalence is not None:
        known["stated_prevalence"] = {"prevalence": how.prevalence}
    if first.withheld is not None and n_fits == 1:
        known["withheld"] = {
            "n_withheld": int(first.withheld.sum()),
            "n": len(first),
            "n_positive": int((first.withheld & first.positive).sum()),
        }
    return notes(**known)
