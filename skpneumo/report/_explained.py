"""A model taken apart at its images, for a report that evaluates and explains it."""

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from skpneumo.explanation._page import (
    ImageModel,
    require_both_classes,
    section_html,
    take_apart,
)
from skpneumo.report._decisions import TakenTogether

__all__ = ["ExplainedModel", "require_both_classes", "section_html"]


@dataclass(frozen=True)
class ExplainedModel:
    """What predicts from the evaluated images, and these images.

    Attributes
    ----------
    model : ImageModel
        As it is explained: of two classes, where some are taken together.
    predictor : classifier
        As it predicts.
    images : ndarray of shape (n_images, height, width, channels)
    given : ndarray
        The images as the predictor takes them.
    """

    model: ImageModel
    predictor: Any
    images: NDArray[Any]
    given: NDArray[Any]

    @classmethod
    def of(cls, estimator: Any, X: Any, pos_label: Any) -> "ExplainedModel":
        """Read the images; raises ValueError where there are none, or no probabilities."""
        model, images = take_apart(estimator, X)
        predictor, given = model.predictor, model.to_input(images)
        if isinstance(pos_label, list | tuple):
            together = TakenTogether(predictor, pos_label)
            model = replace(model, predictor=together, classes=together.classes_)
        return cls(model, predictor, images, given)
