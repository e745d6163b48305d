"""The figures of a report."""

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

_COURSE = (
    "Epoch by epoch, on training and validation images. They show the course, not how good the "
    "model is: one run, and validation images it was chosen by."
)
_LOSS_ALONE = (
    "Epoch by epoch, on training images alone, as none were set aside for validation. It shows "
    "the course of one run, not how good the model is."
)


def figures_of(context: ReportContext) -> str:
    """Confusion, curves, calibration, thresholds and scores, or why one of them is missing."""
    predictions, names, threshold = context.predictions, context.names, context.rule.threshold
    with drawing():
        drawn = [
            *_both_classes(predictions, context.found, names),
            _thresholds(predictions, names, threshold),
            _scores(predictions, names, threshold),
        ]
    return f'<div class="figures">{"".join(drawn)}</div>'


def training_curves(estimator: Any) -> str:
    """Training curves, if the model has a history."""
    with drawing():
        figure = _figure((4.4, 3.6))
        try:
            display = TrainingCurvesDisplay.from_estimator(estimator, ax=figure.subplots())
        except TypeError:
            several = len(classifiers_of(estimator)) > 1
            return left_out(
                "the model predicts with several classifiers, each with a training of its own."
                if several
                else "the model keeps no history of its training."
            )
        epochs = max(map(len, display.history.values()), default=0)
        if epochs == 1:
            return left_out("it was trained for one epoch, and a point is no curve.")
        n_panels = len(display.axes_)
        figure.set_size_inches(0.8 + 3.6 * n_panels, 3.6)
        drawn = svg(
            figure,
            "training",
            "Course of the training",
            _COURSE if any(name.startswith("val_") for name in display.history) else _LOSS_ALONE,
            wide=n_panels > 1,
        )
        return f'<div class="figures">{drawn}</div>'


def _both_classes(
    predictions: Predictions, found: dict[str, Estimate], names: tuple[str, str]
) -> list[str]:
    titles = (
        "Confusion matrix",
        "Shares",
        "ROC",
        "Precision and recall",
        "Error tradeoff",
        "Calibration",
    )
    n_positive = np.count_nonzero(predictions.positive)
    n_negative = len(predictions) - n_positive
    if not n_positive or not n_negative:
        lacking = names[1] if n_negative else names[0]
        return [gap(title, f"there are no images of {lacking}.") for title in titles]
    both = (
        f"{counted(n_negative, 'image')} of {names[0]}, {n_positive:,} of {names[1]}, of "
        f"{counted(predictions.n_patients, 'patient')}"
    )

    # A figure each, so that they are one below the other where a page is narrow.
    counts, shares = _figure((4.4, 4.4)), _figure((4.4, 4.4))
    draw_confusion((counts.subplots(), shares.subplots()), predictions, found, names)
    recall, specificity = found["recall"], found["specificity"]
    drawn = [
        svg(
            counts, "confusion", titles[0], f"How many images of a class are called what; {both}."
        ),
        svg(
            shares,
            "shares",
            titles[1],
            f"The same as shares of the true class. Recall {figure_of(recall)}, {basis(recall)}; "
            f"specificity {figure_of(specificity)}, {basis(specificity)}.",
        ),
    ]
    if predictions.score is None:
        return drawn + [gap(title, "the model has no scores.") for title in titles[2:]]

    separated = are_separated(predictions)
    roc, precision_recall, det, calibration = (_figure((4.4, 4.6)) for _ in range(4))
    axes = [figure.subplots() for figure in (roc, precision_recall, det)]
    shown = None if separated else axes[2]
    draw_curves(axes[0], axes[1], shown, predictions, found, names[1])
    auc, average_precision, error = (
        found[metric] for metric in ("roc_auc", "average_precision", "ece")
    )
    drawn += [
        svg(
            roc,
            "roc",
            titles[2],
            f"Each point is a threshold. Area {figure_of(auc)}; {both}. The dashed line is "
            "chance.",
        ),
        svg(
            precision_recall,
            "precision-recall",
            titles[3],
            f"Average precision {figure_of(average_precision)}; {both}. The dashed line, "
            "calling everything positive, is their share here.",
        ),
        gap(titles[4], "some threshold makes no error at all, so there is nothing to trade.")
        if separated
        else svg(
            det,
            "tradeoff",
            titles[4],
            f"Misses against false alarms, on axes that spread small rates apart; {both}.",
        ),
    ]
    if not predictions.has_probabilities:
        return [*drawn, gap(titles[5], "the model has scores, but no probabilities.")]
    draw_calibration(calibration.subplots(), predictions, error, N_BINS)
    return [
        *drawn,
        svg(
            calibration,
            "calibration",
            titles[5],
            f"Share of positives against predicted probability, in {N_BINS} bins; on the "
            f"diagonal, probabilities mean what they say. Error {figure_of(error)}; {both}.",
        ),
    ]


def _thresholds(predictions: Predictions, names: tuple[str, str], threshold: float | None) -> str:
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
        ax=figure.subplots(),
    )
    basis_of_all = based_on(len(predictions), predictions.n_patients)
    return svg(
        figure,
        "thresholds",
        title,
        f"What other thresholds would give, with intervals; {basis_of_all}. For looking, not for "
        "choosing: a threshold chosen on these images is too good on them.",
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
    # Not pyplot's, which would keep it open.
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")
