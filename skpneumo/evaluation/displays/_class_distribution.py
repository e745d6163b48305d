"""Plot the number of images of each class, before and after rebalancing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._formatting import require_one_name_each
from skpneumo._plotting import (
    BLUE,
    HATCHES,
    ORANGE,
    axes_for,
    figure_of,
    plain,
    tick_labels,
    tidy,
)
from skpneumo._predictions import check_labels
from skpneumo._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ClassDistributionDisplay"]


class ClassDistributionDisplay:
    """Bar chart of the number of images of each class.

    Create it with :meth:`from_estimator` or :meth:`from_labels`.

    Parameters
    ----------
    classes : sequence of str
        Names of the classes.
    counts : mapping of str to array-like of shape (n_classes,)
        Number of images of each class, for each series of bars, such as "before" and "after".

    Attributes
    ----------
    bars_ : list of BarContainer
        One per series.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo.evaluation import ClassDistributionDisplay
    >>> display = ClassDistributionDisplay.from_labels(
    ...     [0, 1, 1, 1], [0, 1], target_names=["NORMAL", "PNEUMONIA"])
    >>> {name: counts.tolist() for name, counts in display.counts.items()}
    {'before': [1, 3], 'after': [1, 1]}
    """

    def __init__(self, classes: Sequence[str], counts: Mapping[str, ArrayLike]) -> None:
        self.classes = list(classes)
        self.counts = {name: np.asarray(values) for name, values in counts.items()}

    @classmethod
    def from_estimator(
        cls,
        sampler: Any,
        X: Any,
        y: ArrayLike,
        *,
        target_names: Sequence[str] | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Resample, and plot the classes before and after.

        Parameters
        ----------
        sampler : estimator with ``fit_resample``
            An :class:`~skpneumo.ImageResampler` or a sampler of imbalanced-learn, which is fitted.
        X : array-like of length n_images
            Paths, images or features.
        y : array-like of shape (n_images,)
            Labels.
        target_names : sequence of str, default=None
            Names of the classes, in their sorted order.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ClassDistributionDisplay
        """
        _, resampled = sampler.fit_resample(X, y)
        return cls.from_labels(y, resampled, target_names=target_names, ax=ax)

    @classmethod
    def from_labels(
        cls,
        y: ArrayLike,
        y_resampled: ArrayLike | None = None,
        *,
        target_names: Sequence[str] | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Count labels and plot the counts.

        Parameters
        ----------
        y : array-like of shape (n_images,)
            Labels.
        y_resampled : array-like of shape (n_resampled,), default=None
            Labels after rebalancing.
        target_names : sequence of str, default=None
            Names of the classes, in their sorted order.
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ClassDistributionDisplay

        Raises
        ------
        ValueError
            If the number of names is not that of the classes.
        """
        before: NDArray[Any] = check_labels(y)
        series = {"images": before}
        if y_resampled is not None:
            series = {"before": before, "after": check_labels(y_resampled, "y_resampled")}
        classes = np.unique(np.concatenate(list(series.values())))
        if target_names is not None:
            require_one_name_each(target_names, classes.tolist())
        counts = {
            name: np.array([np.count_nonzero(labels == each) for each in classes])
            for name, labels in series.items()
        }
        names = classes if target_names is None else target_names
        return cls([str(name) for name in names], counts).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on; those of a new figure by default.

        Returns
        -------
        display : ClassDistributionDisplay
        """
        ax = axes_for(ax, figsize=(1.8 + 1.6 * len(self.classes), 3.8))
        width = 0.8 / len(self.counts)
        places = np.arange(len(self.classes))
        self.bars_ = []
        for i, (name, counts) in enumerate(self.counts.items()):
            bars = ax.bar(
                places + (i - (len(self.counts) - 1) / 2) * width,
                counts,
                width,
                label=plain(name),
                color=(BLUE, ORANGE)[i % 2],
                hatch=HATCHES[i % len(HATCHES)],
                edgecolor="white",
            )
            ax.bar_label(bars, labels=[f"{count:,}" for count in counts], padding=2)
            self.bars_.append(bars)
        ax.set_xticks(places, tick_labels(self.classes))
        ax.set_ylabel("images")
        ax.margins(y=0.12)
        tidy(ax)
        if len(self.counts) > 1:
            ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self
