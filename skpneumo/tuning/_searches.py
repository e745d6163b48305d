"""The searches of scikit-learn with a store, device slots and continued training."""

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

    This is :class:`sklearn.model_selection.GridSearchCV`, with each result saved as soon as it is
    available.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_grid : dict or list of dict
        Values to try by parameter.
    store : path-like or None, default=None
        Folder of results, created if necessary, with a file for each candidate and fold, written
        when that fit is finished. If a killed search is repeated, it continues after these.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a shared folder. With None, nothing is saved.
    store_predictions : bool, default=False
        Whether to predict each test fold, for ``predictions_``, and save the predictions in the
        store, if there is one.
    device_slots : int or None, default=None
        Maximum number of simultaneous fits on the devices of a machine, in all processes, for any
        ``n_jobs``. None: no limit.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score : object
        As in :class:`sklearn.model_selection.GridSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.GridSearchCV`, and ``peak_memory_mb``:
        for each candidate the peak resident memory, in MiB, of the process that evaluated it, over
        its folds. It includes the whole process, also earlier fits.
    n_restored_ : int
        Number of fits whose results were in the store.
    predictions_ : DataFrame
        Out-of-fold predictions, if ``store_predictions``: a row for each candidate, fold and row
        of its test set. Columns are ``candidate``, the index in ``cv_results_``; ``fold``;
        ``row``, the index in ``X``; ``y_pred``; and, for classifiers with probabilities, one for
        each class, such as ``proba_1``. Failed fits have no rows.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, refit_time_, \
multimetric_, classes_, n_features_in_, feature_names_in_ : object
        As in scikit-learn.

    See Also
    --------
    ResumableHalvingGridSearchCV : Spends less time on poor candidates.

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

    This is :class:`sklearn.model_selection.RandomizedSearchCV`, with each result saved as soon as
    it is available.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_distributions : dict or list of dict
        Lists or distributions to sample from by parameter.
    n_iter : int, default=10
        Number of candidates. A search that is repeated with more finds the results of the first.
    store : path-like or None, default=None
        Folder of results, created if necessary, with a file for each candidate and fold, written
        when that fit is finished. If a killed search is repeated, it continues after these.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a shared folder. With None, nothing is saved.
    store_predictions : bool, default=False
        Whether to predict each test fold, for ``predictions_``, and save the predictions in the
        store, if there is one.
    device_slots : int or None, default=None
        Maximum number of simultaneous fits on the devices of a machine, in all processes, for any
        ``n_jobs``. None: no limit.
    random_state : int, RandomState instance or None, default=None
        Seed of the candidates. With a store, an integer is required.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score : object
        As in :class:`sklearn.model_selection.RandomizedSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.RandomizedSearchCV`, and ``peak_memory_mb``:
        for each candidate the peak resident memory, in MiB, of the process that evaluated it, over
        its folds. It includes the whole process, also earlier fits.
    n_restored_ : int
        Number of fits whose results were in the store.
    predictions_ : DataFrame
        Out-of-fold predictions, if ``store_predictions``: a row for each candidate, fold and row
        of its test set. Columns are ``candidate``, the index in ``cv_results_``; ``fold``;
        ``row``, the index in ``X``; ``y_pred``; and, for classifiers with probabilities, one for
        each class, such as ``proba_1``. Failed fits have no rows.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, refit_time_, \
multimetric_, classes_, n_features_in_, feature_names_in_ : object
        As in scikit-learn.

    See Also
    --------
    ResumableHalvingRandomSearchCV : Spends less time on poor candidates.

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

    This is :class:`sklearn.model_selection.HalvingGridSearchCV`: all candidates get a small amount
    of a resource, the best third of them more, and so on. Each result is saved as soon as it is
    available, and with ``continue_training`` a candidate continues the training of the last rung.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_grid : dict or list of dict
        Values to try by parameter.
    resource : str, default="n_samples"
        Resource that increases from rung to rung, such as ``"cnn__epochs"`` for a pipeline whose
        last step is ``cnn``.
    max_resources : int or "auto", default="auto"
        Maximum of the last rung; required unless ``resource`` is ``"n_samples"``.
    continue_training : bool, default=False
        Whether to continue the training of a candidate where its last rung ended, instead of
        training it from scratch. See Notes.
    store : path-like or None, default=None
        Folder of results, created if necessary, with a file for each candidate and fold, written
        when that fit is finished. If a killed search is repeated, it continues after these.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a shared folder. With None, nothing is saved.
    store_predictions : bool, default=False
        Whether to predict each test fold, for ``predictions_``, and save the predictions in the
        store, if there is one.
    device_slots : int or None, default=None
        Maximum number of simultaneous fits on the devices of a machine, in all processes, for any
        ``n_jobs``. None: no limit.
    factor, min_resources, aggressive_elimination, cv, scoring, refit, error_score, \
