"""scikit-learn's four searches, with a store, device slots and continued training."""

from typing import Any, ClassVar

import numpy as np
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)

from skpneumo.tuning._resumable import CONSTRAINTS, ContinuedHalving, ResumableSearch

__all__ = [
    "ResumableGridSearchCV",
    "ResumableHalvingGridSearchCV",
    "ResumableHalvingRandomSearchCV",
    "ResumableRandomizedSearchCV",
]


class ResumableGridSearchCV(GridSearchCV, ResumableSearch):
    """Search over a grid that continues after an interruption.

    A :class:`sklearn.model_selection.GridSearchCV` that saves each result when it is there.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_grid : dict or list of dict
        Values to try by parameter.
    store : path-like or None, default=None
        Folder of results, made if it is not there: a file for each candidate and fold, written
        when that fit is done. A search that was killed continues after them when it is repeated.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a folder that all of them see. None: nothing is saved.
    store_predictions : bool, default=False
        Also predict each test fold, for ``predictions_``, and save that in the store if there is
        one.
    device_slots : int or None, default=None
        Fits at a time on the devices of one machine, in all of its processes together, whatever
        ``n_jobs`` is. None: no limit.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score : object
        As in :class:`sklearn.model_selection.GridSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.GridSearchCV`, and ``peak_memory_mb``:
        for each candidate the most memory that was resident, in MiB, in the process that
        evaluated it, over its folds. It is all of the process, earlier fits included.
    n_restored_ : int
        Fits whose results were in the store.
    predictions_ : DataFrame
        Predictions out of fold, if ``store_predictions``: a line for each candidate, fold and row
        of its test set. Columns ``candidate``, its place in ``cv_results_``; ``fold``; ``row``,
        the place in ``X``; ``y_pred``; and, of a classifier with probabilities, one for each
        class, such as ``proba_1``. Fits that failed have none.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_ : object
        As in scikit-learn.

    See Also
    --------
    ResumableHalvingGridSearchCV : Spends less on candidates that do badly.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo import CNNClassifier, ImageLoader, PatientKFold, Pipeline
    >>> from skpneumo import ResumableGridSearchCV, make_chest_xray
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> cnn = CNNClassifier(filters=(4,), dense_units=(), epochs=1, random_state=0)
    >>> pipe = Pipeline([("load", ImageLoader(size=16)), ("cnn", cnn)])
    >>> with TemporaryDirectory() as folder:
    ...     search = ResumableGridSearchCV(
    ...         pipe,
    ...         {"cnn__learning_rate": [0.01, 0.001]},
    ...         cv=PatientKFold(2),
    ...         scoring="recall",
    ...         store=folder,
    ...     )
    ...     first = search.fit(xrays.filenames, xrays.target).n_restored_
    ...     first, search.fit(xrays.filenames, xrays.target).n_restored_
    (0, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **GridSearchCV._parameter_constraints,
        **CONSTRAINTS,
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        store: Any = None,
        store_predictions: bool = False,
        device_slots: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.store = store
        self.store_predictions = store_predictions
        self.device_slots = device_slots


class ResumableRandomizedSearchCV(RandomizedSearchCV, ResumableSearch):
    """Search over random candidates that continues after an interruption.

    A :class:`sklearn.model_selection.RandomizedSearchCV` that saves each result when it is there.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_distributions : dict or list of dict
        Lists or distributions to sample from by parameter.
    n_iter : int, default=10
        Number of candidates. A search that is repeated with more finds those that both have.
    store : path-like or None, default=None
        Folder of results, made if it is not there: a file for each candidate and fold, written
        when that fit is done. A search that was killed continues after them when it is repeated.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a folder that all of them see. None: nothing is saved.
    store_predictions : bool, default=False
        Also predict each test fold, for ``predictions_``, and save that in the store if there is
        one.
    device_slots : int or None, default=None
        Fits at a time on the devices of one machine, in all of its processes together, whatever
        ``n_jobs`` is. None: no limit.
    random_state : int, RandomState instance or None, default=None
        Source of the candidates. An integer is needed with a store.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score : object
        As in :class:`sklearn.model_selection.RandomizedSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.RandomizedSearchCV`, and ``peak_memory_mb``:
        for each candidate the most memory that was resident, in MiB, in the process that
        evaluated it, over its folds. It is all of the process, earlier fits included.
    n_restored_ : int
        Fits whose results were in the store.
    predictions_ : DataFrame
        Predictions out of fold, if ``store_predictions``: a line for each candidate, fold and row
        of its test set. Columns ``candidate``, its place in ``cv_results_``; ``fold``; ``row``,
        the place in ``X``; ``y_pred``; and, of a classifier with probabilities, one for each
        class, such as ``proba_1``. Fits that failed have none.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_ : object
        As in scikit-learn.

    See Also
    --------
    ResumableHalvingRandomSearchCV : Spends less on candidates that do badly.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo import CNNClassifier, ImageLoader, PatientKFold, Pipeline
    >>> from skpneumo import ResumableRandomizedSearchCV, make_chest_xray
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> cnn = CNNClassifier(filters=(4,), dense_units=(), epochs=1, random_state=0)
    >>> pipe = Pipeline([("load", ImageLoader(size=16)), ("cnn", cnn)])
    >>> with TemporaryDirectory() as folder:
    ...     search = ResumableRandomizedSearchCV(
    ...         pipe,
    ...         {"cnn__learning_rate": [0.01, 0.003, 0.001]},
    ...         cv=PatientKFold(2),
    ...         scoring="recall",
    ...         store=folder,
    ...         n_iter=2,
    ...         random_state=0,
    ...     )
    ...     first = search.fit(xrays.filenames, xrays.target).n_restored_
    ...     first, search.fit(xrays.filenames, xrays.target).n_restored_
    (0, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RandomizedSearchCV._parameter_constraints,
        **CONSTRAINTS,
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        store: Any = None,
        store_predictions: bool = False,
        device_slots: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.store = store
        self.store_predictions = store_predictions
        self.device_slots = device_slots


class ResumableHalvingGridSearchCV(ContinuedHalving, HalvingGridSearchCV, ResumableSearch):
    """Search over a grid by halving that continues after an interruption.

    :class:`sklearn.model_selection.HalvingGridSearchCV`: all candidates get a little of a
    resource, the best third of them more, and so on. Each result is saved when it is there, and
    with ``continue_training`` a candidate need not learn again what it learned on the last rung.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_grid : dict or list of dict
        Values to try by parameter.
    resource : str, default="n_samples"
        What grows from rung to rung; ``"cnn__epochs"`` of a pipeline whose last step is ``cnn``.
    max_resources : int or "auto", default="auto"
        What the last rung has at most; needed unless ``resource`` is ``"n_samples"``.
    continue_training : bool, default=False
        Continue the training of a candidate where its last rung ended, instead of training it
        from scratch. See Notes.
    store : path-like or None, default=None
        Folder of results, made if it is not there: a file for each candidate and fold, written
        when that fit is done. A search that was killed continues after them when it is repeated.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a folder that all of them see. None: nothing is saved.
    store_predictions : bool, default=False
        Also predict each test fold, for ``predictions_``, and save that in the store if there is
        one.
    device_slots : int or None, default=None
        Fits at a time on the devices of one machine, in all of its processes together, whatever
        ``n_jobs`` is. None: no limit.
    factor, min_resources, aggressive_elimination, cv, scoring, refit, error_score, \
return_train_score, random_state, n_jobs, verbose : object
        As in :class:`sklearn.model_selection.HalvingGridSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.HalvingGridSearchCV`, and ``peak_memory_mb``:
        for each candidate the most memory that was resident, in MiB, in the process that
        evaluated it, over its folds. It is all of the process, earlier fits included.
    n_restored_ : int
        Fits whose results were in the store.
    predictions_ : DataFrame
        Predictions out of fold, if ``store_predictions``: a line for each candidate, fold and row
        of its test set. Columns ``candidate``, its place in ``cv_results_``; ``fold``; ``row``,
        the place in ``X``; ``y_pred``; and, of a classifier with probabilities, one for each
        class, such as ``proba_1``. Fits that failed have none.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_ : object
        As in scikit-learn.
    n_resources_, n_candidates_ : list of int
        By rung.

    See Also
    --------
    ResumableHalvingRandomSearchCV : Samples its candidates.

    Notes
    -----
    With ``continue_training`` a candidate that reaches a rung of N epochs has been trained for N
    epochs in all, in as many pieces as there were rungs, by ``warm_start``. With
    ``schedule=None`` and no early stopping it is the same network as after one fit of N epochs,
    bit for bit where fits are repeatable. Otherwise it is not:

    - with ``schedule="cosine"`` the rate falls to zero at the end of every piece and starts high
      again in the next one (warm restarts), and warm-up is repeated;
    - with ``early_stopping`` and ``schedule="plateau"`` the count of epochs without improvement
      begins again, and what one piece restores as its best is where the next one starts.

    ``best_estimator_`` is always one fit of N epochs, so there the scores of the search are of
    training that differs from its. What has been trained is saved in the store, or else in a
    temporary folder, which has to be on the machine of all processes; it is some three times the
    size of the weights for each candidate and fold, and is removed when the search has finished.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo import CNNClassifier, ImageLoader, PatientKFold, Pipeline
    >>> from skpneumo import ResumableHalvingGridSearchCV, make_chest_xray
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> cnn = CNNClassifier(filters=(4,), dense_units=(), epochs=1, random_state=0)
    >>> pipe = Pipeline([("load", ImageLoader(size=16)), ("cnn", cnn)])
    >>> with TemporaryDirectory() as folder:
    ...     search = ResumableHalvingGridSearchCV(
    ...         pipe,
    ...         {"cnn__learning_rate": [0.01, 0.001, 0.0001]},
    ...         cv=PatientKFold(2),
    ...         scoring="recall",
    ...         store=folder,
    ...         resource="cnn__epochs",
    ...         max_resources=3,
    ...         continue_training=True,
    ...     )
    ...     first = search.fit(xrays.filenames, xrays.target).n_restored_
    ...     first, search.fit(xrays.filenames, xrays.target).n_restored_
    (0, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **HalvingGridSearchCV._parameter_constraints,
        **CONSTRAINTS,
        "continue_training": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        resource: str = "n_samples",
        max_resources: Any = "auto",
        continue_training: bool = False,
        store: Any = None,
        store_predictions: bool = False,
        device_slots: int | None = None,
        factor: float = 3,
        min_resources: Any = "exhaust",
        aggressive_elimination: bool = False,
        cv: Any = 5,
        scoring: Any = None,
        refit: Any = True,
        error_score: Any = np.nan,
        return_train_score: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            resource=resource,
            max_resources=max_resources,
            factor=factor,
            min_resources=min_resources,
            aggressive_elimination=aggressive_elimination,
            cv=cv,
            scoring=scoring,
            refit=refit,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.continue_training = continue_training
        self.store = store
        self.store_predictions = store_predictions
        self.device_slots = device_slots


class ResumableHalvingRandomSearchCV(ContinuedHalving, HalvingRandomSearchCV, ResumableSearch):
    """Search over random candidates by halving that continues after an interruption.

    :class:`sklearn.model_selection.HalvingRandomSearchCV`, to which is added what
    :class:`ResumableHalvingGridSearchCV` adds to its own; its notes hold here.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_distributions : dict or list of dict
        Lists or distributions to sample from by parameter.
    n_candidates : int or "exhaust", default="exhaust"
        Candidates on the first rung; "exhaust": so many that the last one uses the most it can.
    resource : str, default="n_samples"
        What grows from rung to rung; ``"cnn__epochs"`` of a pipeline whose last step is ``cnn``.
    max_resources : int or "auto", default="auto"
        What the last rung has at most; needed unless ``resource`` is ``"n_samples"``.
    continue_training : bool, default=False
        Continue the training of a candidate where its last rung ended, instead of training it
        from scratch. See Notes.
    store : path-like or None, default=None
        Folder of results, made if it is not there: a file for each candidate and fold, written
        when that fit is done. A search that was killed continues after them when it is repeated.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a folder that all of them see. None: nothing is saved.
    store_predictions : bool, default=False
        Also predict each test fold, for ``predictions_``, and save that in the store if there is
        one.
    device_slots : int or None, default=None
        Fits at a time on the devices of one machine, in all of its processes together, whatever
        ``n_jobs`` is. None: no limit.
    random_state : int, RandomState instance or None, default=None
        Source of the candidates. An integer is needed with a store.
    factor, min_resources, aggressive_elimination, cv, scoring, refit, error_score, \
return_train_score, n_jobs, verbose : object
        As in :class:`sklearn.model_selection.HalvingRandomSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.HalvingRandomSearchCV`, and ``peak_memory_mb``:
        for each candidate the most memory that was resident, in MiB, in the process that
        evaluated it, over its folds. It is all of the process, earlier fits included.
    n_restored_ : int
        Fits whose results were in the store.
    predictions_ : DataFrame
        Predictions out of fold, if ``store_predictions``: a line for each candidate, fold and row
        of its test set. Columns ``candidate``, its place in ``cv_results_``; ``fold``; ``row``,
        the place in ``X``; ``y_pred``; and, of a classifier with probabilities, one for each
        class, such as ``proba_1``. Fits that failed have none.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_ : object
        As in scikit-learn.
    n_resources_, n_candidates_ : list of int
        By rung.

    See Also
    --------
    ResumableHalvingGridSearchCV : Tries all of a grid.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo import CNNClassifier, ImageLoader, PatientKFold, Pipeline
    >>> from skpneumo import ResumableHalvingRandomSearchCV, make_chest_xray
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> cnn = CNNClassifier(filters=(4,), dense_units=(), epochs=1, random_state=0)
    >>> pipe = Pipeline([("load", ImageLoader(size=16)), ("cnn", cnn)])
    >>> with TemporaryDirectory() as folder:
    ...     search = ResumableHalvingRandomSearchCV(
    ...         pipe,
    ...         {"cnn__learning_rate": [0.01, 0.001, 0.0001]},
    ...         cv=PatientKFold(2),
    ...         scoring="recall",
    ...         store=folder,
    ...         n_candidates=3,
    ...         resource="cnn__epochs",
    ...         max_resources=3,
    ...         continue_training=True,
    ...         random_state=0,
    ...     )
    ...     first = search.fit(xrays.filenames, xrays.target).n_restored_
    ...     first, search.fit(xrays.filenames, xrays.target).n_restored_
    (0, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **HalvingRandomSearchCV._parameter_constraints,
        **CONSTRAINTS,
        "continue_training": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_candidates: Any = "exhaust",
        resource: str = "n_samples",
        max_resources: Any = "auto",
        continue_training: bool = False,
        store: Any = None,
        store_predictions: bool = False,
        device_slots: int | None = None,
        factor: float = 3,
        min_resources: Any = "smallest",
        aggressive_elimination: bool = False,
        cv: Any = 5,
        scoring: Any = None,
        refit: Any = True,
        error_score: Any = np.nan,
        return_train_score: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_candidates=n_candidates,
            resource=resource,
            max_resources=max_resources,
            factor=factor,
            min_resources=min_resources,
            aggressive_elimination=aggressive_elimination,
            cv=cv,
            scoring=scoring,
            refit=refit,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.continue_training = continue_training
        self.store = store
        self.store_predictions = store_predictions
        self.device_slots = device_slots
