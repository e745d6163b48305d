"""Plot scikit-learn's displays of a classifier on one figure."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    confusion_matrix,
    precision_recall_curve,
    roc_curve,
)

from skpneumo._formatting import based_on, require_one_name_each, with_interval
from skpneumo._plotting import (
    BLUE,
    GREY,
    VERMILLION,
    axes_for,
    divide,
    figure_of,
    legend_below,
    recall_of,
    tick_labels,
)
from skpneumo._predictions import Predictions, check_labels
from skpneumo._random import check_random_state
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._estimate import Estimate, Settings
from skpneumo.evaluation._metric_estimates import estimate_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["are_separated", "draw_calibration", "draw_confusion", "draw_curves", "plot_evaluation"]

_CURVE = {"color": VERMILLION}
_CHANCE = {"color": GREY, "label": "chance"}
_DARK = "#08306b"  # the other end of the colours
_LETTERS_ALONG_A_PANEL = 38
_DET_TICKS = (0.01, 0.1, 0.5, 0.9, 0.99)


def plot_evaluation(
    y_true: ArrayLike,
    y_score: ArrayLike,
    y_pred: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    filenames: Any = None,
    pos_label: Any = None,
    threshold: float | None = None,
    names: tuple[str, str] | None = None,
    n_bins: int = 10,
    confidence_level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
    ax: "Axes | None" = None,
) -> "Figure":
    """Plot confusion matrices, ROC, precision-recall, DET and calibration curves.

    A curve that is undefined is left out, and the title says why: the DET curve if some threshold
    makes no error, and the calibration curve if there are no probabilities.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        True labels, of both classes.
    y_score : array-like of shape (n_images,)
        Scores of the positive class. The calibration curve needs probabilities.
    y_pred : array-like of shape (n_images,), default=None
        Predicted labels; by default ``threshold`` is applied to the scores.
    groups : array-like of shape (n_images,), default=None
        The patient of each image, for the intervals; read from ``filenames`` by default.
    filenames : array-like of paths, shape (n_images,), default=None
        The file of each image.
    pos_label : label, default=None
        The positive class; by default 1 if the labels are 0/1 or -1/1, or else the greater label
        if that is the illness by its name.
    threshold : float, default=None
        Scores from this value on count as positive; by default 0.5 for probabilities.
    names : tuple of two str, default=None
        Names of the negative and the positive class; their labels by default.
    n_bins : int, default=10
        Number of bins of the calibration curve.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals.
    n_resamples : int, default=2000
        Number of bootstrap resamples of patients.
    random_state : int, RandomState instance or None, default=0
        Seed of the bootstrap.
    ax : Axes, default=None
        Axes to divide into panels; those of a new figure by default.

    Returns
    -------
    figure : Figure
        Has up to six panels.

    Raises
    ------
    ValueError
        If all images are of one class.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``filenames`` identifies the patients.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay, sklearn.metrics.RocCurveDisplay,
    sklearn.metrics.PrecisionRecallDisplay, sklearn.metrics.DetCurveDisplay,
    sklearn.calibration.CalibrationDisplay

    Examples
    --------
    >>> from skpneumo.evaluation import plot_evaluation
    >>> figure = plot_evaluation([0, 0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.6, 0.7, 0.9])
    """
    labels = check_labels(y_true, "y_true")
    predictions = Predictions.of(
        labels,
        y_score,
        y_pred,
        groups=groups,
        filenames=filenames,
        pos_label=pos_label,
        threshold=threshold,
    )
    negatives = np.unique(labels[~predictions.positive])
    if not predictions.positive.any() or not len(negatives):
        raise ValueError(
            "Curves need images of both classes, but all labels in y_true are "
            f"{labels.tolist()[0]!r}. Evaluate images of both classes."
        )
    if names is not None:
        require_one_name_each(names, ("negative", "positive"), "names")
    positive = predictions.pos_label if names is None else names[1]
    if names is None:
        names = str(negatives[0]), str(predictions.pos_label)
    settings = Settings(confidence_level, n_resamples, n_bins, check_random_state(random_state))
    wanted = ["recall", "specificity", "roc_auc", "average_precision", "ece"]
    found = {each.metric: each for each in estimate_metrics(predictions, wanted, settings)}

    # The title names missing curves instead of an empty panel.
    separated, calibrated = are_separated(predictions), predictions.has_probabilities
    left_out = []
    if separated:
        left_out.append("no DET curve, as some threshold makes no error")
    if not calibrated:
        left_out.append("no calibration curve, which needs probabilities")
    ax, panels = _two_rows_of_panels(ax, 6 - len(left_out))
    draw_confusion(panels[:2], predictions, found, names)
    det = None if separated else panels[4]
    draw_curves(panels[2], panels[3], det, predictions, found, positive)
    if calibrated:
        draw_calibration(panels[-1], predictions, found["ece"], n_bins)
    for panel in panels:
        panel.set_box_aspect(1)
    ax.set_title("; ".join(left_out))
    return figure_of(ax)


def _two_rows_of_panels(ax: "Axes | None", n_panels: int) -> "tuple[Axes, list[Axes]]":
    """Divide axes, or those of a new figure, into panels; return both."""
    n_columns = (n_panels + 1) // 2
    ax = axes_for(ax, figsize=(0.5 + 4 * n_columns, 8.4))
    grid = divide(ax, 2, n_columns, wspace=0.08, hspace=0.08).ravel()
    for unused in grid[n_panels:]:
        unused.remove()
    return ax, list(grid[:n_panels])


def are_separated(predictions: Predictions) -> bool:
    """Tell whether some threshold makes no error, so that error rates have no curve."""
    score, positive = predictions.score, predictions.positive
    return score is not None and bool(score[positive].min() > score[~positive].max())


def draw_confusion(
    panels: "Sequence[Axes] | NDArray[np.object_]",
    predictions: Predictions,
    found: dict[str, Estimate],
    display_labels: tuple[str, str],
) -> None:
    counts = confusion_matrix(predictions.positive, predictions.predicted, labels=[False, True])
    shares = counts / counts.sum(axis=1, keepdims=True)
    names = tick_labels(display_labels)
    for panel, matrix, title in (
        (panels[0], counts, f"confusion matrix: {len(predictions):,} images"),
        (panels[1], shares, "shares of the true class"),
    ):
        display = ConfusionMatrixDisplay(matrix, display_labels=names).plot(
            cmap="Blues",
            colorbar=False,
            values_format="d" if matrix is counts else ".3f",
            # Dark letters can be read on the lighter half of the colours.
            im_kw={"vmin": 0, "vmax": 2 * (counts.max() if matrix is counts else 1)},
            text_kw={"fontsize": 10, "color": _DARK},
            ax=panel,
        )
        panel.set(title=title, xlabel="predicted", ylabel="true")
        panel.tick_params(axis="y", labelrotation=90)
        for label in panel.get_yticklabels():
            label.set_verticalalignment("center")
    for row, metric in enumerate(("specificity", "recall")):
        right = found[metric]
        size = right.n, right.n_patients
        wrong = with_interval(1 - right.value, 1 - right.high, 1 - right.low, *size)
        display.text_[row, row].set_text(f"{metric}\n{_figure_in_lines(_figure(right))}")
        display.text_[row, 1 - row].set_text(_figure_in_lines(wrong))


def draw_curves(
    roc: "Axes",
    precision_recall: "Axes",
    det: "Axes | None",
    predictions: Predictions,
    found: dict[str, Estimate],
    pos_label: Any,
) -> None:
    recall_name = recall_of(pos_label)
    positive, score = predictions.positive, predictions.score
    assert score is not None  # curves need scores
    # The AUC is written by us, because scikit-learn's has no interval.
    false_alarms, recall, _ = roc_curve(positive, score)
    RocCurveDisplay(fpr=false_alarms, tpr=recall, name=f"AUC {_figure(found['roc_auc'])}").plot(
        curve_kwargs=_CURVE, plot_chance_level=True, chance_level_kw=_CHANCE, ax=roc
    )
    precision, recall, _ = precision_recall_curve(positive, score)
    PrecisionRecallDisplay(
        precision=precision,
        recall=recall,
        name=f"AP {_figure(found['average_precision'])}",
        prevalence_pos_label=positive.mean(),
    ).plot(
        curve_kwargs=_CURVE,
        plot_chance_level=True,
        chance_level_kw=_CHANCE,
        ax=precision_recall,
    )
    roc.set(
        title="ROC",
        xlabel="1 \N{MINUS SIGN} specificity",
        ylabel="\n".join(wrap(f"{recall_name} (sensitivity)", _LETTERS_ALONG_A_PANEL)),
    )
    precision_recall.set(
        title="precision and recall",
        xlabel=recall_name,
        ylabel="precision",
    )
    legend_below(roc)
    legend_below(precision_recall)
    if det is not None:
        name = based_on(len(predictions), predictions.n_patients)
        DetCurveDisplay.from_predictions(positive, score, name=name, ax=det, **_CURVE)
        det.set(title="detection error tradeoff", xlabel="false alarms", ylabel="misses")
        # Fewer ticks than scikit-learn's, which overlap on a small panel.
        det.set_xticks(norm.ppf(_DET_TICKS), [f"{tick:.0%}" for tick in _DET_TICKS])
        det.set_yticks(norm.ppf(_DET_TICKS), [f"{tick:.0%}" for tick in _DET_TICKS])
        legend_below(det)


def draw_calibration(
    panel: "Axes", predictions: Predictions, error: Estimate, n_bins: int
) -> None:
    CalibrationDisplay.from_predictions(
        predictions.positive,
        predictions.score,
        n_bins=n_bins,
        name=f"error {_figure(error)}",
        color=BLUE,
        ref_line=False,
        ax=panel,
    )
    panel.plot([0, 1], [0, 1], linestyle="--", color=GREY, label="perfectly calibrated")
    legend_below(panel)
    panel.set(title="calibration", xlabel="mean probability", ylabel="share of positives")


def _figure(estimate: Estimate) -> str:
    """Write the estimate with its interval, and the sample size in a second line."""
    text = with_interval(
        estimate.value, estimate.low, estimate.high, estimate.n, estimate.n_patients
    )
    return text.replace(" (", "\n(")


def _figure_in_lines(figure: str) -> str:
    """Break a metric into lines that fit a cell."""
    return figure.replace(" [", "\n[").replace(" (", "\n(").replace("s, ", "s,\n")
