"""Plot metrics of several models with their intervals."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skpneumo._formatting import with_interval
from skpneumo._plotting import (
    CYCLE,
    MARKERS,
    axes_for,
    figure_of,
    metric_label,
    plain,
    tick_labels,
    tidy,
)
from skpneumo._predictions import Predictions, common_positive_label, predictions_of
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._differences import (
    DIFFERENCE_METRICS,
    Difference,
    estimate_differences,
)
from skpneumo.evaluation._evaluate import evaluation_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["ModelComparisonDisplay"]


class ModelComparisonDisplay:
    """Plot of a metric with its interval and sample size for each model.

    Create it with :meth:`from_estimators`, :meth:`from_predictions` or from frames of
    :func:`~skpneumo.evaluation.evaluate`. Overlapping intervals do not show that two models are
    equal. So every model except the first has its difference from the first beside it, with the
    paired interval of :func:`~skpneumo.evaluation.compare`, not corrected for several comparisons.

    Parameters
    ----------
    evaluations : mapping of str to pandas.DataFrame
        A frame of :func:`~skpneumo.evaluation.evaluate` for each model, by the model's name.
    metrics : str or sequence of str, default="f1"
        Metrics to plot.
    subgroup : str, default="all"
        Subgroup to plot.
    differences : mapping of str to dict, default=None
        Differences of every other model from the first, by metric, for all images.
        :meth:`from_estimators` and :meth:`from_predictions` compute them.

    Attributes
    ----------
    points_ : dict of str to ErrorbarContainer
        Values and intervals of all models, for each metric.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo.evaluation import ModelComparisonDisplay
    >>> display = ModelComparisonDisplay.from_predictions(
    ...     [0, 0, 1, 1], {"good": [0.1, 0.2, 0.8, 0.9], "poor": [0.6, 0.2, 0.8, 0.1]})
    >>> display.ax_.get_xlabel()
    'F1, with 95 % interval'
    """

    def __init__(
        self,
        evaluations: "Mapping[str, pd.DataFrame]",
        metrics: str | list[str] | tuple[str, ...] = "f1",
        subgroup: str = "all",
        differences: Mapping[str, dict[str, Difference]] | None = None,
    ) -> None:
        self.evaluations = evaluations
        self.metrics = metrics
        self.subgroup = subgroup
        self.differences = differences

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        X: Any,
        y: ArrayLike,
        *,
        metrics: str | list[str] | tuple[str, ...] = "f1",
        ax: "Axes | None" = None,
        **evaluate_params: Any,
    ) -> Self:
        """Evaluate fitted classifiers on the same images, and plot the metrics.

        Parameters
        ----------
        estimators : mapping of str to fitted classifier
            Classifiers by name.
        X : array-like of length n_images
            Input of the classifiers.
        y : array-like of shape (n_images,)
            True labels.
        metrics : str or sequence of str, default="f1"
            Metrics to plot.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.
        **evaluate_params : dict
            Parameters of :func:`~skpneumo.evaluation.evaluate_predictions`, such as ``groups``,
            ``pos_label`` and ``threshold``.

        Returns
        -------
        display : ModelComparisonDisplay
        """
        how, params = _split_params(evaluate_params)
        if how.get("pos_label") is None:
            how["pos_label"] = common_positive_label(list(estimators.values()))
        predictions = {
            name: predictions_of(estimator, X, y, **how) for name, estimator in estimators.items()
        }
        return cls._of(predictions, metrics, params).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_scores: Mapping[str, ArrayLike],
        *,
        metrics: str | list[str] | tuple[str, ...] = "f1",
        ax: "Axes | None" = None,
        **evaluate_params: Any,
    ) -> Self:
        """Evaluate scores on the same images, and plot the metrics.

        Parameters
        ----------
        y_true : array-like of shape (n_images,)
            True labels.
        y_scores : mapping of str to array-like of shape (n_images,)
            Each model's scores of the positive class, by the model's name.
        metrics : str or sequence of str, default="f1"
            Metrics to plot.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.
        **evaluate_params : dict
            Parameters of :func:`~skpneumo.evaluation.evaluate_predictions`, such as ``groups`` and
            ``threshold``.

        Returns
        -------
        display : ModelComparisonDisplay
        """
        how, params = _split_params(evaluate_params)
        predictions = {
            name: Predictions.of(y_true, score, **how) for name, score in y_scores.items()
        }
        return cls._of(predictions, metrics, params).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        predictions: Mapping[str, Predictions],
        metrics: str | list[str] | tuple[str, ...],
        evaluate_params: dict[str, Any],
    ) -> Self:
        """Evaluate predictions on the same images, and compare all with the first."""
        frames = {
            name: evaluation_of(each.labelled(True), **{"subgroups": None} | evaluate_params)
            for name, each in predictions.items()
        }
        level = evaluate_params.get("confidence_level", 0.95)
        first = next(iter(predictions.values()), None)
        differences = {
            name: {
                row.metric: row
                for row in estimate_differences(each, first, DIFFERENCE_METRICS, level)
            }
            for name, each in predictions.items()
            if first is not None and each is not first
        }
        return cls(frames, metrics, differences=differences)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the dots.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ModelComparisonDisplay

        Raises
        ------
        ValueError
            If there are no models or no metrics, or a frame lacks a metric or the subgroup.
        """
        metrics = [self.metrics] if isinstance(self.metrics, str) else list(self.metrics)
        names = list(self.evaluations)
        if not names or not metrics:
            raise ValueError(
                f"There are {len(names)} models and {len(metrics)} metrics, so there is nothing "
                "to plot. Pass at least one of each."
            )
        ax = axes_for(ax, figsize=(8.6, 1.3 + (0.3 + 0.36 * len(metrics)) * len(names)))
        places = np.arange(len(names))
        self.points_ = {}
        for i, metric in enumerate(metrics):
            rows = [self._row(name, metric) for name in names]
            value, low, high = np.array([[row.value, row.low, row.high] for row in rows]).T
            shift = (i - (len(metrics) - 1) / 2) * 0.8 / len(metrics)
            self.points_[metric] = ax.errorbar(
                value,
                places + shift,
                xerr=[value - low, high - value],
                fmt=MARKERS[i % len(MARKERS)],
                color=CYCLE[i % len(CYCLE)],
                capsize=3,
                label=plain(metric_label(metric)),
            )
            for place, row in zip(places + shift, rows, strict=True):
                name = names[round(place - shift)]
                ax.annotate(
                    with_interval(row.value, row.low, row.high, row.n, row.n_patients)
                    + self._difference(name, metric, names[0]),
                    (1.01, place),
                    xycoords=("axes fraction", "data"),
                    va="center",
                    fontsize=8,
                )
        ax.set_yticks(places, tick_labels(names, 28))
        ax.set_ylim(len(names) - 0.5, -0.5)
        level = next(iter(self.evaluations.values())).attrs.get("confidence_level", 0.95)
        what = plain(metric_label(metrics[0])) if len(metrics) == 1 else "value"
        ax.set_xlabel(f"{what}, with {100 * level:g} % interval")
        tidy(ax, grid="x")
        if len(metrics) > 1:
            ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(metrics))
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self

    def _difference(self, name: str, metric: str, first: str) -> str:
        """Write the difference from the first model, if there is one."""
        row = (self.differences or {}).get(name, {}).get(metric)
        if row is None or self.subgroup != "all" or np.isnan(row.difference):
            return ""
        difference = with_interval(row.difference, row.low, row.high, form="+.3f")
        return f"\n{difference} from {plain(first)}"

    def _row(self, name: str, metric: str) -> Any:
        frame = self.evaluations[name]
        rows = frame[(frame["metric"] == metric) & (frame["subgroup"] == self.subgroup)]
        if len(rows) != 1:
            raise ValueError(
                f"The evaluation of {name!r} has no row for metric {metric!r} and subgroup "
                f"{self.subgroup!r}. Choose a metric from {sorted(frame['metric'].unique())} and "
                f"a subgroup from {sorted(frame['subgroup'].unique())}."
            )
        return next(rows.itertuples())


def _split_params(evaluate_params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate the parameters for making predictions from those for evaluating them."""
    of_predictions = {"groups", "filenames", "pos_label", "threshold"}
    return (
        {name: each for name, each in evaluate_params.items() if name in of_predictions},
        {name: each for name, each in evaluate_params.items() if name not in of_predictions},
    )
