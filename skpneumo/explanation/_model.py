"""A fitted estimator, taken apart where its images end and its classifier begins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logit, logsumexp
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from skpneumo._paths import filenames_of
from skpneumo._responses import is_network
from skpneumo.fitted import classifiers_of, positive_label, split_transformers, threshold_of

__all__ = [
    "ImageModel",
    "decision_threshold",
    "require_probabilities",
    "require_target",
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
    predictor : classifier
        Predicts from the images what the estimator predicts.
    as_rows : bool, default=False
        Whether the predictor takes images as rows of pixels, and folds them itself.
    """

    classes: NDArray[Any]
    predictor: Any
    as_rows: bool = False

    def given(self, images: NDArray[Any]) -> NDArray[Any]:
        """The images as the predictor takes them."""
        return images.reshape(len(images), -1) if self.as_rows else images

    def predict_proba(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of shape (n_images, n_classes)."""
        return np.asarray(self.predictor.predict_proba(self.given(images)), dtype=np.float64)

    def scores(
        self, images: NDArray[Any], columns: NDArray[np.intp], scale: str
    ) -> NDArray[np.float64]:
        """Probability, or log odds, of the class of each image's column, (n_images,).

        Log odds are those of the networks, before they are calibrated.
        """
        rows = np.arange(len(images))
        if scale == "log_odds" and self.averages_networks:
            return self._log_odds_of_networks(images)[rows, columns]
        probability = self.predict_proba(images)[rows, columns]
        return probability if scale == "probability" else _log_odds(probability)

    @property
    def is_of_networks(self) -> bool:
        """Whether all its classifiers are networks of this package that take the images."""
        return _all_networks(self.predictor)

    @property
    def averages_networks(self) -> bool:
        """Whether it averages such networks, be it one alone."""
        return self.is_of_networks and all(
            each.weight is not None for each in classifiers_of(self.predictor)
        )

    def networks(self, method: str) -> list[tuple[Any, float]]:
        """The networks that are averaged, with their weights.

        Raises
        ------
        ValueError
            If the classifiers are no networks of this package that take the images, or are not
            averaged.
        """
        inner = classifiers_of(self.predictor)
        for each in inner:
            if each.transformers or not is_network(each.classifier):
                behind = each.transformers[:1]
                between = f", behind {type(behind[0]).__name__}" if behind else ""
                raise ValueError(
                    f"{method} needs a network of this package that takes images; the classifier "
                    f"is a {type(each.classifier).__name__}{between}. Use occlusion_map or "
                    "lime_map, which explain any classifier with predict_proba."
                )
            if each.weight is None:
                raise ValueError(
                    f"{method} explains networks that are averaged; "
                    f"{type(self.predictor).__name__} combines {len(inner)} in another way. Use "
                    "occlusion_map or lime_map, which explain any classifier with predict_proba."
                )
        return [(each.classifier, float(each.weight or 0.0)) for each in inner]

    def mean_over_networks(
        self, method: str, maps_of: Callable[[Any], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Average the maps of the networks as their probabilities are averaged."""
        networks = self.networks(method)
        if len(networks) == 1:
            return maps_of(networks[0][0])
        return np.sum([np.float32(share) * maps_of(each) for each, share in networks], axis=0)

    def _log_odds_of_networks(self, images: NDArray[Any]) -> NDArray[np.float64]:
        networks = self.networks("The scale of log odds")
        each = [_log_odds_of_logits(_logits(network, images)) for network, _ in networks]
        if len(each) == 1:
            return each[0]
        # Of the mean probability, by way of logarithms: near 0 and 1 it would be cut off.
        shares = np.array([share for _, share in networks])[:, np.newaxis, np.newaxis]
        stacked = np.stack(each)
        return logsumexp(log_expit(stacked), b=shares, axis=0) - logsumexp(
            log_expit(-stacked), b=shares, axis=0
        )


def take_apart(estimator: Any, X: Any) -> tuple[ImageModel, NDArray[Any]]:
    """Bring X to the images that the classifier sees, and return what predicts from them.

    Of several classifiers, to the last images that all of them see. What has been taken apart
    already is handed back with its images.

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
    before, predictor = split_transformers(estimator)
    require_probabilities(predictor)
    images, between = (X, []) if np.ndim(X) == 4 else (None, [])
    for step in before:
        X = step.transform(X)
        between.append(step)
        if np.ndim(X) == 4:
            images, between = X, []
    classes = np.asarray(predictor.classes_)
    if _all_networks(predictor):
        network = classifiers_of(predictor)[0].classifier
        images = np.asarray(network._check_images(X))
        return ImageModel(classes, predictor, as_rows=np.ndim(X) == 2), images
    if images is None:
        raise ValueError(
            f"There are no images to lay a map over: {type(predictor).__name__} was given an "
            f"array of shape {np.shape(X)}. Pass images of shape (n, height, width, channels), "
            "or paths to a pipeline with an ImageLoader; make rows of pixels in a step after "
            f"it.{_or_one_of_several(predictor, X)}"
        )
    if between:
        predictor = make_pipeline(*between, predictor)
    return ImageModel(classes, predictor), np.asarray(images)


def _all_networks(predictor: Any) -> bool:
    return all(
        is_network(each.classifier) and not each.transformers for each in classifiers_of(predictor)
    )


def _logits(network: Any, images: NDArray[Any]) -> NDArray[np.float64]:
    """What the network says before it is made a probability, which would be cut off at 1."""
    from skpneumo.classifiers.engine import extract_features

    return extract_features(
        network.network_spec_, network.weights_, images, network.precision
    ).astype(np.float64)


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


def decision_threshold(estimator: Any, label: Any) -> float | None:
    """Find the probability of a class from which on a classifier says it.

    None, where there is no one such probability, or the threshold is about another class.
    """
    threshold = threshold_of(estimator)
    if threshold is None or threshold.response != "predict_proba":
        return None
    return threshold.on_scores_of(label)


def target_columns(model: ImageModel, images: NDArray[Any], target: Any) -> NDArray[np.intp]:
    """Find the column of ``predict_proba`` that each image's map is about."""
    if target is None:
        if len(model.classes) > 2:
            return model.predict_proba(images).argmax(axis=1)
        target = positive_label(model.predictor, name="target")
    return np.full(len(images), _column_of(target, model.classes.tolist()))


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return logit(np.clip(probability, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY))


def _log_odds_of_logits(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    if logits.shape[1] == 1:
        return np.column_stack([-logits, logits])
    others = np.where(np.eye(logits.shape[1], dtype=bool), -np.inf, logits[:, np.newaxis])
    return logits - logsumexp(others, axis=2)


def _or_one_of_several(classifier: Any, X: Any) -> str:
    if filenames_of(X) is None:
        return ""
    for name, member in (("estimators_", "[i]"), ("calibrated_classifiers_", "[i].estimator")):
        if hasattr(classifier, name):
            n_members = len(getattr(classifier, name))
            return f" Or explain one of its {n_members} members, {name}{member}."
    return ""
