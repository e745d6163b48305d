"""Plot the images with the worst errors of a model."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import class_name
from skpneumo._image_drawing import black_and_white, draw_image, images_of, names_of
from skpneumo._loader_of import loader_of
from skpneumo._plotting import (
    NEGATIVE,
    POSITIVE,
    axes_for,
    divide,
    figure_of,
    require_some,
)
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._typing import ArrayLike
from skpneumo.loading import ImageLoader

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ErrorGalleryDisplay"]


class ErrorGalleryDisplay:
    """Plot of the misses and false alarms with the highest confidence, worst first.

    It helps to see whether they share a border, a letter in the corner or a wrong label. Create it
    with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    misses, false_alarms : ndarray of shape (n, height, width, channels)
        Positive images predicted negative, and negative ones predicted positive, worst first.
    miss_captions, false_alarm_captions : list of list of str
        Lines above each image.
    n_misses, n_false_alarms : int
        Total number of each kind of error.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (n_kinds, n_columns)
        Axes of the images, misses in the first row; unused ones are hidden.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.evaluation import ErrorGalleryDisplay
    >>> X = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    >>> display = ErrorGalleryDisplay.from_predictions(X, [0, 0, 1, 1], [0.1, 0.9, 0.2, 0.8])
    >>> display.n_misses, display.n_false_alarms
    (1, 1)
    """

    def __init__(
        self,
        misses: NDArray[Any],
        false_alarms: NDArray[Any],
        miss_captions: list[list[str]],
        false_alarm_captions: list[list[str]],
        n_misses: int,
        n_false_alarms: int,
    ) -> None:
        self.misses = misses
        self.false_alarms = false_alarms
        self.miss_captions = miss_captions
        self.false_alarm_captions = false_alarm_captions
        self.n_misses = n_misses
        self.n_false_alarms = n_false_alarms

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n_images: int = 5,
        pos_label: Any = None,
        threshold: float | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Predict, and plot the worst errors.

        Parameters
        ----------
        estimator : fitted classifier
            With ``predict_proba`` or ``decision_function``.
        X : array-like of length n_images
            Input of the estimator: paths, or images of shape (n, height, width, channels).
        y : array-like of shape (n_images,)
            True labels.
        n_images : int, default=5
            Largest number of misses, and of false alarms, to plot.
        pos_label : label, default=None
            The positive class; by default the one that the estimator's threshold applies to, or
            else the illness by the names of the two.
        threshold : float, default=None
            Scores from this value on count as positive; by default the estimator's ``predict``
            decides.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : ErrorGalleryDisplay
        """
        labels = np.asarray(y)
        predictions = predictions_of(
            estimator,
            X,
            labels,
            groups=np.arange(len(labels)),  # patients are not shown
            pos_label=pos_label,
            threshold=threshold,
        )
        return cls._of(predictions, X, labels, n_images, loader_of(estimator)).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: ArrayLike,
        y_score: ArrayLike,
        y_pred: ArrayLike | None = None,
        *,
        n_images: int = 5,
        pos_label: Any = None,
        threshold: float | None = None,
        loader: ImageLoader | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Plot the worst errors of given predictions.

        Parameters
        ----------
        X : array-like of length n_images
            Paths, or images of shape (n, height, width, channels).
        y_true : array-like of shape (n_images,)
            True labels.
        y_score : array-like of shape (n_images,)
            Scores of the positive class.
        y_pred : array-like of shape (n_images,), default=None
            Predicted labels; by default ``threshold`` is applied to the scores.
        n_images : int, default=5
            Largest number of misses, and of false alarms, to plot.
        pos_label : label, default=None
            The positive class; by default 1 if the labels are 0/1 or -1/1, or else the greater
            label if that is the illness by its name.
        threshold : float, default=None
            Scores from this value on count as positive; by default 0.5 for probabilities.
        loader : ImageLoader, default=None
            Says what the values of files mean, by its ``dicom_window`` and ``white``, such as
            ``ImageLoader(white=4095)``; its size does not matter. By default as ``ImageLoader()``.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : ErrorGalleryDisplay
        """
        predictions = Predictions.of(
            y_true,
            y_score,
            y_pred,
            groups=np.arange(len(np.asarray(y_true))),  # patients are not shown
            pos_label=pos_label,
            threshold=threshold,
        )
        return cls._of(predictions, X, np.asarray(y_true), n_images, loader).plot(ax=ax)

    @classmethod
    def _of(
        cls,
        predictions: Predictions,
        X: Any,
        labels: NDArray[Any],
        n_images: int,
        loader: ImageLoader | None,
    ) -> Self:
        require_some(n_images, "n_images")
        score = predictions.score
        if score is None:
            raise ValueError(
                "The worst errors are found by scores, but the classifier only predicts labels. "
                "Use one with predict_proba or decision_function."
            )
        positive, predicted = predictions.positive, predictions.predicted
        missed = np.flatnonzero(positive & ~predicted)
        alarmed = np.flatnonzero(~positive & predicted)
        worst_missed = missed[np.argsort(score[missed], kind="stable")][:n_images]
        worst_alarmed = alarmed[np.argsort(-score[alarmed], kind="stable")][:n_images]

        def captions(rows: NDArray[np.intp]) -> list[list[str]]:
            what = "p" if predictions.has_probabilities else "score"
            return [
                [name, f"{class_name(labels[row])}, {what} = {score[row]:.3f}"]
                for name, row in zip(names_of(X, rows), rows, strict=True)
            ]

        return cls(
            images_of(X, worst_missed, loader) if len(worst_missed) else np.empty((0, 1, 1, 1)),
            images_of(X, worst_alarmed, loader) if len(worst_alarmed) else np.empty((0, 1, 1, 1)),
            captions(worst_missed),
            captions(worst_alarmed),
            len(missed),
            len(alarmed),
        )

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : ErrorGalleryDisplay
        """
        kinds = (
            (self.misses, self.miss_captions, self.n_misses, "misses", POSITIVE),
            (
                self.false_alarms,
                self.false_alarm_captions,
                self.n_false_alarms,
                "false alarms",
                NEGATIVE,
            ),
        )
        # The title replaces an empty row.
        drawn = [kind for kind in kinds if len(kind[0])]
        none = " and ".join(f"no {what}" for images, _, _, what, _ in kinds if not len(images))
        n_rows, n_columns = len(drawn), max(len(self.misses), len(self.false_alarms))
        height = 2.5 * n_rows + 0.4 if drawn else 0.8
        ax = axes_for(ax, figsize=(max(2.1 * n_columns, 4.2) + 0.3, height))
        ax.set_title(f"There are {none}." if none else "", fontsize=10)
        if drawn:
            self.axes_ = divide(ax, n_rows, n_columns)
        else:
            self.axes_ = np.empty((0, 0), dtype=object)
            ax.set_axis_off()
        limits = black_and_white(images for images, *_ in drawn)
        for panels, (images, captions, n, what, color) in zip(self.axes_, drawn, strict=True):
            for panel, image, lines in zip(panels, images, captions, strict=False):
                draw_image(panel, image, limits, lines)
            for panel in panels[len(images) :]:
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set_visible(False)
            panels[0].set_ylabel(f"{len(images)} of {n} {what}", color=color, fontsize=10)
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self
