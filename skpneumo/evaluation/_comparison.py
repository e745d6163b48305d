"""Compare two classifiers on the same images, with intervals and paired tests."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skpneumo._predictions import Predictions, common_positive_label, predictions_of
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._differences import DIFFERENCE_METRICS, estimate_differences
from skpneumo.evaluation._dominance import warn_of_dominant_patient
from skpneumo.evaluation._estimate import warn_of_undefined, why_undefined
from skpneumo.evaluation._intervals import normal_quantile
from skpneumo.evaluation._sentences import notes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare", "compare_predictions"]


def compare(
    estimator_a: Any,
    estimator_b: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    confidence_level: float = 0.95,
) -> "pd.DataFrame":
    """Compare two fitted classifiers on the same images.

    Whether two separate intervals overlap says little, because both models see the same easy and
    hard patients. This function looks at the differences image by image.

    Parameters
    ----------
    estimator_a, estimator_b : fitted classifiers
        As in :func:`evaluate`; their own ``predict`` decides.
    X : array-like of length n_images
        Input of both.
    y : array-like of shape (n_images,)
        True labels.
    groups : array-like of shape (n_images,), default=None
        The patient of each image. None reads it from the file names if ``X`` has any, and
        otherwise counts each row as one patient.
    pos_label : label, default=None
        The positive class; by default the one that the estimators' threshold applies to, or else
        the illness by the names of the two.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals.

    Returns
    -------
    frame : pandas.DataFrame
        One row per metric, with the columns ``metric``, ``value_a``, ``value_b``, ``difference``
        (a - b), ``low``, ``high``, ``p_value`` and ``test`` (if there is one), ``n``,
        ``n_patients`` and ``interval``. ``frame.attrs["notes"]`` has sentences to print below the
        table.

    Raises
    ------
    ValueError
        If there are no images, the labels are not those of both estimators, lengths differ,
        ``groups`` has missing values, or it is unclear which class is positive.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``X`` identifies the patients.

    See Also
    --------
    compare_predictions : Compares labels and scores.
    compare_protocols : Compares test protocols of one model.

    Notes
    -----
    Differences of accuracy, recall and specificity have Bonett and Price's paired interval [1]_
    and McNemar's exact test [2]_; with several images per patient, the patient is the unit of both
    (the test computes how often the difference would be as large if A and B were swapped at random
    within each patient, which is McNemar's test for one image per patient). AUC has DeLong's test
    [3]_, in Obuchowski's form for clustered data [4]_, with a t distribution.

    The interval of balanced accuracy combines the limits of recall and specificity. Those of all
    other metrics, AUC included, combine the limits of A and of B with their correlation (MOVER
    [5]_). The limits are those of :func:`evaluate`, without the widening if few patients are in
    error; the correlation is that of the influences of the patients, shrunk as if two more
    patients with independent influences had been seen. So two models that agree on every image do
    not get [0, 0]: agreement on a small test set does not prove equality. For the same reason the
    interval of an AUC is wider than DeLong's, up to several times if few patients are misranked,
    and it may contain 0 although the p-value of DeLong's test is small. In simulations with 30 to
    400 patients the intervals cover in 93 of 100 cases or more; the guide has the table.

    Values, intervals and tests are conditional on these two fitted models; models that are fitted
    again vary more. No p-value is corrected for comparing several metrics.

    References
    ----------
    .. [1] D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of
       binomial proportions based on paired data", J. Educ. Behav. Stat. 37 (2012), 479-488.
    .. [2] Q. McNemar, "Note on the sampling error of the difference between correlated
       proportions or percentages", Psychometrika 12 (1947), 153-157.
    .. [3] E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or
       more correlated receiver operating characteristic curves: a nonparametric approach",
       Biometrics 44 (1988), 837-845.
    .. [4] N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53
       (1997), 567-578.
    .. [5] G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a
       general approach", Statistics in Medicine 27 (2008), 1693-1702.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skpneumo.evaluation import compare
    >>> X, y = make_classification(600, class_sep=0.8, random_state=0)
    >>> linear = LogisticRegression().fit(X[:200], y[:200])
    >>> stump = DecisionTreeClassifier(max_depth=1).fit(X[:200], y[:200])
    >>> frame = compare(linear, stump, X[200:], y[200:]).set_index("metric")
    >>> frame.loc[["recall", "roc_auc"], ["difference", "low", "high", "p_value"]].round(3)
             difference    low   high  p_value
    metric
    recall        0.005 -0.029  0.039      1.0
    roc_auc       0.129  0.103  0.162      0.0
    """
    if pos_label is None:
        pos_label = common_positive_label([estimator_a, estimator_b])
    a, b = (
        predictions_of(estimator, X, y, groups=groups, pos_label=pos_label)
        for estimator in (estimator_a, estimator_b)
    )
    return _compare(a, b, confidence_level)


def compare_predictions(
    y_true: ArrayLike,
    y_score_a: ArrayLike | None = None,
    y_score_b: ArrayLike | None = None,
    *,
    y_pred_a: ArrayLike | None = None,
    y_pred_b: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    filenames: Any = None,
    pos_label: Any = None,
    confidence_level: float = 0.95,
) -> "pd.DataFrame":
    """Compare two sets of predictions for the same images.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        True labels, of two classes.
    y_score_a, y_score_b : array-like of shape (n_images,), default=None
        Scores of the positive class.
    y_pred_a, y_pred_b : array-like of shape (n_images,), default=None
        Predicted labels. None predicts positive from a probability of 0.5 on.
    groups : array-like of shape (n_images,), default=None
        The patient of each image. None reads it from ``filenames``, and otherwise counts each row
        as one patient.
    filenames : array-like of paths, shape (n_images,), default=None
        The file of each image, to read its patient from.
    pos_label : label, default=None
        The positive class; by default 1 if the labels are 0/1 or -1/1, or else the greater label
        if that is the illness by its name.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals.

    Returns
    -------
    frame : pandas.DataFrame
        As from :func:`compare`.

    Raises
    ------
    ValueError
        If there is nothing to compare, labels are not binary, are missing or mix text with
        numbers, or lengths differ.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``filenames`` identifies the patients.

    Examples
    --------
    >>> from skpneumo.evaluation import compare_predictions
    >>> y = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    >>> a = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    >>> b = [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    >>> frame = compare_predictions(y, y_pred_a=a, y_pred_b=b).set_index("metric")
    >>> frame.loc["recall", ["difference", "low", "high"]].astype(float).round(2).to_list()
    [0.75, 0.19, 1.0]
    >>> print(f"{frame.loc['recall', 'test']}: p = {frame.loc['recall', 'p_value']:.3f}")
    McNemar, exact: p = 0.031
    """
    a, b = (
        Predictions.of(
            y_true, score, pred, groups=groups, filenames=filenames, pos_label=pos_label
        )
        for score, pred in ((y_score_a, y_pred_a), (y_score_b, y_pred_b))
    )
    return _compare(a, b, confidence_level)


def _compare(
    a: Predictions,
    b: Predictions,
    confidence_level: float,
) -> "pd.DataFrame":
    from skpneumo.evaluation._table import ReadableFrame

    normal_quantile(confidence_level)  # checks it
    rows = estimate_differences(a, b, DIFFERENCE_METRICS, confidence_level)
    why = why_undefined(a, b)
    warn_of_undefined([row.metric for row in rows if np.isnan(row.difference)], why)
    frame = ReadableFrame([vars(row) for row in rows])
    frame.loc[frame["difference"].isna(), "interval"] = f"undefined: {why}"
    frame.attrs["confidence_level"] = confidence_level
    frame.attrs["notes"] = notes(
        two_fits={},
        several_rows={"n_rows": len(frame), "misses": 100 * (1 - confidence_level)},
    )
    warn_of_dominant_patient(a)
    return frame