return_train_score, random_state, n_jobs, verbose : object
        As in :class:`sklearn.model_selection.HalvingGridSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.HalvingGridSearchCV`, and ``peak_memory_mb``:
        for each candidate the peak resident memory, in MiB, of the process that evaluated it, over
        its folds. It includes the whole process, also earlier fits.
    n_restored_ : int
        Number of fits whose results were in the store.
    predictions_ : DataFrame
        Out-of-fold predictions, if ``store_predictions``: a row for each candidate, fold and row
        of its test set. Columns are ``candidate``, the index in ``cv_results_``; ``fold``;
        ``row``, the index in ``X``; ``y_pred``; and, for classifiers with probabilities, one for
        each class, such as ``proba_1``. Failed fits have no rows.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, refit_time_, \
multimetric_, classes_, n_features_in_, feature_names_in_ : object
        As in scikit-learn.
    n_resources_, n_candidates_ : list of int
        Resources and number of candidates of each rung.
    min_resources_, max_resources_, n_iterations_, n_possible_iterations_, \
n_required_iterations_, n_remaining_candidates_ : int
        As in scikit-learn.

    See Also
    --------
    ResumableHalvingRandomSearchCV : Samples the candidates.

    Notes
    -----
    With ``continue_training``, a candidate that reaches a rung of N epochs has been trained for N
    epochs in total, in one fit per rung, by ``warm_start``. With ``schedule=None`` and no early
    stopping, the network is the same as after one fit of N epochs, bit for bit if fits are
    reproducible. Otherwise it differs:

    - with ``schedule="cosine"``, the rate decreases to zero at the end of every fit and is high
      again in the next one (warm restarts), and warm-up is repeated;
    - with ``early_stopping`` and ``schedule="plateau"``, the count of epochs without improvement
      starts again, and each fit continues from the best weights of the one before.

    ``best_estimator_`` is always one fit of N epochs, so in these cases the scores of the search
    are for a different training. The trained states are saved in the store, or else in a temporary
    folder, which must be on the machine of all processes. They need about three times the size of
    the weights for each candidate and fold, and are removed when the search has finished.

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

    This is :class:`sklearn.model_selection.HalvingRandomSearchCV` with the additions of
    :class:`ResumableHalvingGridSearchCV`, whose notes also apply here.

    Parameters
    ----------
    estimator : estimator
        A pipeline or classifier.
    param_distributions : dict or list of dict
        Lists or distributions to sample from by parameter.
    n_candidates : int or "exhaust", default="exhaust"
        Candidates on the first rung; "exhaust" chooses them so that the last rung uses the
        maximum.
    resource : str, default="n_samples"
        Resource that increases from rung to rung, such as ``"cnn__epochs"`` for a pipeline whose
        last step is ``cnn``.
    max_resources : int or "auto", default="auto"
        Maximum of the last rung; required unless ``resource`` is ``"n_samples"``.
    continue_training : bool, default=False
        Whether to continue the training of a candidate where its last rung ended, instead of
        training it from scratch. See Notes.
    store : path-like or None, default=None
        Folder of results, created if necessary, with a file for each candidate and fold, written
        when that fit is finished. If a killed search is repeated, it continues after these.
        Results of other data, folds, parameters or versions are never used. Processes on several
        machines need a shared folder. With None, nothing is saved.
    store_predictions : bool, default=False
        Whether to predict each test fold, for ``predictions_``, and save the predictions in the
        store, if there is one.
    device_slots : int or None, default=None
        Maximum number of simultaneous fits on the devices of a machine, in all processes, for any
        ``n_jobs``. None: no limit.
    random_state : int, RandomState instance or None, default=None
        Seed of the candidates. With a store, an integer is required.
    factor, min_resources, aggressive_elimination, cv, scoring, refit, error_score, \
return_train_score, n_jobs, verbose : object
        As in :class:`sklearn.model_selection.HalvingRandomSearchCV`.

    Attributes
    ----------
    cv_results_ : dict
        As in :class:`sklearn.model_selection.HalvingRandomSearchCV`, and ``peak_memory_mb``:
        for each candidate the peak resident memory, in MiB, of the process that evaluated it, over
        its folds. It includes the whole process, also earlier fits.
    n_restored_ : int
        Number of fits whose results were in the store.
    predictions_ : DataFrame
        Out-of-fold predictions, if ``store_predictions``: a row for each candidate, fold and row
        of its test set. Columns are ``candidate``, the index in ``cv_results_``; ``fold``;
        ``row``, the index in ``X``; ``y_pred``; and, for classifiers with probabilities, one for
        each class, such as ``proba_1``. Failed fits have no rows.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, refit_time_, \
multimetric_, classes_, n_features_in_, feature_names_in_ : object
        As in scikit-learn.
    n_resources_, n_candidates_ : list of int
        Resources and number of candidates of each rung.
    min_resources_, max_resources_, n_iterations_, n_possible_iterations_, \
n_required_iterations_, n_remaining_candidates_ : int
        As in scikit-learn.

    See Also
    --------
    ResumableHalvingGridSearchCV : Uses all candidates of a grid.

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
