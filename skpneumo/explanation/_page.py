"""Write the section of a report that explains a model: verdict, measures, gallery."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._predictions import Predictions
from skpneumo._random import check_random_state
from skpneumo._svg import drawing, svg
from skpneumo.explanation._markup import verdict_html
from skpneumo.explanation._model import ImageModel
from skpneumo.explanation._report import explain_predictions
from skpneumo.explanation.displays._captions import Subject
from skpneumo.explanation.displays._gallery import HeatMapGalleryDisplay, most_confident_of

__all__ = ["section_html"]

_DPI = 110
_IMAGES_PER_OUTCOME = 4
_METHOD = "occlusion"


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
    random_state: int = 0,
) -> str:
    """Explain predictions, and format verdict, measures and a gallery of maps.

    Parameters
    ----------
    estimator : fitted classifier
        The whole estimator, whose input is ``X``.
    X : array-like of length n_images
        Paths, whose files are plotted at their own resolution, or images.
    model : ImageModel
        The predictor of the images.
    images : ndarray of shape (n_images, height, width, channels)
        The images as the classifier sees them.
    predictions : Predictions
        Its predictions.
    threshold : float or None
        The probability from which on an image was predicted positive.
    target_name : str
        Name of the positive class.
    truth : sequence of str, length n_images
        Names of the true classes.
    random_state : int, default=0
        Seed of the report.
    """
    from matplotlib.figure import Figure

    report, maps = explain_predictions(
        model,
        images,
        predictions,
        method=_METHOD,
        random_state=check_random_state(random_state),
        threshold=threshold,
    )
    confident = most_confident_of(predictions, _IMAGES_PER_OUTCOME)
    subject = Subject(
        target_name,
        np.asarray(predictions.score)[confident.rows],
        threshold,
        [truth[row] for row in confident.rows],
    )
    display = HeatMapGalleryDisplay._of(
        estimator, X, confident, maps[confident.rows], subject, _METHOD
    )
    with drawing():
        n_rows = sum(count > 0 for count in display.counts.values())
        figure = Figure(figsize=(9.8, 0.6 + 2.15 * n_rows), dpi=_DPI, layout="constrained")
        display.plot(ax=figure.subplots())
        gallery = svg(
            figure,
            "explanation",
            f"Evidence for and against the class, by {_METHOD}",
            "The most confident predictions of each outcome. Evidence for the class is "
            "orange, evidence against it blue; all maps have the same scale.",
            wide=True,
        )
    return f'{verdict_html(report)}<div class="figures" style="margin-top: 1.5rem">{gallery}</div>'
