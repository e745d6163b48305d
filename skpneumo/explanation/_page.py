"""The explanation of a model as a part of a page: verdict, measures, gallery."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._predictions import Predictions
from skpneumo._random import check_random_state
from skpneumo._svg import drawing, svg
from skpneumo.explanation._markup import verdict_html
from skpneumo.explanation._model import ImageModel, take_apart
from skpneumo.explanation._report import explain_predictions, require_both_classes
from skpneumo.explanation.displays._captions import Subject
from skpneumo.explanation.displays._gallery import HeatMapGalleryDisplay, surest_of

__all__ = ["ImageModel", "require_both_classes", "section_html", "take_apart"]

_DPI = 110
_IMAGES_PER_OUTCOME = 4


def section_html(
    estimator: Any,
    X: Any,
    model: ImageModel,
    images: NDArray[Any],
    predictions: Predictions,
    *,
    threshold: float | None,
    target_name: str,
    truth: Sequence[str],
    method: str = "occlusion",
    random_state: int = 0,
) -> str:
    """Explain what has been predicted, and lay out verdict, measures and a gallery of maps.

    Parameters
    ----------
    estimator : fitted classifier
        The whole one, from ``X``.
    X : array-like of length n_images
        Paths, whose files are drawn at their own resolution, or images.
    model : ImageModel
        What predicts from the images: of two classes, or of more.
    images : ndarray of shape (n_images, height, width, channels)
        As the classifier sees them.
    predictions : Predictions
        What it predicted.
    threshold : float or None
        The probability from which on an image was called positive.
    target_name : str
        What the positive class is called.
    truth : sequence of str, length n_images
        What the true classes are called.
    method : str, default="occlusion"
        Whose maps these are.
    random_state : int, default=0
        Seed of what is drawn at random.
    """
    from matplotlib.figure import Figure

    report, maps = explain_predictions(
        model,
        images,
        predictions,
        method=method,
        random_state=check_random_state(random_state),
        threshold=threshold,
    )
    surest = surest_of(predictions, _IMAGES_PER_OUTCOME)
    subject = Subject(
        target_name,
        np.asarray(predictions.score)[surest.rows],
        threshold,
        [truth[row] for row in surest.rows],
    )
    display = HeatMapGalleryDisplay._of(estimator, X, surest, maps[surest.rows], subject, method)
    with drawing():
        n_rows = sum(count > 0 for count in display.counts.values())
        figure = Figure(figsize=(9.8, 0.6 + 2.15 * n_rows), dpi=_DPI, layout="constrained")
        display.plot(ax=figure.subplots())
        gallery = svg(
            figure,
            "explanation",
            f"What spoke for the class and against it, by {method}",
            "The surest images of each outcome. Evidence for the class is vermillion, evidence "
            "against it blue; the scale is the same for all.",
            wide=True,
        )
    return f'{verdict_html(report)}<div class="figures" style="margin-top: 1.5rem">{gallery}</div>'
