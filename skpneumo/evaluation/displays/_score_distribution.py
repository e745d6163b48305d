"""Plot the distribution of the scores of two classes."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import class_name, counted, require_one_name_each
from skpneumo._plotting import (
    GREY,
    NEGATIVE,
    POSITIVE,
    axes_for,
    figure_of,
    plain,
    require_some,
    tidy,
)
from skpneumo._predictions import Predictions, check_labels, predictions_and_threshold
from skpneumo._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ScoreDistributionDisplay"]


class ScoreDistributionDisplay:
    """Histograms of the scores, of positives upwards and of negatives downwards.

    Positives left of the threshold are misses; negatives right of it are false alarms. Create it
    with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    positive_scores, negative_scores : ndarray of shape (n,)
        Scores of the images of each class.
    names : tuple of two str, default=("negative", "positive")
        Names of the two classes.
    threshold : float, default=None
        Scores from this value on count as positive.
    are_probabilities : bool, default=None
        Whether the scores are probabilities; None means that they are if all are from 0 to 1.

    Attributes
    ----------
    bars_ : tuple of two BarContainer
        Bars of the positives and of the negatives.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo.evaluation import ScoreDistributionDisplay
    >>> display = ScoreDistributionDisplay.from_predictions(
    ...     ["NORMAL", "PNEUMONIA", "PNEUMONIA"], [0.1, 0.4, 0.9])
    >>> display.names
    ('NORMAL', 'PNEUMONIA')
    """

    def __init__(
        self,
        positive_scores: NDArray[np.float64],
        negative_scores: NDArray[np.float64],
        names: tuple[str, str] = ("negative", "positive"),
        threshold: float | None = None,
        are_probabilities: bool | None = None,
    ) -> None:
        self.positive_scores = positive_scores
        self.negative_scores = negative_scores
        self.names = names
        self.threshold = threshold
        self.are_probabilities = are_probabilities

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        pos_label: Any = None,
        threshold: float | None = None,
        names: tuple[str, str] | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Predict, and plot the scores.

        Parameters
        ----------
        estimator : fitted classifier
            With ``predict_proba`` or ``decision_function``.
        X : array-like of length n_images
            Input of the estimator.
        y : array-like of shape (n_images,)
            True labels.
        pos_label : label, default=None
            The positive class; by default the one that the estimator's threshold applies to, or
            else the illness by the names of the two.
        threshold : float, default=None
            A threshold to mark; by default that of the estimator.
        names : tuple of two str, default=None
            Names of the negative and the positive class; their labels by default.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ScoreDistributionDisplay
        """
        labels = check_labels(y)
        # Patients are not shown.
        predictions, shown = predictions_and_threshold(
            estimator,
            X,
            labels,
            groups=np.arange(len(labels)),
            pos_label=pos_label,
            threshold=threshold,
        )
        return cls._of(predictions, labels, shown, names).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        pos_label: Any = None,
        threshold: float | None = None,
        names: tuple[str, str] | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot given scores.

        Parameters
        ----------
        y_true : array-like of shape (n_images,)
            True labels.
        y_score : array-like of shape (n_images,)
            Scores of the positive class.
        pos_label : label, default=None
            The positive class; by default 1 if the labels are 0/1 or -1/1, or else the greater
            label if that is the illness by its name.
        threshold : float, default=None
            A threshold to mark.
        names : tuple of two str, default=None
            Names of the negative and the positive class; their labels by default.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ScoreDistributionDisplay
        """
        labels = check_labels(y_true, "y_true")
        predictions = Predictions.of(
            labels,
            y_score,
            groups=np.arange(len(labels)),  # patients are not shown
            pos_label=pos_label,
            threshold=np.inf if threshold is None else threshold,
        )
        return cls._of(predictions, labels, threshold, names).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        predictions: Predictions,
        labels: NDArray[Any],
        threshold: float | None,
        names: tuple[str, str] | None,
    ) -> Self:
        score, positive = predictions.score, predictions.positive
        assert score is not None  # a threshold was given
        if names is None:
            others = np.unique(labels[~positive]).tolist()
            names = class_name(*others), class_name(predictions.pos_label)
        require_one_name_each(names, ("negative", "positive"), "names")
        return cls(
            score[positive], score[~positive], names, threshold, predictions.has_probabilities
        )

    def plot(self, *, ax: "Axes | None" = None, n_bins: int = 40) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.
        n_bins : int, default=40
            Number of bins over the range of the scores, or over [0, 1] for probabilities.

        Returns
        -------
        display : ScoreDistributionDisplay
        """
        require_some(n_bins, "n_bins")
        ax = axes_for(ax)
        scores = np.concatenate([self.positive_scores, self.negative_scores])
        low, high = min(0.0, scores.min()), max(1.0, scores.max())
        probabilities = self.are_probabilities
        if probabilities is None:
            probabilities = (low, high) == (0.0, 1.0)
        if not probabilities:
            low, high = scores.min(), scores.max()
        edges = np.linspace(low, high, n_bins + 1)
        drawn = []
        for values, name, color, sign, hatch in (
            (self.positive_scores, self.names[1], POSITIVE, 1, ""),
            (self.negative_scores, self.names[0], NEGATIVE, -1, "////"),
        ):
            share = 100 * np.histogram(values, edges)[0] / max(len(values), 1)
            drawn.append(
                ax.bar(
                    edges[:-1],
                    sign * share,
                    np.diff(edges),
                    align="edge",
                    color=color,
                    edgecolor="white",
                    linewidth=0.4,
                    hatch=hatch,
                    label=f"{plain(name)} ({counted(len(values), 'image')})",
                )
            )
        self.bars_ = tuple(drawn)
        ax.axhline(0, color="black", linewidth=0.8)
        if self.threshold is not None:
            ax.axvline(
                self.threshold, color=GREY, linestyle="--", label=f"threshold {self.threshold:.3g}"
            )
        ax.set(
            xlabel=f"predicted {'probability' if probabilities else 'score'} of "
            f"{plain(self.names[1])}",
            ylabel="share of the class's images (%)",
        )
        ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        tidy(ax)
        # Above the axes, because the line of the threshold may be anywhere within.
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self
