"""Compute decision curves: the net benefit at each threshold probability."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d

from skpneumo._predictions import Predictions, predictions_of
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._dominance import warn_of_dominant_patient
from skpneumo.evaluation._intervals import clustered_share, normal_quantile
from skpneumo.evaluation._prevalence import check_share, net_benefit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["decision_curve", "decision_curve_predictions"]

_DEFAULT_THRESHOLDS = np.round(np.linspace(0.01, 0.99, 99), 2)


def decision_curve(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    prevalence: float | None = None,
    threshold_probabilities: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> "pd.DataFrame":
    r"""Compute the net benefit of a fitted classifier at each threshold probability.

    A physician who examines patients further from a probability of :math:`p_t` on accepts
    :math:`(1 - p_t) / p_t` needless examinations for one case found. With this exchange rate, the
    net benefit is the number of cases found minus the cost of false alarms, per image. A model is
    useful where its net benefit is greater than that of examining everyone, and than 0, that of
    examining no one.

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
        Its probabilities are used unchanged. For a prevalence that differs from training, wrap it
        in a :class:`~skpneumo.decision.PriorShiftClassifier` first.
    X : array-like of length n_images
        Input of the estimator.
    y : array-like of shape (n_images,)
        True labels.
    groups : array-like of shape (n_images,), default=None
        The patient of each image; read from the file names by default.
    pos_label : label, default=None
        The positive class; by default the one that the estimator's threshold applies to, or else
        the illness by the names of the two.
    prevalence : float, default=None
        Share of positive images where the model will be used. None uses that of the sample, as if
        it were known.
    threshold_probabilities : array-like of shape (n_thresholds,), default=None
        Values between 0 and 1; 0.01, 0.02, ..., 0.99 by default.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals, each for one threshold probability.

    Returns
    -------
    frame : pandas.DataFrame
        One row per threshold probability, with the columns ``threshold_probability``,
        ``net_benefit``, ``low``, ``high``, ``examine_all`` (the net benefit of examining
        everyone), ``prevalence``, ``n`` and ``n_patients``. As the prevalence is taken as known,
        ``examine_all`` and the 0 of examining no one are constants: if an interval is above both,
        the model is better than either. The frame prints the net benefit with its interval.

    Raises
    ------
    ValueError
        If there are no probabilities, all images are of one class, or a prevalence or threshold is
        not between 0 and 1.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``X`` identifies the patients.

    See Also
    --------
    evaluate : With ``prevalence``, computes the net benefit at one threshold probability.

    References
    ----------
    A. J. Vickers and E. B. Elkin, "Decision curve analysis: a novel method for evaluating
    prediction models", Medical Decision Making 26 (2006), 565-574.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.evaluation import decision_curve
    >>> X, y = make_classification(400, class_sep=0.8, random_state=0)
    >>> model = LogisticRegression().fit(X[:200], y[:200])
    >>> decision_curve(model, X[200:], y[200:], threshold_probabilities=[0.2, 0.5])[
    ...     ["threshold_probability", "net_benefit", "low", "high", "examine_all"]].round(3)
       threshold_probability  net_benefit    low   high  examine_all
    0                    0.2        0.380  0.342  0.404        0.369
    1                    0.5        0.255  0.190  0.307       -0.010
    """
    predictions = predictions_of(estimator, X, y, groups=groups, pos_label=pos_label)
    return _decision_curve(predictions, prevalence, threshold_probabilities, confidence_level)


def decision_curve_predictions(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    filenames: Any = None,
    pos_label: Any = None,
    prevalence: float | None = None,
    threshold_probabilities: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> "pd.DataFrame":
    """Compute the net benefit of probabilities at each threshold probability.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        True labels, of two classes.
    y_score : array-like of shape (n_images,)
        Probabilities of the positive class.
    groups : array-like of shape (n_images,), default=None
        The patient of each image. None reads it from ``filenames``, and otherwise counts each row
        as one patient.
    filenames : array-like of paths, shape (n_images,), default=None
        The file of each image, to read its patient from.
    pos_label : label, default=None
        The positive class; by default 1 if the labels are 0/1 or -1/1, or else the greater label
        if that is the illness by its name.
    prevalence : float, default=None
        Share of positive images where the model will be used. None uses that of the sample.
    threshold_probabilities : array-like of shape (n_thresholds,), default=None
        Values between 0 and 1; 0.01, 0.02, ..., 0.99 by default.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals, each for one threshold probability.

    Returns
    -------
    frame : pandas.DataFrame
        As from :func:`decision_curve`.

    Raises
    ------
    ValueError
        As by :func:`decision_curve`, and if labels are not binary or lengths differ.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``filenames`` identifies the patients.

    Examples
    --------
    >>> from skpneumo.evaluation import decision_curve_predictions
    >>> frame = decision_curve_predictions(
    ...     [0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9], threshold_probabilities=[0.5])
    >>> frame.loc[0, ["net_benefit", "examine_all"]].astype(float).to_list()
    [0.5, 0.0]
    """
    predictions = Predictions.of(
        y_true, y_score, groups=groups, filenames=filenames, pos_label=pos_label, threshold=0.5
    )
    return _decision_curve(predictions, prevalence, threshold_probabilities, confidence_level)


def _decision_curve(
    predictions: Predictions,
    prevalence: float | None,
    threshold_probabilities: ArrayLike | None,
    confidence_level: float,
) -> "pd.DataFrame":
    from skpneumo.evaluation._table import ReadableFrame

    normal_quantile(confidence_level)  # checks it
    thresholds = _check_thresholds(threshold_probabilities)
    positive, score, patient = predictions.positive, predictions.score, predictions.patient
    if score is None or not predictions.has_probabilities:
        raise ValueError(
            "A decision curve needs probabilities of the positive class between 0 and 1, but "
            "there are none. Use a classifier with predict_proba."
        )
    if positive.all() or not positive.any():
        raise ValueError(
            f"All {len(positive)} images are of one class, so recall or specificity is undefined. "
            "Evaluate images of both classes."
        )
    if prevalence is None:
        prevalence = float(positive.mean())
    check_share(prevalence, "prevalence")
    warn_of_dominant_patient(predictions)
    rows = []
    for threshold in thresholds:
        predicted = score >= threshold
        recall = clustered_share(predicted, positive, patient, confidence_level)
        specificity = clustered_share(~predicted, ~positive, patient, confidence_level)
        value, (low, high) = net_benefit(recall, specificity, prevalence, threshold)
        odds = threshold / (1 - threshold)
        rows.append(
            {
                "threshold_probability": threshold,
                "net_benefit": value,
                "low": low,
                "high": high,
                "examine_all": prevalence - (1 - prevalence) * odds,
                "prevalence": prevalence,
                "n": len(positive),
                "n_patients": predictions.n_patients,
            }
        )
    frame = ReadableFrame(rows)
    frame.attrs["confidence_level"] = confidence_level
    return frame


def _check_thresholds(threshold_probabilities: ArrayLike | None) -> NDArray[np.float64]:
    if threshold_probabilities is None:
        return _DEFAULT_THRESHOLDS
    thresholds = column_or_1d(
        check_array(threshold_probabilities, ensure_2d=False, dtype=np.float64)
    )
    for threshold in thresholds:
        check_share(float(threshold), "threshold_probabilities")
    return thresholds
