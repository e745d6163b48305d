"""Decide whether a model is useless."""

from math import hypot, isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["why_useless", "why_useless_rates"]

Interval = tuple[float, float]

GUESSING = 0.5


def why_useless(
    frame: "pd.DataFrame", *, names: tuple[str, str] = ("negative", "positive")
) -> str:
    """Explain why a model is useless; "" if nothing shows that it is.

    A model is useless if it predicts the same class for all images, or if the interval of its
    balanced accuracy contains 0.5, that of guessing, or lies below.

    Parameters
    ----------
    frame : DataFrame
        As returned by :func:`evaluate`, for images of both classes.
    names : tuple of two str, default=("negative", "positive")
        Names of the classes for the sentence.

    Returns
    -------
    reason : str
        A sentence; "" if the model is not useless, or if all images are of one class, so that it
        cannot be told.

    See Also
    --------
    evaluate : Makes the frame.
    why_useless_rates : Decides from recall and specificity.

    Notes
    -----
    With few patients, intervals are wide, and even a good model may not be distinguishable from a
    useless one. Evaluate on more patients then.

    Examples
    --------
    >>> from skpneumo.evaluation import evaluate_predictions, why_useless
    >>> y = [0] * 20 + [1] * 20
    >>> why_useless(evaluate_predictions(y, y_pred=y))
    ''
    >>> why_useless(evaluate_predictions(y, y_pred=[0, 1] * 20))
    'Its balanced accuracy, 0.500 [0.358, 0.642], is not above 0.5, that of guessing, beyond ...'
    """
    overall = frame[frame["subgroup"].eq("all")].set_index("metric")
    counts = overall.iloc[0]
    n_positive = counts["true_positives"] + counts["false_negatives"]
    n_negative = counts["false_positives"] + counts["true_negatives"]
    if not (n_positive and n_negative):
        return ""
    n_predicted_positive = counts["true_positives"] + counts["false_positives"]
    balanced = overall.loc["balanced_accuracy"]
    return _reason(
        n_predicted_positive / (n_positive + n_negative),
        (balanced["value"], balanced["low"], balanced["high"]),
        names,
    )


def why_useless_rates(
    recall: float,
    recall_interval: Interval,
    specificity: float,
    specificity_interval: Interval,
    *,
    names: tuple[str, str] = ("negative", "positive"),
) -> str:
    """Explain from recall and specificity why a model is useless; "" if nothing shows that it is.

    This is for results that are not in a frame, such as the out-of-fold results of a
    :class:`~skpneumo.RecallFloorClassifier`.

    Parameters
    ----------
    recall : float
        The recall.
    recall_interval : tuple of (low, high)
        Its interval.
    specificity : float
        The specificity.
    specificity_interval : tuple of (low, high)
        Its interval.
    names : tuple of two str, default=("negative", "positive")
        Names of the classes for the sentence.

    Returns
    -------
    reason : str
        As returned by :func:`why_useless`.

    Examples
    --------
    >>> from skpneumo.evaluation import why_useless_rates
    >>> why_useless_rates(0.98, (0.93, 1.0), 0.7, (0.6, 0.8))
    ''
    >>> why_useless_rates(1.0, (0.95, 1.0), 0.0, (0.0, 0.1))
    'It predicts positive for every image.'
    """
    balanced = (recall + specificity) / 2
    down = hypot(recall - recall_interval[0], specificity - specificity_interval[0])
    up = hypot(recall_interval[1] - recall, specificity_interval[1] - specificity)
    share_positive = {(1.0, 0.0): 1.0, (0.0, 1.0): 0.0}.get((recall, specificity), GUESSING)
    return _reason(share_positive, (balanced, balanced - down / 2, balanced + up / 2), names)


def _reason(
    share_positive: float, balanced: tuple[float, float, float], names: tuple[str, str]
) -> str:
    if share_positive in (0, 1):
        return f"It predicts {names[int(share_positive)]} for every image."
    value, low, high = balanced
    if isnan(value) or low > GUESSING:
        return ""
    return (
        f"Its balanced accuracy, {value:.3f} [{low:.3f}, {high:.3f}], is not above {GUESSING:g}, "
        "that of guessing, beyond its interval."
    )
