"""Gallery of heat maps of true and false positives and negatives."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._plotting import (
    NEGATIVE,
    POSITIVE,
    axes_for,
    divide,
    figure_of,
)
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._sklearn import _safe_indexing
from skpneumo._typing import ArrayLike
from skpneumo.explanation._methods import maps_by
from skpneumo.explanation._model import require_probabilities, require_target
from skpneumo.explanation._source_images import SourceImage, source_images
from skpneumo.explanation.displays._captions import Subject, subject_said
from skpneumo.explanation.displays._overlay import common_limit, draw_colour_bar, draw_overlay
from skpneumo.fitted import positive_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HeatMapGalleryDisplay"]

# Whether truly of the class, and whether called so.
_OUTCOMES = {
    "found": (True, True),
    "missed": (True, False),
    "false alarms": (False, True),
    "rightly cleared": (False, False),
}


class HeatMapGalleryDisplay:
    """True and false positives and negatives with their heat maps, the most confident first.

    All maps share one scale: evidence for the class is vermillion, against it blue. Make one
    with :meth:`from_estimator`.

    Parameters
    ----------
    sources : list of SourceImage
        The images.
    maps : ndarray of shape (n_images, height, width)
        Their heat maps.
    captions : list of list of str
        Lines above each image.
    outcomes : list of {"found", "missed", "false alarms", "rightly cleared"}
        Whose row each image is in.
    counts : dict of str to int
        How many images of each outcome there are in all.
    target_name : str
        The class that the maps are about.
    method : str
        Name of the method.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_outcomes, n_columns)
        Axes of the images, a row an outcome; the title names outcomes that do not occur.
    bar_ : Colorbar
        The scale.
    ax_ : Axes
        The place that was divided among them.
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
        target: Any = None,
        target_names: Sequence[str] | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Predict, explain the most confident images of each outcome, and draw them.

        Parameters
        ----------
        estimator : fitted classifier with ``predict_proba``
            A pipeline from paths or images.
        X : array-like of length n_images
            Paths, which are drawn at their own resolution, or images.
        y : array-like of shape (n_images,)
            True labels.
        method : str, default="occlusion"
            Name of the method, as in :class:`HeatMapDisplay`.
        n_images : int, default=4
            How many images of each outcome to draw at most.
        target : label, default=None
            The class that counts as positive; the second of two by default.
        target_names : sequence of str, default=None
            Names of the classes, in the order of ``classes_``.
        ax : Axes, default=None
            Axes whose place to fill; those of a new figure by default.

        Returns
        -------
        display : HeatMapGalleryDisplay

        Raises
        ------
        ValueError
            If there is no such method or class, ``n_images`` is less than 1, or labels and
            images do not fit.
        """
        require_probabilities(estimator)
        require_target(estimator, target)
        if n_images < 1:
            raise ValueError(f"n_images={n_images} would draw nothing; expected 1 or more.")
        labels = np.asarray(y)
        predictions = predictions_of(
            estimator,
            X,
            labels,
            groups=np.arange(len(labels)),  # Patients do not matter here.
            pos_label=positive_label(estimator, target, name="target"),
        )
        surest = surest_of(predictions, n_images)
        chosen = _safe_indexing(X, surest.rows)
        subject = subject_said(
            estimator,
            np.asarray(predictions.score)[surest.rows],
            labels[surest.rows],
            predictions.pos_label,
            target_names,
        )
        maps = maps_by(method, estimator, chosen, predictions.pos_label)
        return cls._of(estimator, X, surest, maps, subject, method).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        estimator: Any,
        X: Any,
        surest: "Surest",
        maps: NDArray[Any],
        subject: Subject,
        method: str,
    ) -> Self:
        """Collect the most confident images, their maps and captions, without drawing."""
        sources = source_images(estimator, _safe_indexing(X, surest.rows))
        captions = [subject.lines(row, source.name) for row, source in enumerate(sources)]
        return cls(sources, maps, captions, surest.outcomes, surest.counts, subject.name, method)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : Axes, default=None
            Axes whose place to fill; those of a new figure by default.

        Returns
        -------
        display : HeatMapGalleryDisplay
        """
        n_columns = max(self.outcomes.count(outcome) for outcome in self.counts)
        limit = common_limit(self.maps)
        # An empty row would say no more than a line does.
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
                    panel, self.sources[row], self.maps[row], limit, self.captions[row]
                )
            for panel in panels[len(rows) :]:
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set_visible(False)
            color = POSITIVE if _OUTCOMES[outcome][1] else NEGATIVE
            panels[0].set_ylabel(f"{outcome}\n{len(rows)} of {count}", color=color, fontsize=9)
        self.bar_ = draw_colour_bar(
            drawn,
            f"evidence for {self.target_name}, by {self.method}",
            ax=list(self.axes_.ravel()),
            panchor=False,
            location="right",
            shrink=0.4,
            aspect=30,
        )
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self


class Surest(NamedTuple):
    """The images of each outcome that a classifier was surest of.

    Attributes
    ----------
    rows : list of int
        Which images these are.
    outcomes : list of str
        The outcome of each.
    counts : dict of str to int
        How many images of each outcome there are in all.
    """

    rows: list[int]
    outcomes: list[str]
    counts: dict[str, int]


def surest_of(predictions: Predictions, n_images: int) -> Surest:
    """Choose that many images of each outcome at most, the surest first."""
    score = np.asarray(predictions.score)
    surest = Surest([], [], {})
    for outcome, (truly, said) in _OUTCOMES.items():
        found = np.flatnonzero((predictions.positive == truly) & (predictions.predicted == said))
        order = np.argsort(score[found] * (-1 if said else 1), kind="stable")[:n_images]
        surest.rows.extend(found[order].tolist())
        surest.outcomes.extend([outcome] * len(order))
        surest.counts[outcome] = len(found)
    return surest
