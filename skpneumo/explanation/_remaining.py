"""What is left of a model's figures when a part of each image is taken away."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import stats

from skpneumo._bootstrap import bootstrap
from skpneumo._burnt_in_text import without_text
from skpneumo._lung_field import lung_field
from skpneumo._predictions import Predictions
from skpneumo._responses import scores_and_decisions
from skpneumo.explanation._model import ImageModel

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHANGES", "remaining_figures"]

_FRAME = 0.1  # share of a side
_TEXT = (("AP  L", 0.97, 0.03, "ra"), ("10:42:07", 0.03, 0.97, "ld"))
_TEXT_HEIGHT = 0.06  # share of the height
_N_RESAMPLES = 1000
_CONFIDENCE_LEVEL = 0.95

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
    """Burn the same text into two corners of every image, whatever its class."""
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
"""By name, functions of images, (n_images, height, width, channels), to as many of that shape."""


def remaining_figures(
    model: ImageModel,
    images: Images,
    predictions: Predictions,
    random_state: np.random.RandomState,
    threshold: float | None = None,
) -> "pd.DataFrame":
    """Measure AUC, recall and specificity on images of which a part was taken away.

    Parameters
    ----------
    model : ImageModel
        What predicts from the images.
    images : ndarray of shape (n_images, height, width, channels)
        As the classifier sees them.
    predictions : Predictions
        What it predicted of them.
    random_state : RandomState
        Source of the bootstrap.
    threshold : float, default=None
        The probability from which on an image is called positive; None: as the model decides.

    Returns
    -------
    remaining : DataFrame
        ``images``, how they were changed, ``metric``, ``value``, and ``low`` and ``high`` of its
        95 % interval by a bootstrap of patients.
    """
    import pandas as pd

    rows = []
    for name, change in CHANGES.items():
        if change is None:
            score, called = predictions.score, predictions.predicted
        else:
            given = model.given(change(images))
            score, called = scores_and_decisions(model.predictor, given, predictions.pos_label)
            if threshold is not None:
                called = np.asarray(score) >= threshold
        assert score is not None  # for an image model has probabilities
        figures = _figures(predictions.positive, score, called, predictions.patient, random_state)
        rows += [(name, *row) for row in figures]
    return pd.DataFrame(rows, columns=["images", "metric", "value", "low", "high"])


def _figures(
    positive: NDArray[np.bool_],
    score: NDArray[np.float64],
    called: NDArray[np.bool_],
    patient: NDArray[np.intp],
    random_state: np.random.RandomState,
) -> list[tuple[str, float, float, float]]:
    """AUC, recall and specificity, each with its interval."""
    order = np.argsort(score, kind="stable")
    # Equal scores share a number, so that a pair of them counts one half.
    tied = stats.rankdata(score[order], method="dense").astype(int) - 1
    sign, hit, of_patient = positive[order], called[order], patient[order]
    first_of_tie = np.flatnonzero(np.diff(tied, prepend=-1))

    def figures(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        of_image = weights[:, of_patient]
        of_positive, of_negative = of_image * sign, of_image * ~sign
        n_positive, n_negative = of_positive.sum(axis=1), of_negative.sum(axis=1)
        here, there = (
            np.add.reduceat(each, first_of_tie, axis=1) for each in (of_positive, of_negative)
        )
        below = np.cumsum(there, axis=1) - there / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.stack(
                [
                    (here * below).sum(axis=1) / (n_positive * n_negative),
                    (of_positive * hit).sum(axis=1) / n_positive,
                    (of_negative * ~hit).sum(axis=1) / n_negative,
                ],
                axis=1,
            )

    n_patients = int(patient.max()) + 1
    values = figures(np.ones((1, n_patients)))[0]
    drawn = bootstrap(figures, n_patients, len(score), _N_RESAMPLES, random_state)
    tail = (1 - _CONFIDENCE_LEVEL) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    names = ("AUC", "recall", "specificity")
    return [
        (name, float(value), float(a), float(b))
        for name, value, a, b in zip(names, values, low, high, strict=True)
    ]
