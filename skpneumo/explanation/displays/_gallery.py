"""Plot heat maps of true and false positives and negatives."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._image_drawing import black_and_white
from skpneumo._plotting import (
    NEGATIVE,
    POSITIVE,
    axes_for,
    divide,
    figure_of,
    plain,
    require_some,
)
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._sklearn import _safe_indexing
from skpneumo._typing import ArrayLike
from skpneumo.explanation._methods import maps_by
from skpneumo.explanation._model import require_probabilities, require_target
from skpneumo.explanation._source_images import SourceImage, source_images
from skpneumo.explanation.displays._captions import Subject, subject_from_predictions
from skpneumo.explanation.displays._overlay import common_limit, draw_colour_bar, draw_overlay
from skpneumo.fitted import positive_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HeatMapGalleryDisplay"]

# Truth and prediction of each outcome.
_OUTCOMES = {
    "found": (True, True),
    "missed": (True, False),
    "false alarms": (False, True),
    "rightly cleared": (False, False),
}


class HeatMapGalleryDisplay:
    """Gallery of true and false positives and negatives with heat maps, most confident first.

    All maps share one scale: evidence for the class is orange, evidence against it blue.
    Create it with :meth:`from_estimator`.

    Parameters
    ----------
    sources : list of SourceImage
        The images.
    maps : ndarray of shape (n_images, height, width)
        Their heat maps.
    captions : list of list of str
        Lines above each image.
    outcomes : list of {"found", "missed", "false alarms", "rightly cleared"}
        Outcome of each image.
    counts : dict of str to int
        Total number of images of each outcome.
    target_name : str
        The class that the maps explain.
    method : str
        Name of the method.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_outcomes, n_columns)
        Axes of the images, one row per outcome; the title names outcomes that do not occur.
    bar_ : Colorbar
        The scale.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import HeatMapGalleryDisplay
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> display = HeatMapGalleryDisplay.from_estimator(pipe, xrays.filenames, xrays.target)
    >>> sum(display.counts.values()) == len(xrays.target)
    True
    """

    def __init__(
        self,
        sources: list[SourceImage],
        maps: NDArray[Any],
        captions: list[list[str]],
        outcomes: list[str],
        counts: dict[str, int],
        target_name: str,
        method: str,
    ) -> None:
        self.sources = sources
        self.maps = maps
        self.captions = captions
        self.outcomes = outcomes
        self.counts = counts
        self.target_name = target_name
        self.method = method

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        method: str = "occlusion",
        n_images: int = 4,
        pos_label: Any = None,
        target_names: Sequence[str] | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Predict, and explain and plot the most confident images of each outcome.

        Parameters
        ----------
        estimator : fitted classifier with ``predict_proba``
            A pipeline from paths or images.
        X : array-like of length n_images
            Paths, whose files are plotted at their own resolution, or images.
        y : array-like of shape (n_images,)
            True labels.
        method : str, default="occlusion"
            Name of the method, as in :class:`HeatMapDisplay`.
        n_images : int, default=4
            Largest number of images of each outcome to plot.
        pos_label : label, default=None
            The positive class; by default that of :func:`~skpneumo.evaluate`.
        target_names : sequence of str, default=None
            Names of the classes, in the order of ``classes_``.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : HeatMapGalleryDisplay

        Raises
        ------
        ValueError
            If there is no such method or class, ``n_images`` is less than 1, or the numbers of
            labels and images differ.
        """
        require_probabilities(estimator)
        require_target(estimator, pos_label, name="pos_label")
        require_some(n_images, "n_images")
        labels = np.asarray(y)
        predictions = predictions_of(
            estimator,
            X,
            labels,
            groups=np.arange(len(labels)),  # patients are not shown
            pos_label=positive_label(estimator, pos_label),
        )
        confident = most_confident_of(predictions, n_images)
        chosen = _safe_indexing(X, confident.rows)
        subject = subject_from_predictions(
            estimator,
            np.asarray(predictions.score)[confident.rows],
            labels[confident.rows],
            predictions.pos_label,
            target_names,
        )
        maps = maps_by(method, estimator, chosen, predictions.pos_label)
        return cls._of(estimator, X, confident, maps, subject, method).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        estimator: Any,
        X: Any,
        confident: "MostConfident",
        maps: NDArray[Any],
        subject: Subject,
        method: str,
    ) -> Self:
        """Collect the most confident images, their maps and captions, without plotting."""
        sources = source_images(estimator, _safe_indexing(X, confident.rows))
        captions = [subject.lines(row, source.name) for row, source in enumerate(sources)]
        return cls(
            sources, maps, captions, confident.outcomes, confident.counts, subject.name, method
        )

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : HeatMapGalleryDisplay
        """
        n_columns = max(self.outcomes.count(outcome) for outcome in self.counts)
        limit = common_limit(self.maps)
        grey = black_and_white(source.pixels for source in self.sources)
        # The title replaces an empty row.
        occurring = {outcome: count for outcome, count in self.counts.items() if count}
        none = ", ".join(outcome for outcome in self.counts if outcome not in occurring)
        ax = axes_for(ax, figsize=(2.1 * n_columns + 1.4, 2.2 * len(occurring)))
        ax.set_title(f"none: {none}" if none else "", fontsize=9)
        self.axes_ = divide(ax, len(occurring), n_columns)
        drawn: Any = None
        for panels, (outcome, count) in zip(self.axes_, occurring.items(), strict=True):
            rows = [row for row, each in enumerate(self.outcomes) if each == outcome]
            for panel, row in zip(panels, rows, strict=False):
                drawn = draw_overlay(
                    panel, self.sources[row], grey, self.maps[row], limit, self.captions[row]
                )
            for panel in panels[len(rows) :]:
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set_visible(False)
            color = POSITIVE if _OUTCOMES[outcome][1] else NEGATIVE
            panels[0].set_ylabel(f"{outcome}\n{len(rows)} of {count}", color=color, fontsize=9)
        self.bar_ = draw_colour_bar(
            drawn,
            f"evidence for {plain(self.target_name)}, by {self.method}",
            ax=list(self.axes_.ravel()),
            panchor=False,
            location="right",
            shrink=0.4,
            aspect=30,
        )
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self


class MostConfident(NamedTuple):
    """The most confident predictions of each outcome.

    Attributes
    ----------
    rows : list of int
        Rows of the images.
    outcomes : list of str
        Outcome of each image.
    counts : dict of str to int
        Total number of images of each outcome.
    """

    rows: list[int]
    outcomes: list[str]
    counts: dict[str, int]


def most_confident_of(predictions: Predictions, n_images: int) -> MostConfident:
    """Choose up to ``n_images`` images of each outcome, the most confident first."""
    score = np.asarray(predictions.score)
    confident = MostConfident([], [], {})
    for outcome, (truly, said) in _OUTCOMES.items():
        found = np.flatnonzero((predictions.positive == truly) & (predictions.predicted == said))
        order = np.argsort(score[found] * (-1 if said else 1), kind="stable")[:n_images]
        confident.rows.extend(found[order].tolist())
        confident.outcomes.extend([outcome] * len(order))
        confident.counts[outcome] = len(found)
    return confident
