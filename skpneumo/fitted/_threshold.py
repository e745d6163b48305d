"""The classes of a fitted classifier, which one is positive, and from which threshold on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from skpneumo._positive_class import UndecidedPositiveError, positive_classes
from skpneumo.fitted._members import members_of, own_attributes, returns_inner_predictions


@dataclass(frozen=True)
class DecisionThreshold:
    """Decision threshold of a binary classifier.

    Attributes
    ----------
    value : float
        Scores from this value on are classified as ``pos_label``.
    pos_label : label
        The class whose scores the threshold applies to.
    response : {"predict_proba", "decision_function"}
        Which scores the threshold is compared with.
    chosen_by : estimator or None
        The estimator that chose the threshold or has it as a parameter, such as a
        :class:`~skpneumo.RecallFloorClassifier`. None if there is none: the classifier predicts
        the more probable class.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.fitted import threshold_of
    >>> threshold = threshold_of(GaussianNB().fit([[0.0], [1.0]], ["NORMAL", "PNEUMONIA"]))
    >>> threshold.value, threshold.pos_label, threshold.response, threshold.chosen_by
    (0.5, 'PNEUMONIA', 'predict_proba', None)
    """

    value: float
    pos_label: Any
    response: str
    chosen_by: Any = None

    def on_scores_of(self, label: Any) -> float | None:
        """Give the threshold if it applies to the scores of a class.

        Parameters
        ----------
        label : label
            One of the two classes.

        Returns
        -------
        value : float or None
            None if the threshold applies to the other class.
        """
        return self.value if label == self.pos_label else None


def threshold_of(estimator: Any) -> DecisionThreshold | None:
    """Find the decision threshold of a fitted classifier, and the estimator that chose it.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way. The threshold is that of the outermost estimator that makes the
        decision: calibration or voting over thresholds decides by its own probabilities.

    Returns
    -------
    threshold : DecisionThreshold or None
        None if there are more than two classes, or no scores.

    Notes
    -----
    A classifier without a threshold of its own is assumed to predict the more probable class.
    There are few exceptions, such as ``SVC(probability=True)``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> from skpneumo import make_pipeline
    >>> from skpneumo.fitted import threshold_of
    >>> model = FixedThresholdClassifier(LogisticRegression(), threshold=0.3)
    >>> threshold = threshold_of(make_pipeline(model).fit([[0.0], [1.0]], [0, 1]))
    >>> threshold.value, threshold.pos_label, threshold.chosen_by
    (0.3, 1, FixedThresholdClassifier(estimator=LogisticRegression(), threshold=0.3))
    """
    classes = classes_of(estimator)
    asked = [each for each in ("predict_proba", "decision_function") if hasattr(estimator, each)]
    if len(classes) != 2 or not asked:
        return None
    decider = _decider(estimator)
    label = _label_of_threshold(decider)
    label = classes[1] if label is None else label
    value = _own_threshold(decider)
    response = asked[0]
    if getattr(decider, "response_method", "auto") == "decision_function":
        response = "decision_function"
    if value is None or isinstance(value, str):  # "auto"
        return DecisionThreshold(0.5 if response == "predict_proba" else 0.0, label, response)
    return DecisionThreshold(value, label, response, decider)


def positive_label(estimator: Any, pos_label: Any = None, *, name: str = "pos_label") -> Any:
    """Find the positive class of a fitted classifier, whose recall is reported.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way.
    pos_label : label, default=None
        The class asked for, which is checked.
    name : str, default="pos_label"
        Name of the caller's parameter, for error messages.

    Returns
    -------
    label : label
        ``pos_label`` if given; otherwise the class that the estimator's threshold applies to;
        otherwise the one of two classes whose name is an illness.

    Raises
    ------
    ValueError
        If there is no such class, or it is unclear which class is positive.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> from skpneumo.fitted import positive_label
    >>> model = LogisticRegression().fit([[0.0], [1.0]], ["NORMAL", "PNEUMONIA"])
    >>> positive_label(model)
    'PNEUMONIA'
    >>> positive_label(FixedThresholdClassifier(model, pos_label="NORMAL"))
    'NORMAL'
    """
    classes = classes_of(estimator)
    if pos_label is None:
        pos_label = _label_of_threshold(_decider(estimator))
    if pos_label is None:
        return _label_by_name(classes, name)
    if pos_label not in classes:
        raise ValueError(f"{name}={pos_label!r} is not one of the classes {classes}.")
    return pos_label


def classes_of(estimator: Any) -> list[Any]:
    """List the labels that a fitted classifier predicts.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way.

    Returns
    -------
    classes : list of label
        In the order of the columns of ``predict_proba``.

    Raises
    ------
    NotFittedError
        If the estimator has no classes, because it is not fitted or no classifier.
    ValueError
        If it predicts several labels for each image.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.fitted import classes_of
    >>> classes_of(LogisticRegression().fit([[0.0], [1.0]], ["NORMAL", "PNEUMONIA"]))
    ['NORMAL', 'PNEUMONIA']
    """
    try:
        classes = estimator.classes_
    except AttributeError as error:
        raise NotFittedError(
            f"{type(estimator).__name__} has no classes, because it is not fitted or no "
            "classifier. Call fit of a classifier first."
        ) from error
    if np.ndim(classes[0]):
        raise ValueError(
            f"{type(estimator).__name__} predicts {len(classes)} labels for each image, with "
            "classes of their own, and only one can be judged at a time. Pass one of its "
            "estimators_ with its column of y."
        )
    return np.asarray(classes).tolist()


def _label_by_name(classes: list[Any], name: str) -> Any:
    """Find the positive class by the names of the classes."""
    if len(classes) != 2:
        raise ValueError(
            f"The classifier has {len(classes)} classes, {classes}. Pass the one to evaluate "
            f"against the others as {name}."
        )
    try:
        return positive_classes(classes).positive[0]
    except UndecidedPositiveError:
        raise UndecidedPositiveError(
            f"It is unclear which of the labels {classes} is the illness, whose recall is "
            f"reported. Pass {name}={classes[1]!r} or {name}={classes[0]!r}.",
            classes,
        ) from None


def _decider(estimator: Any) -> Any:
    """Find the outermost estimator that makes the decision."""
    while _own_threshold(estimator) is None and returns_inner_predictions(estimator):
        members = members_of(estimator)
        if not members:
            break
        estimator = members[0]
    return estimator


def _own_threshold(estimator: Any) -> Any:
    """Get an estimator's own threshold, a number or "auto"; None if it has none."""
    has = own_attributes(estimator)
    for name in ("threshold_", "best_threshold_"):
        if name in has:
            return has[name]
    # Without response_method, a threshold is on something else, such as pseudo-labels.
    return has.get("threshold") if "response_method" in has else None


def _label_of_threshold(decider: Any) -> Any:
    """Find the class that a threshold applies to, if the estimator says so."""
    has = own_attributes(decider)
    if "best_threshold_" in has:
        # TunedThresholdClassifierCV has the label from its scorer, without a public attribute.
        return decider._curve_scorer._get_pos_label()
    return has.get("pos_label_", has.get("pos_label"))
