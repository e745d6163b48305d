"""Plot the figures of a report."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skpneumo._formatting import based_on, counted
from skpneumo._predictions import Predictions
from skpneumo._svg import drawing, svg
from skpneumo.evaluation.displays import (
    ScoreDistributionDisplay,
    ThresholdDisplay,
    TrainingCurvesDisplay,
)
from skpneumo.fitted import classifiers_of
from skpneumo.report._context import N_BINS, ReportContext
from skpneumo.report._evaluation import (
    Estimate,
    are_separated,
    draw_calibration,
    draw_confusion,
    draw_curves,
)
from skpneumo.report._markup import gap, left_out
from skpneumo.report._wording import basis, figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures_of", "training_curves"]

_TITLES = {
    "confusion": "Confusion matrix",
    "shares": "Shares",
    "roc": "ROC",
    "precision-recall": "Precision and recall",
    "tradeoff": "Error tradeoff",
    "calibration": "Calibration",
}
_CURVES = ("roc", "precision-recall", "tradeoff")
_VALIDATED = (
    "By epoch, on training and validation images. These curves show the course of one training, "
    "not how good the model is: its best epoch was chosen on the validation images."
)
_NOT_VALIDATED = (
    "By epoch, on training images alone, as none were held out for validation. This curve shows "
    "the course of one training, not how good the model is."
)


def figures_of(context: ReportContext) -> str:
    """Plot confusion, curves, calibration, thresholds and scores, or say why one is missing."""
    predictions, names, threshold = context.predictions, context.names, context.rule.threshold
    with drawing():
        drawn = [
            *_curves_of_both_classes(predictions, context.found, names),
            _thresholds(predictions, names, threshold, context.settings.confidence_level),
            _scores(predictions, names, threshold),
        ]
    return f'<div class="figures">{"".join(drawn)}</div>'


def training_curves(estimator: Any) -> str:
    """Plot the training curves, if the model has a history."""
    with drawing():
        figure = _figure((4.4, 3.6))
        try:
            display = TrainingCurvesDisplay.from_estimator(estimator, ax=figure.subplots())
        except TypeError:
            several = len(classifiers_of(estimator)) > 1
            return left_out(
                "the model consists of several classifiers, which were trained separately."
                if several
                else "the model has no history of its training."
            )
        epochs = max(map(len, display.history.values()), default=0)
        if epochs == 1:
            return left_out("it was trained for one epoch, which gives no curve.")
        n_panels = len(display.axes_)
        figure.set_size_inches(0.8 + 3.6 * n_panels, 3.6)
        drawn = svg(
            figure,
            "training",
            "Course of the training",
            _VALIDATED
            if any(name.startswith("val_") for name in display.history)
            else _NOT_VALIDATED,
            wide=n_panels > 1,
        )
        return f'<div class="figures">{drawn}</div>'


def _curves_of_both_classes(
    predictions: Predictions, found: dict[str, Estimate], names: tuple[str, str]
) -> list[str]:
    """Plot the figures that need images of both classes, or say why they are left out."""
    n_positive = np.count_nonzero(predictions.positive)
    n_negative = len(predictions) - n_positive
    if not n_positive or not n_negative:
        lacking = names[1] if n_negative else names[0]
        return [gap(title, f"there are no images of {lacking}.") for title in _TITLES.values()]
    size = (
        f"{counted(n_negative, 'image')} of {names[0]}, {n_positive:,} of {names[1]}, of "
        f"{counted(predictions.n_patients, 'patient')}"
    )
    drawn = _confusion(predictions, found, names, size)
    if predictions.score is None:
        lacking_scores = [_TITLES[name] for name in (*_CURVES, "calibration")]
        return drawn + [gap(title, "the model has no scores.") for title in lacking_scores]
    drawn += _curves(predictions, found, names[1], size)
    return [*drawn, _calibration(predictions, found["ece"], size)]


def _confusion(
    predictions: Predictions, found: dict[str, Estimate], names: tuple[str, str], size: str
) -> list[str]:
    # One figure each, so that a narrow page shows them one below the other.
    counts, shares = _figure((4.4, 4.4)), _figure((4.4, 4.4))
    draw_confusion((counts.subplots(), shares.subplots()), predictions, found, names)
    recall, specificity = found["recall"], found["specificity"]
    return [
        svg(
            counts,
            "confusion",
            _TITLES["confusion"],
            f"Number of images of each class by prediction; {size}.",
        ),
        svg(
            shares,
            "shares",
            _TITLES["shares"],
            f"The same as shares of the true class. Recall {figure_of(recall)}, {basis(recall)}; "
            f"specificity {figure_of(specificity)}, {basis(specificity)}.",
        ),
    ]


def _curves(
    predictions: Predictions, found: dict[str, Estimate], positive: str, size: str
) -> list[str]:
    """Plot the ROC, precision-recall and DET curves."""
    separated = are_separated(predictions)
    figures = {name: _figure((4.4, 4.6)) for name in _CURVES}
    axes = {name: figure.subplots() for name, figure in figures.items()}
    det = None if separated else axes["tradeoff"]
    draw_curves(axes["roc"], axes["precision-recall"], det, predictions, found, positive)
    captions = {
        "roc": f"Each point is a threshold. Area {figure_of(found['roc_auc'])}; {size}. The "
        "dashed line is chance.",
        "precision-recall": f"Average precision {figure_of(found['average_precision'])}; {size}. "
        "The dashed line, for predicting positive for every image, is the share of positives.",
        "tradeoff": f"Misses against false alarms, on axes that spread small rates; {size}.",
    }
    return [
        gap(_TITLES[name], "some threshold makes no error, so there is no tradeoff.")
        if name == "tradeoff" and separated
        else svg(figures[name], name, _TITLES[name], caption)
        for name, caption in captions.items()
    ]


def _calibration(predictions: Predictions, error: Estimate, size: str) -> str:
    title = _TITLES["calibration"]
    if not predictions.has_probabilities:
        return gap(title, "the model has scores, but no probabilities.")
    figure = _figure((4.4, 4.6))
    draw_calibration(figure.subplots(), predictions, error, N_BINS)
    return svg(
        figure,
        "calibration",
        title,
        f"Share of positives against predicted probability, in {N_BINS} bins; on the "
        f"diagonal, probabilities are right. Error {figure_of(error)}; {size}.",
    )


def _thresholds(
    predictions: Predictions,
    names: tuple[str, str],
    threshold: float | None,
    confidence_level: float,
) -> str:
    title = "Thresholds"
    if predictions.score is None:
        return gap(title, "the model has no scores.")
    figure = _figure((5.4, 4.4))
    ThresholdDisplay.from_predictions(
        np.where(predictions.positive, names[1], names[0]),
        predictions.score,
        threshold=threshold,
        groups=predictions.patient,
        pos_label=names[1],
        confidence_level=confidence_level,
        ax=figure.subplots(),
    )
    basis_of_all = based_on(len(predictions), predictions.n_patients)
    return svg(
        figure,
        "thresholds",
        title,
        f"Metrics at other thresholds, with intervals; {basis_of_all}. Do not choose a threshold "
        "here: on the images that it is chosen on, its metrics are too good.",
    )


def _scores(predictions: Predictions, names: tuple[str, str], threshold: float | None) -> str:
    title = "Scores"
    if predictions.score is None:
        return gap(title, "the model has no scores.")
    figure = _figure((5.4, 4.4))
    ScoreDistributionDisplay.from_predictions(
        predictions.positive,
        predictions.score,
        threshold=threshold,
        pos_label=True,
        names=names,
        ax=figure.subplots(),
    )
    n_positive = np.count_nonzero(predictions.positive)
    return svg(
        figure,
        "scores",
        title,
        f"Upwards {counted(n_positive, 'image')} of {names[1]}, downwards "
        f"{len(predictions) - n_positive:,} of {names[0]}; "
        f"{counted(predictions.n_patients, 'patient')}.",
    )


def _figure(size: tuple[float, float]) -> "Figure":
    # Not made by pyplot, which would keep the figure open.
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")
