"""Plot the course of a training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skpneumo._plotting import (
    CYCLE,
    GREY,
    LINE_STYLES,
    VERMILLION,
    axes_for,
    divide,
    figure_of,
    legend_below,
    metric_label,
    plain,
    tidy,
    whole_numbers,
)
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._intervals import wilson_interval
from skpneumo.fitted import classifiers_of, unwrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TrainingCurvesDisplay"]


class TrainingCurvesDisplay:
    """Plot of loss, validation metrics and false negatives by epoch.

    Create it with :meth:`from_estimator`. Empty panels are left out. If the number of positive
    validation images follows from recall and false negatives, recall has Wilson's 95 % interval.
    As the history does not know the patients, this counts each image as one patient.

    Parameters
    ----------
    history : mapping of str to array-like of shape (n_epochs,)
        Values by epoch under Keras's names: "loss", "val_loss", "val_recall",
        "val_false_negatives" and so on.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_panels,)
        Panels from left to right: loss; metrics between 0 and 1; false negatives.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo.evaluation import TrainingCurvesDisplay
    >>> display = TrainingCurvesDisplay({
    ...     "loss": [0.7, 0.4, 0.3], "val_loss": [0.6, 0.4, 0.45],
    ...     "val_recall": [0.8, 0.95, 0.9], "val_false_negatives": [8, 2, 4]}).plot()
    >>> [ax.get_title() for ax in display.axes_]
    ['loss', 'validation metrics', 'false negatives in validation']
    """

    def __init__(self, history: Mapping[str, ArrayLike]) -> None:
        self.history = {name: np.asarray(values, dtype=float) for name, values in history.items()}

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        metrics: Sequence[str] = ("recall", "specificity", "auc"),
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the training of a fitted classifier.

        Parameters
        ----------
        estimator : fitted CNNClassifier, or a pipeline or search that ends in one
            Any estimator with ``history_``.
        metrics : sequence of str, default=("recall", "specificity", "auc")
            Metrics of the middle panel, if the history has them.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : TrainingCurvesDisplay

        Raises
        ------
        TypeError
            If no history is found.
        """
        return cls(_history_of(estimator)).plot(metrics=metrics, ax=ax)

    def plot(
        self,
        *,
        metrics: Sequence[str] = ("recall", "specificity", "auc"),
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        metrics : sequence of str, default=("recall", "specificity", "auc")
            Metrics of the middle panel, if the history has them.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : TrainingCurvesDisplay
        """
        history = self.history
        if not any(map(len, history.values())):
            raise ValueError("The history has no epochs, so there is nothing to plot.")
        shown = [each for each in metrics if f"val_{each}" in history or each in history]
        panels = [self._plot_loss]
        if shown:
            panels.append(lambda panel: self._plot_metrics(panel, shown))
        if "val_false_negatives" in history:
            panels.append(self._plot_false_negatives)
        ax = axes_for(ax, figsize=(0.4 + 3.6 * len(panels), 4))
        self.axes_ = divide(ax, 1, len(panels))[0]
        for panel, draw in zip(self.axes_, panels, strict=True):
            draw(panel)
            panel.set(xlabel="epoch", xlim=(0.4, self._n_epochs + 0.6))
            whole_numbers(panel.xaxis)
            tidy(panel)
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self

    def _plot_loss(self, panel: "Axes") -> None:
        for name, label, color, style in (
            ("loss", "training", CYCLE[0], "-"),
            ("val_loss", "validation", CYCLE[1], "--"),
        ):
            if name in self.history:
                self._plot_line(panel, name, color=color, linestyle=style, label=label)
        if "val_loss" in self.history:
            epochs, loss = self._by_epoch("val_loss")
            if not np.isnan(loss).all():
                best = int(np.nanargmin(loss))
                panel.plot(
                    epochs[best],
                    loss[best],
                    "o",
                    color=CYCLE[1],
                    label=f"lowest, epoch {epochs[best]}",
                )
            legend_below(panel)
        panel.set_title("loss" if "val_loss" in self.history else "loss in training")

    def _plot_metrics(self, panel: "Axes", metrics: Sequence[str]) -> None:
        for i, metric in enumerate(metrics):
            color, style = CYCLE[i % len(CYCLE)], LINE_STYLES[i % len(LINE_STYLES)]
            label = plain(metric_label(metric))
            if f"val_{metric}" in self.history:
                shown = label
                if metric == "recall" and (n := self._n_positive()):
                    shown = f"{label}, 95 % interval ({n:,} images)"
                    epochs, values = self._by_epoch(f"val_{metric}")
                    limits = [wilson_interval(value, n, 0.95) for value in values]
                    panel.fill_between(
                        epochs, *np.transpose(limits), color=color, alpha=0.18, linewidth=0
                    )
                self._plot_line(panel, f"val_{metric}", color=color, linestyle=style, label=shown)
            if metric in self.history:
                self._plot_line(
                    panel,
                    metric,
                    color=color,
                    linestyle=style,
                    alpha=0.4,
                    label=f"{label} in training",
                )
        panel.set_title("validation metrics")
        legend_below(panel)

    def _plot_false_negatives(self, panel: "Axes") -> None:
        epochs, missed = self._by_epoch("val_false_negatives")
        panel.bar(epochs, missed, color=VERMILLION, width=0.8)
        fewest = int(np.nanmin(missed))
        among = f" of {n:,} images" if (n := self._n_positive()) else ""
        panel.axhline(fewest, color=GREY, linestyle=":", label=f"fewest: {fewest}{among}")
        panel.set(
            title="false negatives in validation",
            ylabel="images missed",
            ylim=(0, 1.05 * max(np.nanmax(missed), 1)),
        )
        whole_numbers(panel.yaxis)
        legend_below(panel)

    @property
    def _n_epochs(self) -> int:
        return max(map(len, self.history.values()))

    def _plot_line(self, panel: "Axes", name: str, **look: Any) -> None:
        # A line through one point is not seen.
        marker = "o" if self._n_epochs == 1 else None
        panel.plot(*self._by_epoch(name), marker=marker, **look)

    def _n_positive(self) -> int:
        """Compute the number of positive validation images from the history; 0 if unknown."""
        if not {"val_recall", "val_false_negatives"} <= self.history.keys():
            return 0
        missed, recall = self.history["val_false_negatives"], self.history["val_recall"]
        told = (missed > 0) & (recall < 1)
        n = missed[told] / (1 - recall[told])
        # With three or more classes recall is a mean over classes, from which no number follows.
        if not len(n) or np.ptp(n) > 1e-3 or abs(n[0] - round(n[0])) > 1e-3:
            return 0
        return round(n[0])

    def _by_epoch(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        values = self.history[name]
        return np.arange(1, len(values) + 1), values


def _history_of(estimator: Any) -> Mapping[str, ArrayLike]:
    """Get the history of an estimator, or of its innermost classifier."""
    for each in (estimator, unwrap(estimator)):
        if hasattr(each, "history_"):
            return each.history_
    trained = [each for each in classifiers_of(estimator) if hasattr(each.classifier, "history_")]
    if trained:
        raise TypeError(
            f"{type(estimator).__name__} has {len(trained)} classifiers, each with its own "
            "history_. Pass one of them; skpneumo.fitted.classifiers_of lists them."
        )
    raise TypeError(
        f"Neither {type(estimator).__name__} nor its classifier has a history_. Pass a fitted "
        "CNNClassifier, or a pipeline or search that ends in one."
    )
