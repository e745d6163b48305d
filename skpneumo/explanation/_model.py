"""A fitted estimator, taken apart where its images end and its classifier begins."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, logsumexp
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skpneumo._paths import filenames_of
from skpneumo.evaluation._responses import is_network, positive_of, transformers_of

__all__ = [
    "ImageModel",
    "decision_threshold",
    "require_probabilities",
    "require_target",
    "steps_and_classifier",
    "take_apart",
    "target_columns",
]

# Log odds are counted from here to there: a forest's zero is not certainty without end.
_LEAST_PROBABILITY = 1e-9


@dataclass(frozen=True)
class ImageModel:
    """What of an estimator comes after its last images.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels.
    classifier : classifier
        What predicts in the end.
    steps : list of transformers
        Between the images and the classifier.
    as_rows : bool, default=False
        Whether the classifier takes images as rows of pixels, and folds them itself.
    """

    classes: NDArray[Any]
    classifier: Any
    steps: list[Any]
    as_rows: bool = False

    def predict_proba(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of shape (n_images, n_classes)."""
        X: Any = images.reshape(len(images), -1) if self.as_rows else images
        for step in self.steps:
            X = step.transform(X)
        return np.asarray(self.classifier.predict_proba(X), dtype=np.float64)

    def scores(
        self, images: NDArray[Any], columns: NDArray[np.intp], scale: str
    ) -> NDArray[np.float64]:
        """Probability, or log odds, of the class of each image's column, (n_images,)."""
        rows = np.arange(len(images))
        if scale == "log_odds" and is_network(self.classifier):
            return _log_odds_of_logits(self._logits(images))[rows, columns]
        probability = self.predict_proba(images)[rows, columns]
        return probability if scale == "probability" else _log_odds(probability)

    def _logits(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """What the network says before it is made a probability, which would be cut off at 1."""
        from skpneumo.classifiers.engine._prediction import extract_features

        network = self.classifier
        return extract_features(
            network.network_spec_, network.weights_, images, network.precision
        ).astype(np.float64)

    def network_classifier(self, method: str) -> Any:
        """The classifier, which must be a network of this package that takes the images."""
        if self.steps or not is_network(self.classifier):
            between = f", behind {type(self.steps[0]).__name__}" if self.steps else ""
            raise ValueError(
                f"{method} needs a network of this package that takes images; the classifier is "
                f"a {type(self.classifier).__name__}{between}. Use occlusion_map or lime_map, "
                "which explain any classifier with predict_proba."
            )
        return self.classifier


def take_apart(estimator: Any, X: Any) -> tuple[ImageModel, NDArray[Any]]:
    """Bring X to the images that the classifier sees, and return what predicts from them.

    What has been taken apart already is handed back with its images.

    Returns
    -------
    model : ImageModel
    images : ndarray of shape (n_images, height, width, channels)

    Raises
    ------
    NotFittedError
        If the estimator has not been fitted.
    ValueError
        If no images of that shape come up on the way, or the classifier has no
        ``predict_proba``.
    """
    if isinstance(estimator, ImageModel):
        return estimator, np.asarray(X)
    check_is_fitted(estimator)
    before, classifier = steps_and_classifier(estimator)
    require_probabilities(classifier)
    images, between = (X, []) if np.ndim(X) == 4 else (None, [])
    for step in before:
        X = step.transform(X)
        between.append(step)
        if np.ndim(X) == 4:
            images, between = X, []
    classes = np.asarray(classifier.classes_)
    if is_network(classifier):
        images = np.asarray(classifier._check_images(X))
        return ImageModel(classes, classifier, [], as_rows=np.ndim(X) == 2), images
    if images is None:
        raise ValueError(
            f"There are no images to lay a map over: {type(classifier).__name__} was given an "
            f"array of shape {np.shape(X)}. Pass images of shape (n, height, width, channels), "
            "or paths to a pipeline with an ImageLoader; make rows of pixels in a step after "
            f"it.{_or_one_of_several(classifier, X)}"
        )
    return ImageModel(classes, classifier, between), np.asarray(images)


def require_probabilities(classifier: Any) -> None:
    """Refuse a classifier that has only labels or scores."""
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"{type(classifier).__name__} has no predict_proba, and an explanation is about "
            "probabilities. Use a classifier that has it."
        )


