"""Plot deletion and insertion curves of one or several methods."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from skpneumo._plotting import (
    CYCLE,
    LINE_STYLES,
    axes_for,
    divide,
    figure_of,
    tidy,
)
from skpneumo._typing import ArrayLike
from skpneumo.explanation._deletion_insertion import DeletionInsertion, deletion_insertion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DeletionInsertionDisplay"]


class DeletionInsertionDisplay:
    """Plot of the mean probability as the most important pixels of a map are hidden or shown.

    Create it with :meth:`from_estimator`.

    Parameters
    ----------
    curves : mapping of str to DeletionInsertion
        The curves of each method.

    Attributes
    ----------
    axes_ : ndarray of Axes, shape (2,)
        Deletion on the left, insertion on the right.
    lines_ : dict of str to list of Line2D
        The two lines of each method.
    ax_ : Axes
        The axes that were divided into panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import DeletionInsertionDisplay, grad_cam
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> maps = {"hires_cam": grad_cam(pipe, xrays.filenames)}
    >>> display = DeletionInsertionDisplay.from_estimator(pipe, xrays.filenames, maps)
    >>> [ax.get_title() for ax in display.axes_]
    ['deletion', 'insertion']
    """

    def __init__(self, curves: Mapping[str, DeletionInsertion]) -> None:
        self.curves = dict(curves)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        maps: Mapping[str, NDArray[Any]],
        *,
        target: Any = None,
        fill: ArrayLike = 0.0,
        ax: "Axes | None" = None,
    ) -> Self:
        """Compute and plot the curves.

        Parameters
        ----------
        estimator : fitted classifier with ``predict_proba``
            The classifier that the maps explain.
        X : array-like of length n_images
            Paths or images.
        maps : mapping of str to ndarray of shape (n_images, height, width)
            Heat maps by the name of the method.
        target : label, default=None
            The class whose probability is computed; by default the positive one of two.
        fill : float or array of shape (height, width, channels), default=0.0
            Replacement for hidden pixels, as in :func:`deletion_insertion`.
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : DeletionInsertionDisplay
        """
        curves = {
            name: deletion_insertion(estimator, X, each, target=target, fill=fill)
            for name, each in maps.items()
        }
        return cls(curves).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to divide into panels; those of a new figure by default.

        Returns
        -------
        display : DeletionInsertionDisplay
        """
        ax = axes_for(ax, figsize=(8.4, 3.6))
        self.axes_ = divide(ax, 1, 2)[0]
        self.lines_: dict[str, list[Any]] = {name: [] for name in self.curves}
        for panel, kind, share in zip(
            self.axes_, ("deletion", "insertion"), ("hidden", "shown"), strict=True
        ):
            for i, (name, curves) in enumerate(self.curves.items()):
                heights, areas = getattr(curves, kind), getattr(curves, f"{kind}_area")
                (line,) = panel.plot(
                    100 * curves.shares,
                    heights.mean(axis=0),
                    color=CYCLE[i % len(CYCLE)],
                    linestyle=LINE_STYLES[i % len(LINE_STYLES)],
                    label=f"{name}, area {areas.mean():.3f}",
                )
                low, high = np.quantile(heights, [0.25, 0.75], axis=0)
                panel.fill_between(
                    100 * curves.shares, low, high, color=line.get_color(), alpha=0.12, linewidth=0
                )
                self.lines_[name].append(line)
            panel.set(title=kind, xlabel=f"% of the pixels {share}", ylim=(-0.02, 1.02))
            tidy(panel)
            panel.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.2))
        self.axes_[0].set_ylabel("probability, mean and middle half")
        self.ax_, self.figure_ = ax, figure_of(ax)
        return self
