"""Prepare a model for a report that evaluates and explains it on the same images."""

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from skpneumo.explanation._model import ImageModel, split_at_images
from skpneumo.explanation._page import section_html
from skpneumo.explanation._report import require_both_classes
from skpneumo.report._decisions import MergedPositives

__all__ = ["ExplainedModel", "require_both_classes", "section_html"]


@dataclass(frozen=True)
class ExplainedModel:
    """The predictor of the evaluated images, and these images.

    Attributes
    ----------
    model : ImageModel
        The model to explain; binary if positive classes are merged.
    predictor : classifier
        Predicts from ``predictor_input``.
    images : ndarray of shape (n_images, height, width, channels)
    predictor_input : ndarray
        The images in the form that the predictor expects.
    """

    model: ImageModel
    predictor: Any
    images: NDArray[Any]
    predictor_input: NDArray[Any]

    @classmethod
    def of(cls, estimator: Any, X: Any, pos_label: Any) -> "ExplainedModel":
        """Read the images; raise if there are none, or no probabilities."""
        model, images = split_at_images(estimator, X)
        predictor, predictor_input = model.predictor, model.to_input(images)
        if isinstance(pos_label, list | tuple):
            together = MergedPositives(predictor, pos_label)
            model = replace(model, predictor=together, classes=together.classes_)
        return cls(model, predictor, images, predictor_input)
