"""Split a fitted estimator into the images that its classifier sees and the classifier."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logit, logsumexp
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from skpneumo._messages import by_interface
from skpneumo._paths import filenames_of
from skpneumo._responses import how_to_get_probabilities, is_network
from skpneumo.fitted import (
    classes_of,
    classifiers_of,
    positive_label,
    split_transformers,
    threshold_of,
)

__all__ = [
    "ImageModel",
    "decision_threshold",
    "require_probabilities",
    "require_target",
    "split_at_images",
    "target_columns",
]

# Probabilities are clipped before log odds: a forest's 0 is not infinite certainty.
_LEAST_PROBABILITY = 1e-9


@dataclass(frozen=True)
class ImageModel:
    """The part of an estimator that predicts from images.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The class labels.
    predictor : classifier
        Predicts from the images what the estimator predicts.
    as_rows : bool, default=False
        Whether the predictor expects images as rows of pixels, and reshapes them itself.
    """

    classes: NDArray[Any]
    predictor: Any
    as_rows: bool = False

    def to_input(self, images: NDArray[Any]) -> NDArray[Any]:
        """Reshape images as the predictor expects them."""
        return images.reshape(len(images), -1) if self.as_rows else images

    def predict_proba(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Predict probabilities of shape (n_images, n_classes)."""
        return np.asarray(self.predictor.predict_proba(self.to_input(images)), dtype=np.float64)

    def scores(
        self, images: NDArray[Any], columns: NDArray[np.intp], scale: str
    ) -> NDArray[np.float64]:
        """Compute the probability, or log odds, of one class for each image, (n_images,).

        Log odds are those of the networks, before calibration.
        """
        rows = np.arange(len(images))
        if scale == "log_odds" and self.averages_networks:
            return self._log_odds_of_networks(images)[rows, columns]
        probability = self.predict_proba(images)[rows, columns]
        return probability if scale == "probability" else _log_odds(probability)

    @property
    def is_of_networks(self) -> bool:
        """Whether all classifiers are networks of this package whose input is the images."""
        return _all_networks(self.predictor)

    @property
    def averages_networks(self) -> bool:
        """Whether the prediction is an average of such networks, or a single one."""
        return self.is_of_networks and all(
            each.weight is not None for each in classifiers_of(self.predictor)
        )

    def networks(self, method: str) -> list[tuple[Any, float]]:
        """List the networks that are averaged, with their weights.

        Raises
        ------
        ValueError
            If the classifiers are not networks of this package whose input is the images, or are
            not averaged.
        """
        inner = classifiers_of(self.predictor)
        for each in inner:
            if each.transformers or not is_network(each.classifier):
                behind = each.transformers[:1]
                between = f", behind {type(behind[0]).__name__}" if behind else ""
                raise ValueError(
                    f"{method} needs a network of this package that takes images; the classifier "
                    f"is a {type(each.classifier).__name__}{between}. {_use_another_method()}"
                )
            if each.weight is None:
                raise ValueError(
                    f"{method} explains networks that are averaged; "
                    f"{type(self.predictor).__name__} combines {len(inner)} in another way. "
                    + _use_another_method()
                )
        return [(each.classifier, float(each.weight or 0.0)) for each in inner]

    def mean_over_networks(
        self, method: str, maps_of: Callable[[Any], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Average the maps of the networks with the weights of their probabilities."""
        networks = self.networks(method)
        if len(networks) == 1:
            return maps_of(networks[0][0])
        return np.sum([np.float32(share) * maps_of(each) for each, share in networks], axis=0)

    def _log_odds_of_networks(self, images: NDArray[Any]) -> NDArray[np.float64]:
        networks = self.networks("The scale of log odds")
        each = [_log_odds_of_logits(_logits(network, images)) for network, _ in networks]
        if len(each) == 1:
            return each[0]
        # Log odds of the mean probability, in logarithms, because probabilities are rounded to 0
        # or 1.
        shares = np.array([share for _, share in networks])[:, np.newaxis, np.newaxis]
        stacked = np.stack(each)
        return logsumexp(log_expit(stacked), b=shares, axis=0) - logsumexp(
            log_expit(-stacked), b=shares, axis=0
        )


def split_at_images(estimator: Any, X: Any) -> tuple[ImageModel, NDArray[Any]]:
    """Transform X to the images that the classifier sees; return these and their predictor.

    With several classifiers, these are the last images that all of them see. An ImageModel is
    returned with its images.

    Returns
    -------
    model : ImageModel
    images : ndarray of shape (n_images, height, width, channels)

    Raises
    ------
    NotFittedError
        If the estimator has not been fitted.
    ValueError
        If X is never images of this shape, or the classifier has no ``predict_proba``.
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
            f"There are no images to explain: the input of {type(predictor).__name__} is an "
            f"array of shape {np.shape(X)}. "
            + by_interface(
                python="Pass images of shape (n, height, width, channels), or paths to a pipeline "
                "with an ImageLoader, and reshape images to rows of pixels in a later step."
                + _or_one_of_several(predictor, X),
                shell="Name a model file of `skpneumo fit`.",
            )
        )
    if between:
        predictor = make_pipeline(*between, predictor)
    return ImageModel(classes, predictor), np.asarray(images)


def _use_another_method() -> str:
    return by_interface(
        python="Use occlusion_map or lime_map, which explain any classifier with predict_proba.",
        shell="Use --method occlusion or --method lime, which explain any model.",
    )


def _all_networks(predictor: Any) -> bool:
    return all(
        is_network(each.classifier) and not each.transformers for each in classifiers_of(predictor)
    )


def _logits(network: Any, images: NDArray[Any]) -> NDArray[np.float64]:
    """Compute the logits of a network, whose probabilities would be rounded to 1."""
    from skpneumo.classifiers.engine import extract_features

    return extract_features(
        network.network_spec_, network.weights_, images, network.precision
    ).astype(np.float64)


def require_probabilities(classifier: Any) -> None:
    """Raise if a classifier has no probabilities."""
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"{type(classifier).__name__} has no predict_proba, but explanations need "
            f"probabilities. {how_to_get_probabilities(classifier)}"
        )


def require_target(estimator: Any, target: Any, name: str = "target") -> None:
    """Raise if the target is not a class, or is missing with more than two classes.

    ``name`` is that of the caller's parameter.
    """
    classes = classes_of(estimator)
    if target is None and len(classes) != 2:
        raise ValueError(
            f"The classifier has {len(classes)} classes, {classes}. Pass the one to explain as "
            f"{name}."
        )
    if target is not None:
        _column_of(target, classes, name)


def _column_of(target: Any, classes: list[Any], name: str = "target") -> int:
    if target not in classes:
        raise ValueError(f"{name}={target!r} is not one of the classes {classes}.")
    return classes.index(target)


def decision_threshold(estimator: Any, label: Any) -> float | None:
    """Find the probability of a class from which on a classifier predicts it.

    None if there is no single threshold, or it applies to another class.
    """
    threshold = threshold_of(estimator)
    if threshold is None or threshold.response != "predict_proba":
        return None
    return threshold.on_scores_of(label)


def target_columns(model: ImageModel, images: NDArray[Any], target: Any) -> NDArray[np.intp]:
    """Find the column of ``predict_proba`` to explain for each image."""
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
