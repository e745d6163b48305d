"""Plot metrics against the threshold."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import based_on, with_interval
from skpneumo._plotting import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    axes_for,
    figure_of,
    recall_of,
    tidy,
)
from skpneumo._predictions import Predictions, predictions_and_threshold
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._intervals import clustered_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

__all__ = ["ThresholdDisplay"]

_N_THRESHOLDS = 500
# The threshold is varied here, so only scores are needed.
_NO_THRESHOLD = np.inf
_LOOKS = {
    "recall": (VERMILLION, "-"),
    "specificity": (BLUE, "--"),
    "precision": (GREEN, "-."),
}
_UNDEFINED = {
    "recall": "no image is positive",
    "specificity": "no image is negative",
    "precision": "no image is predicted positive",
}


class ThresholdDisplay:
    """Plot of recall, specificity and precision against the threshold.

    Create it with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Scores from a threshold on count as positive.
    curves : dict of str to ndarray of shape (5, n_thresholds)
        Value, lower and upper limit, images and patients of "recall", "specificity" and
        "precision". NaN if no image is predicted positive.
    threshold : float, default=None
        The chosen threshold, which is marked.
    confidence_level : float, default=0.95
        Confidence level of the limits at each threshold.
    pos_label : label, default=None
        The positive class.

    Attributes
    ----------
    lines_ : dict of str to Line2D
        The curves.
    bands_ : dict of str to PolyCollection
        Their intervals.
    points_ : dict of str to Line2D
        Their values at the chosen threshold.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    Notes
    -----
    The band is the interval of :func:`~skpneumo.evaluation.evaluate` at each threshold: Wilson's,
    for the effective number of images. A bootstrap band would shrink to nothing at a recall of 1,
    where thresholds are chosen.

    Examples
    --------
    >>> from skpneumo.evaluation import ThresholdDisplay
    >>> display = ThresholdDisplay.from_predictions(
    ...     [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.7, 0.9], threshold=0.5)
    >>> float(display.points_["recall"].get_ydata()[0].round(2))
    0.67
    """

    def __init__(
        self,
        thresholds: NDArray[np.float64],
        curves: dict[str, NDArray[np.float64]],
        threshold: float | None = None,
        confidence_level: float = 0.95,
        pos_label: Any = None,
    ) -> None:
        self.thresholds = thresholds
        self.curves = curves
        self.threshold = threshold
        self.confidence_level = confidence_level
        self.pos_label = pos_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        pos_label: Any = None,
        threshold: float | None = None,
        confidence_level: float = 0.95,
        ax: "Axes | None" = None,
    ) -> Self:
        """Predict, and plot the curves.

        Parameters
        ----------
        estimator : fitted classifier
            With ``predict_proba`` or ``decision_function``.
        X : array-like of length n_images
            Input of the estimator.
        y : array-like of shape (n_images,)
            True labels.
        groups : array-like of shape (n_images,), default=None
            The patient of each image; read from the file names by default.
        pos_label : label, default=None
            The positive class; by default the one that the estimator's threshold applies to, or
            else the illness by the names of the two.
        threshold : float, default=None
            The chosen threshold; by default that of the estimator.
        confidence_level : float, default=0.95
            Confidence level of the bands.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ThresholdDisplay
        """
        predictions, shown = predictions_and_threshold(
            estimator, X, y, groups=groups, pos_label=pos_label, threshold=threshold
        )
        return cls._of(predictions, shown, confidence_level).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        filenames: Any = None,
        pos_label: Any = None,
        threshold: float | None = None,
        confidence_level: float = 0.95,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the curves of given scores.

        Parameters
        ----------
        y_true : array-like of shape (n_images,)
            True labels.
        y_score : array-like of shape (n_images,)
            Scores of the positive class.
        groups : array-like of shape (n_images,), default=None
            The patient of each image; read from ``filenames`` by default.
        filenames : array-like of paths, shape (n_images,), default=None
            The file of each image.
        pos_label : label, default=None
            The positive class; by default 1 if the labels are 0/1 or -1/1, or else the greater
            label if that is the illness by its name.
        threshold : float, default=None
            The chosen threshold, which is marked.
        confidence_level : float, default=0.95
            Confidence level of the bands.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ThresholdDisplay
        """
        predictions = Predictions.of(
            y_true,
            y_score,
            groups=groups,
            filenames=filenames,
            pos_label=pos_label,
            threshold=_NO_THRESHOLD if threshold is None else threshold,
        )
        return cls._of(predictions, threshold, confidence_level).plot(ax=ax)

    @classmethod
    def _of(
        cls, predictions: Predictions, threshold: float | None, confidence_level: float
    ) -> Self:
        score, positive = predictions.score, predictions.positive
        assert score is not None  # a threshold was given
        levels = np.unique(score)
        if len(levels) > _N_THRESHOLDS:
            # Half of them at quantiles of the scores, half evenly spaced over their range.
            half = _N_THRESHOLDS // 2
            levels = np.union1d(
                np.quantile(score, np.linspace(0, 1, half), method="nearest"),
                np.linspace(score.min(), score.max(), half),
            )
        if threshold is not None:
            levels = np.union1d(levels, [threshold])
        curves: dict[str, list[tuple[float, ...]]] = {name: [] for name in _LOOKS}
        for level in levels:
            called = score >= level
            for name, hit, among in (
                ("recall", called, positive),
                ("specificity", ~called, ~positive),
                ("precision", positive, called),
            ):
                share = clustered_share(hit, among, predictions.patient, confidence_level)
                curves[name].append(
                    (share.value, share.low, share.high, share.n, share.n_patients)
                )
        return cls(
            levels,
            {name: np.array(values).T for name, values in curves.items()},
            threshold,
            confidence_level,
            predictions.pos_label,
        )

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ThresholdDisplay
        """
        ax = axes_for(ax, figsize=(6.4, 4.8))
        self.lines_: dict[str, Line2D] = {}
        self.bands_: dict[str, PolyCollection] = {}
        self.points_: dict[str, Line2D] = {}
        for name in _LOOKS:
            self._draw_curve(ax, name)
        title = None
        if self.threshold is not None:
            ax.axvline(self.threshold, color=GREY, linewidth=1, linestyle=":")
            title = f"at threshold {self.threshold:.3g}"
        ax.set(
            xlabel="threshold",
            ylabel=f"share, with {100 * self.confidence_level:g} % interval",
            ylim=(-0.02, 1.02),
        )
        tidy(ax)
        # Above the axes, because within it would cover a curve.
        ax.legend(
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            title=title,
            alignment="left",
            fontsize=9,
        )
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self

    def _draw_curve(self, ax: "Axes", name: str) -> None:
        """Draw a metric with its band and, where a threshold is chosen, its value there."""
        value, low, high = self.curves[name][:3]
        color, style = _LOOKS[name]
        if self.threshold is not None:
            (self.points_[name],) = ax.plot(
                [self.threshold],
                [value[self._at_threshold()]],
                "o",
                color=color,
                markeredgecolor="white",
                zorder=3,
            )
        self.bands_[name] = ax.fill_between(
            self.thresholds, low, high, step="pre", color=color, alpha=0.18, linewidth=0
        )
        (self.lines_[name],) = ax.plot(
            self.thresholds,
            value,
            drawstyle="steps-pre",  # constant between scores
            color=color,
            linestyle=style,
            label=self._label(name),
        )

    def _label(self, name: str) -> str:
        """Name a metric, with its value at the chosen threshold or what all its values rest on."""
        said = recall_of(self.pos_label) if name == "recall" else name
        n, n_patients = self.curves[name][3:]
        if self.threshold is not None:
            value, low, high, images, patients = self.curves[name][:, self._at_threshold()]
            # The reason for a missing value says how many images there are: none.
            size = (int(images), int(patients)) if images else ()
            undefined = f"undefined: {_UNDEFINED[name]}"
            return f"{said} {with_interval(value, low, high, *size, undefined=undefined)}"
        if np.ptp(n) == 0:
            return f"{said} ({based_on(int(n[0]), int(n_patients[0]))})"
        return said

    def _at_threshold(self) -> int:
        return int(np.flatnonzero(self.thresholds == self.threshold)[0])
