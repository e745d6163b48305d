"""Measure the metrics of a model on images without some of their parts."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from skpneumo._burnt_in_text import without_text
from skpneumo._lung_field import lung_field
from skpneumo._predictions import Predictions
from skpneumo._responses import scores_and_decisions
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._metric_estimates import estimate_metrics
from skpneumo.explanation._model import ImageModel

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHANGES", "remaining_metrics"]

_FRAME = 0.1  # share of a side
_TEXT = (("AP  L", 0.97, 0.03, "ra"), ("10:42:07", 0.03, 0.97, "ld"))
_TEXT_HEIGHT = 0.06  # share of the height
_CONFIDENCE_LEVEL = 0.95
_METRICS = ("roc_auc", "recall", "specificity")
_NAMES = {"roc_auc": "AUC"}

Images = NDArray[Any]


def _lungs_blacked_out(images: Images) -> Images:
    return np.where(lung_field(images)[..., np.newaxis], images.min(), images)


def _lungs_alone(images: Images) -> Images:
    return np.where(lung_field(images)[..., np.newaxis], images, images.min())


def _frame_alone(images: Images) -> Images:
    height, width = images.shape[1:3]
    down, across = max(1, round(_FRAME * height)), max(1, round(_FRAME * width))
    alone = images.copy()
    alone[:, down:-down, across:-across] = images.min()
    return alone


def _text_painted_out(images: Images) -> Images:
    return np.stack([without_text(image) for image in images])


def _text_painted_in(images: Images) -> Images:
    """Burn the same text into two corners of every image."""
    height, width = images.shape[1:3]
    ink = Image.new("L", (width, height))
    font = ImageFont.load_default(max(6, round(_TEXT_HEIGHT * height)))
    for text, x, y, anchor in _TEXT:
        ImageDraw.Draw(ink).text((x * width, y * height), text, 255, font, anchor)
    share = (np.asarray(ink, np.float32) / 255)[..., np.newaxis]
    marked = images * (1 - share) + images.max() * share
    return (np.rint(marked) if images.dtype.kind in "iu" else marked).astype(images.dtype)


CHANGES: dict[str, Callable[[Images], Images] | None] = {
    "as they are": None,
    "lungs blacked out": _lungs_blacked_out,
    "lungs alone": _lungs_alone,
    "frame alone": _frame_alone,
    "text painted out": _text_painted_out,
    "text painted in": _text_painted_in,
}
"""Changes by name: functions of images of shape (n_images, height, width, channels)."""


def remaining_metrics(
    model: ImageModel,
    images: Images,
    predictions: Predictions,
    threshold: float | None = None,
) -> "pd.DataFrame":
    """Measure AUC, recall and specificity on images without some of their parts.

    Parameters
    ----------
    model : ImageModel
        The predictor of the images.
    images : ndarray of shape (n_images, height, width, channels)
        The images as the classifier sees them.
    predictions : Predictions
        Its predictions for the images.
    threshold : float, default=None
        The probability from which on an image is predicted positive; by default the model decides.

    Returns
    -------
    remaining : DataFrame
        Columns: ``images`` (the change), ``metric``, ``value``, and ``low`` and ``high`` of its
        95 % interval over patients, as in an evaluation.
    """
    import pandas as pd

    rows = []
    for name, change in CHANGES.items():
        if change is None:
            score, predicted = predictions.score, predictions.predicted
        else:
            given = model.to_input(change(images))
            score, predicted = scores_and_decisions(model.predictor, given, predictions.pos_label)
            if threshold is not None:
                predicted = np.asarray(score) >= threshold
        assert score is not None  # an image model has probabilities
        decided = replace(predictions, score=score, predicted=predicted)
        rows += [
            (name, _NAMES.get(found.metric, found.metric), found.value, found.low, found.high)
            for found in estimate_metrics(decided, _METRICS, Settings(_CONFIDENCE_LEVEL))
        ]
    return pd.DataFrame(rows, columns=["images", "metric", "value", "low", "high"])
