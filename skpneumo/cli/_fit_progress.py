"""Show the progress of a fit in words, with a callback of scikit-learn."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skpneumo._progress import ProgressLine, may_show, time_left

__all__ = ["FitProgress", "fit_progress"]

_OF_A_SEARCH = "search"


@contextmanager
def fit_progress(estimator: Any, description: str, *, quiet: bool = False) -> Iterator[None]:
    """Show the progress of a fit: the current epoch or fit, the loss, and the time left.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted. Without support for callbacks, only the description is shown.
    description : str
        Name of the task, such as "Training robust".
    quiet : bool, default=False
        Show nothing, because the fit shows its own progress.

    Examples
    --------
    >>> from skpneumo.cli._fit_progress import fit_progress
    >>> with fit_progress(None, "Training"):
    ...     pass
    """
    if quiet or not may_show():
        yield
        return
    with ProgressLine(description) as line:
        if not hasattr(estimator, "set_callbacks"):
            yield
            return
        estimator.set_callbacks(FitProgress(line, description, _depth(estimator)))
        try:
            yield
        finally:
            estimator.set_callbacks()  # callbacks must not be saved with the model


def _depth(estimator: Any) -> int:
    """Count the nested estimators that report their epochs; others would cause warnings.

    Of a search, only the fits are reported.
    """
    if hasattr(estimator, "cv_results_") or hasattr(estimator, "refit"):
        return 0
    inner = getattr(estimator, "estimator", None)
    if hasattr(estimator, "steps"):
        inner = estimator.steps[-1][1]
    return 1 + _depth(inner) if hasattr(inner, "set_callbacks") else 0


class FitProgress:
    """Callback that shows the current epoch or fit, the loss, and the time left.

    It works in the process of the fit, for the command line.

    Parameters
    ----------
    line : ProgressLine
        The line to update.
    description : str
        Name of the task.
    max_propagation_depth : int or None
        Number of levels of nested estimators that report their epochs; None means all.

    Examples
    --------
    >>> from skpneumo.cli._fit_progress import FitProgress
    >>> from skpneumo._progress import ProgressLine
    >>> callback = FitProgress(ProgressLine("Training"), "Training", None)
    """

    def __init__(
        self, line: ProgressLine, description: str, max_propagation_depth: int | None
    ) -> None:
        self._line = line
        self._description = description
        self.max_propagation_depth = max_propagation_depth
        self._place: dict[tuple[Any, ...], dict[Any, int]] = {}

    def setup(self, estimator: Any, context: Any) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Forget the fit."""
        self._place.clear()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Number each task among its siblings, whatever its id."""
        self._number(context)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Update the line."""
        said = self._said_of(context, getattr(context, "logs", {}))
        if said:
            left = time_left(self._share_done(context), 1, time.monotonic() - self._start)
            self._line.update(f"{self._description}: {said}{left}")

    def _said_of(self, context: Any, logs: dict[str, float]) -> str:
        if context.task_name == "epoch":
            said = f"epoch {self._number(context)} of {context.parent.max_subtasks}"
            loss = f", loss {logs['loss']:.2f}".replace("0.", ".", 1) if "loss" in logs else ""
            return f"{self._fold_of(context)}{said}{loss}"
        if context.parent is not None and context.parent.task_name == _OF_A_SEARCH:
            return f"fit {self._number(context)} of {context.parent.max_subtasks}"
        return ""

    def _fold_of(self, context: Any) -> str:
        """Name the current model, if the fit trains several in turn."""
        for each in _path(context)[1:-1]:
            if (each.parent.max_subtasks or 0) > 1 and "fold" in each.parent.task_name:
                return f"model {self._number(each)} of {each.parent.max_subtasks}, "
        return ""

    def _number(self, context: Any) -> int:
        *outer, own = (each.task_id for each in _path(context))
        siblings = self._place.setdefault(tuple(outer), {})
        return siblings.setdefault(own, len(siblings)) + 1

    def _share_done(self, context: Any) -> float:
        """Estimate the completed share of the fit, if all tasks of a level take equally long."""
        done, size = 0.0, 1.0
        for each in _path(context)[1:]:
            if n := each.parent.max_subtasks:
                size /= n
                done += (self._number(each) - 1) * size
        return done + size


def _path(context: Any) -> list[Any]:
    """Get the task and its parents, the outermost first."""
    return [] if context is None else [*_path(context.parent), context]