def require_target(estimator: Any, target: Any) -> None:
    """Refuse a class that is none, and none at all where there are more than two."""
    classes = np.asarray(estimator.classes_).tolist()
    if target is None and len(classes) != 2:
        raise ValueError(
            f"The classifier has {len(classes)} classes, {classes}. Pass the one that the maps "
            "shall be about as target."
        )
    if target is not None:
        _column_of(target, classes)


def _column_of(target: Any, classes: list[Any]) -> int:
    if target not in classes:
        raise ValueError(f"target={target!r} is not one of the classes {classes}.")
    return classes.index(target)


def steps_and_classifier(estimator: Any) -> tuple[list[Any], Any]:
    """List what transforms before the classifier, and the classifier.

    Searches, thresholds, calibration and frozen estimators are looked through. Steps that
    resample are left out, as in ``predict``.
    """
    steps: list[Any] = []
    while (inner := _inside(estimator)) is not None:
        if hasattr(estimator, "steps"):
            steps += transformers_of(estimator)
        estimator = inner
    return steps, estimator


def decision_threshold(estimator: Any) -> float | None:
    """Find the probability from which on a classifier of two classes says the second one.

    None, where there is no one such probability.
    """
    if len(estimator.classes_) != 2:
        return None
    second = estimator.classes_[1]
    while estimator is not None:
        if getattr(estimator, "response_method", "auto") == "decision_function":
            return None
        for name in ("threshold_", "best_threshold_", "threshold"):
            value = getattr(estimator, name, None)
            if isinstance(value, Real):
                about = positive_of(estimator)
                return float(value) if about is None or about == second else None
        estimator = _inside(estimator)
    return 0.5


def target_columns(model: ImageModel, images: NDArray[Any], target: Any) -> NDArray[np.intp]:
    """Find the column of ``predict_proba`` that each image's map is about."""
    if target is None:
        if len(model.classes) == 2:
            return np.ones(len(images), dtype=np.intp)
        return model.predict_proba(images).argmax(axis=1)
    return np.full(len(images), _column_of(target, model.classes.tolist()))


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return logit(np.clip(probability, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY))


def _log_odds_of_logits(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    if logits.shape[1] == 1:
        return np.column_stack([-logits, logits])
    others = np.where(np.eye(logits.shape[1], dtype=bool), -np.inf, logits[:, np.newaxis])
    return logits - logsumexp(others, axis=2)


def _inside(estimator: Any) -> Any:
    """The one fitted estimator that another predicts with; None if there is not one."""
    if hasattr(estimator, "steps"):
        return estimator.steps[-1][1]
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator
    if hasattr(estimator, "best_estimator_"):
        return estimator.best_estimator_
    calibrated: Any = getattr(estimator, "calibrated_classifiers_", ())
    if len(calibrated) == 1:
        return calibrated[0].estimator
    inner = getattr(estimator, "estimator_", None)
    # An ensemble keeps the unfitted pattern of its members under this name.
    members = getattr(estimator, "estimators_", [inner])
    return inner if len(members) == 1 and members[0] is inner else None


def _or_one_of_several(classifier: Any, X: Any) -> str:
    if filenames_of(X) is None:
        return ""
    for name, member in (("estimators_", "[i]"), ("calibrated_classifiers_", "[i].estimator")):
        if hasattr(classifier, name):
            n_members = len(getattr(classifier, name))
            return f" Or explain one of its {n_members} members, {name}{member}."
    return ""
