"""Mixins that make the searches of scikit-learn resumable."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import joblib
import numpy as np
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV

from skpneumo._documentation import DocumentationLinks
from skpneumo._files import require_writable_folder, temporary_folder
from skpneumo._sklearn import (
    BaseSearchCV,
    Interval,
    _fit_context,
    _yields_constant_splits,
    search_fit,
)
from skpneumo.tuning._continuing import check_continuable
from skpneumo.tuning._device_slots import holds_slot
from skpneumo.tuning._evaluation import SearchRun, evaluate
from skpneumo.tuning._keys import data_key, key_of
from skpneumo.tuning._predictions import predictions_table
from skpneumo.tuning._termination import ending_with_workers

__all__ = ["CONSTRAINTS", "ContinuedHalving", "ResumableSearch"]

CONSTRAINTS: dict[str, list[Any]] = {
    "store": [str, os.PathLike, None],
    "store_predictions": ["boolean"],
    "device_slots": [Interval(Integral, 1, None, closed="left"), None],
}

# Parameters that affect neither the candidates of a search nor their training.
_IRRELEVANT_TO_TRAINING = {
    "cv", "device_slots", "n_jobs", "pre_dispatch", "refit", "return_train_score", "scoring",
    "store", "store_predictions", "verbose",
}  # fmt: skip


class ResumableSearch(DocumentationLinks, BaseSearchCV):
    """Mixin between a search of scikit-learn and its base class."""

    store: Any
    store_predictions: bool
    device_slots: int | None

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Evaluate all candidates without a result in the store, and refit the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the estimator, usually paths of images.
        y : array-like of shape (n_samples,), default=None
            Labels.
        **params : dict of str to object
            Passed to the ``fit`` of the estimator, to the scorer and, as ``groups``, to the
            splitter.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If there is a store, but folds or candidates would differ in the next run.
        TypeError
            If there is a store, but something that a result depends on could not be identified in
            the next run; or if predictions are to be stored, but the estimator has no ``predict``.
        ImportError
            If this version of scikit-learn is not supported.
        """
        if self.store is not None:
            self._check_repeatable()
        with ending_with_workers(self._termination_message()), self._running(X, y):
            return search_fit(evaluate)(self, X, y, **params)

    def _termination_message(self) -> str:
        rest = "It has no store, so nothing is saved."
        if self.store is not None:
            rest = f"Finished fits are in {self.store}; the same search continues there."
        return f"skpneumo: the search was terminated. {rest}"

    @contextmanager
    def _running(self, X: Any, y: Any) -> Iterator[None]:
        """Prepare the information that the evaluating processes read from this object."""
        store = None if self.store is None else _folder(self.store)
        key = None
        if store is not None or self._continues():
            labels = None if y is None else joblib.hash(np.asarray(y))
            scoring = None if store is None else self.scoring  # training does not depend on it
            key = key_of(data=data_key(X), labels=labels, scoring=scoring)
        # A search within another one must not wait for a slot that the outer search occupies.
        slots = None if holds_slot() else self.device_slots
        with self._states(store, key) as states:
            self._run = SearchRun(key, store, states, slots, self.store_predictions)
            try:
                yield
            finally:
                del self._run

    @contextmanager
    def _states(self, store: Path | None, key: str | None) -> Iterator[Path | None]:
        """Provide a folder for the states that training continues from; None if it does not."""
        if not self._continues():
            yield None
        elif store is None:
            with temporary_folder(Path(tempfile.gettempdir()), "skpneumo-states") as folder:
                yield folder
        else:
            # Another search may train the same candidate over other rungs.
            name = key_of(search=key, parameters=self._schedule())
            yield store / "unfinished" / name
            # Not after an interruption, because the next run continues from the states.
            shutil.rmtree(store / "unfinished" / name, ignore_errors=True)

    def _continues(self) -> bool:
        return False

    def _schedule(self) -> dict[str, Any]:
        """Return the parameters that determine the candidates and their rungs."""
        parameters = self.get_params(deep=False)
        return {name: parameters[name] for name in parameters.keys() - _IRRELEVANT_TO_TRAINING}

    def _check_repeatable(self) -> None:
        if hasattr(self.cv, "split") and not _yields_constant_splits(self.cv):
            raise ValueError(
                f"store={str(self.store)!r}, but cv={self.cv} makes other folds in each run, so "
                "results would not be found again. Pass an integer random_state to it."
            )
        samples = isinstance(self, (RandomizedSearchCV, HalvingRandomSearchCV))
        samples = samples or getattr(self, "resource", None) == "n_samples"
        if samples and not isinstance(self.random_state, Integral):
            raise ValueError(
                f"store={str(self.store)!r}, but random_state={self.random_state!r} gives other "
                "samples in each run, so results would not be found again. Set it to an integer."
            )

    def _format_results(
        self,
        candidate_params: list[dict[str, Any]],
        n_splits: int,
        out: list[dict[str, Any]],
        more_results: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        results = super()._format_results(candidate_params, n_splits, out, more_results)
        peaks = np.reshape([each["peak_memory_mb"] for each in out], (-1, n_splits))
        results["peak_memory_mb"] = peaks.max(axis=1)
        self.n_restored_ = sum(each["restored"] for each in out)
        self.__dict__.pop("predictions_", None)  # of an earlier fit
        if self.store_predictions:
            each_fit = [each.get("predictions") for each in out]
            self.predictions_ = predictions_table(each_fit, n_splits)
        return results


class ContinuedHalving:
    """Mixin of the halving searches, before the classes of scikit-learn."""

    estimator: Any
    resource: str
    continue_training: bool
    refit: Any

    def _continues(self) -> bool:
        return self.continue_training

    def _check_input_parameters(self, X: Any, y: Any, split_params: Any) -> None:
        if callable(self.refit):  # which scikit-learn ignores
            name = getattr(self.refit, "__name__", self.refit)
            raise ValueError(
                f"refit={name} would not be used: a search by halving selects by a single score "
                "at each rung. Set refit=True; or refit=False, and choose from cv_results_; or "
                "use a search without halving."
            )
        if self.continue_training:
            check_continuable(self.estimator, self.resource)
        super()._check_input_parameters(X=X, y=y, split_params=split_params)  # type: ignore[misc]


def _folder(store: Any) -> Path:
    if not os.fspath(store):
        raise ValueError(
            "store='' is empty, as from a variable that is not set. Name a folder, or pass None."
        )
    folder = Path(os.path.expanduser(store)).absolute()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(
            f"store={str(store)!r} is a file; expected a folder. Name a folder."
        )
    if not folder.exists():
        require_writable_folder(folder, "the results of the search")
        folder.mkdir(parents=True, exist_ok=True)
    return folder
