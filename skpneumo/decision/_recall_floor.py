"""Classifier whose threshold guarantees a minimum recall."""

from __future__ import annotations

from dataclasses import asdict
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skpneumo._fit_arguments import groups_for
from skpneumo._gate_parts import labels_withheld
from skpneumo._patients import find_patients_and_warn
from skpneumo._sklearn import HasMethods, StrOptions, _fit_context
from skpneumo.decision._binary_wrapper import (
    BinaryWrapperMixin,
    check_samples,
    fitted_in_task,
    whole_or_not_fitted,
)
from skpneumo.decision._folds import (
    fit_and_score,
    positive_score,
    refuse_withheld,
    rows_tested,
    splits_of,
)
from skpneumo.decision._guarantee import terms_of_guarantee
from skpneumo.decision._logits import calibrate, fit_calibrator
from skpneumo.decision._operating_point import (
    PARAMETER_CONSTRAINTS,
    OperatingPoint,
    TooFewPatientsError,
    choose_operating_point,
    positive_label,
)

__all__ = ["RecallFloorClassifier"]

REFER = "refer"

_HELD_OUT = 1 / 3
_FEWEST_TO_HOLD_OUT = 3  # of each class: one to choose on, two to fit on


class RecallFloorClassifier(
    BinaryWrapperMixin, CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Binary classifier whose threshold keeps recall above a floor.

    On patients that the model has not seen, it chooses the highest threshold, and so the one of
    highest specificity, that keeps the recall of the pneumonia class at or above a floor with a
    stated confidence. Patients are counted, not images: a patient is found only if all of their
    images are, so several images of one child never count as several children.

    With ``specificity`` given as well, there are two thresholds, both error rates are bounded, and
    :meth:`decide` refers the images between them.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        Binary classifier to fit, such as a whole pipeline from paths to probabilities. A fitted
        one in a :class:`~sklearn.frozen.FrozenEstimator` is not fitted again: all of ``X`` is then
        used to choose the threshold, and must be new to the model.

    recall : float, default=0.98
        Floor of recall, in (0, 1).

    confidence : float, default=0.95
        Confidence with which the floor holds, or both floors together; in (0, 1).

    specificity : float, default=None
        If given, floor of specificity, reached by referring doubtful images; in (0, 1).

    n_future : int, default=None
        If None, the floor holds for the population. If given, it holds for the recall observed in
        the next ``n_future`` pneumonia patients, such as those of a validation study, which needs
        a lower threshold. See :func:`choose_operating_point`.

    cv : int, cross-validation generator or iterable, default=None
        Splits for the probabilities that the threshold is chosen on. None holds out a random third
        of the patients if these are enough for the floor, and otherwise uses 5 folds. A number is
        a number of folds, which keep patients together (:class:`~skpneumo.splitting.PatientKFold`)
        if patients are known, and are stratified otherwise. A single split is a hold-out set.
        Ignored for a frozen estimator.

    ensemble : bool, default=True
        If True, the models of the splits predict, and with folds their probabilities are averaged.
        If False, ``estimator`` is fitted once more on all data to predict (and ``cv=None`` means 5
        folds): a single model, but a floor that is broken more often. See Notes.

    calibration : {"temperature", "sigmoid", "isotonic"}, default=None
        Calibration of the probabilities, fitted on out-of-fold ones. Temperature scaling and a
        sigmoid (Platt scaling of the log odds) change no decision; the sigmoid can also correct
        probabilities that are too low or too high overall. Isotonic regression ties neighbouring
        scores, which can reduce specificity, but never recall.

    pos_label : int, float, bool or str, default=None
        The positive class, whose recall has the floor. If None, the illness by the two labels: 1
        of 0 and 1, PNEUMONIA of NORMAL and PNEUMONIA. Needed if they do not tell.

    n_jobs : int, default=None
        Number of folds fitted in parallel.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The class labels.
    pos_label_ : scalar
        The positive class.
    estimator_ : estimator
        The fitted model, if there is only one.
    estimators_ : list of estimators
        The models whose probabilities are averaged; only one with a hold-out set, a frozen
        estimator or ``ensemble=False``.
    guarantee_ : {"exact", "approximate"}
        Whether a theorem covers the guarantee of this fit.
    guarantee_terms_ : str
        What is guaranteed and under which conditions, in a sentence or two.
    calibrator_ : estimator or None
        Map from raw to calibrated probabilities.
    threshold_, upper_threshold_ : float
        :meth:`predict` returns ``pos_label_`` for calibrated probabilities from ``threshold_`` on;
        :meth:`decide` refers those of them below ``upper_threshold_``. The two are equal without
        ``specificity``.
    recall_, recall_bound_, recall_interval_ : float, float, tuple of float
        Out-of-fold recall of patients at ``threshold_``, its guaranteed lower bound (never below
        ``recall``), and its two-sided exact interval.
    specificity_, specificity_interval_ : float, tuple of float
        Out-of-fold share of normal patients whose images are all below ``upper_threshold_``, and
        its exact interval.
    referral_rate_, referral_interval_ : float, tuple of float
        Out-of-fold share of patients referred, in a population with this sample's share of
        pneumonia, and its exact interval. 0 without ``specificity``.
    n_positive_, n_negative_, n_patients_ : int
        Number of patients of each class, and of both, that these figures were computed on.
    patients_known_ : bool
        Whether the patient of every sample was given or could be read from its file name. If not,
        each other sample was counted as one patient, and the guarantee holds only if it is one.
    n_features_in_ : int
        Number of features seen during :term:`fit`, if the estimator reports it.
    feature_names_in_ : ndarray of str
        Names of features seen during :term:`fit`, if the estimator reports it.

    See Also
    --------
    choose_operating_point : Makes the same choice from existing scores.
    sklearn.model_selection.TunedThresholdClassifierCV : Chooses the threshold that is best for a
        metric, without a guarantee.

    Notes
    -----
    **What is guaranteed.** Assume that patients are sampled independently from one population.
    Then, with probability at least ``confidence`` over such samples, a share of at least
    ``recall`` of the population's pneumonia patients has only images that score ``threshold_`` or
    more. This is exact, without assumptions about the scores, if the model was fitted on other
    patients: with the default hold-out set if there are enough patients, with any single split,
    and with a frozen estimator. ``guarantee_`` is then "exact".

    **What is not.** With folds, the scores come from one model per fold, and no finite-sample
    theorem covers predictions by their average or by yet another model: ``guarantee_`` is
    "approximate". In simulations the average (``ensemble=True``) kept the floor. A model fitted
    once more on all data (``ensemble=False``) broke it in up to a third of the trials instead of
    5 %, most often with flexible models and few patients, because it scores new patients
    differently from the models of the folds. No guarantee covers another hospital: choose the
    threshold again on local patients, with a frozen estimator.

    The recall of *images* is at least that of patients if patients with more images are not missed
    more often than others.

    **Within ensembles.** ``VotingClassifier``, ``StackingClassifier`` and ``BaggingClassifier``
    replace labels by their numbers before they fit their members, so a member cannot read which
    class is the illness and takes the second. Where that is the healthy class, as of "abnormal"
    and "normal", pass ``pos_label=0``, or make the ensemble the ``estimator`` of this class.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.decision import RecallFloorClassifier
    >>> X, y = make_classification(1000, class_sep=0.8, random_state=0)
    >>> screening = RecallFloorClassifier(LogisticRegression(), recall=0.92)
    >>> _ = screening.fit(X, y, groups=range(1000))  # each sample is a patient
    >>> print(f"{screening.recall_:.3f} >= {screening.recall_bound_:.3f} >= 0.92")
    0.958 >= 0.922 >= 0.92
    >>> screening.guarantee_
    'exact'
    >>> screening.predict(X[:4])
    array([0, 1, 1, 1])

    Refer what is in doubt, so that specificity has a floor too:

    >>> both = screening.set_params(specificity=0.92).fit(X, y, groups=range(1000))
    >>> both.decide(X[:4])
    array([0, 'refer', 'refer', 1], dtype=object)
    >>> low, high = both.referral_interval_
    >>> print(f"{both.referral_rate_:.3f} referred [{low:.3f}, {high:.3f}]")
    0.192 referred [0.151, 0.238]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        **PARAMETER_CONSTRAINTS,
        "cv": ["cv_object"],
        "ensemble": ["boolean"],
        "calibration": [StrOptions({"temperature", "sigmoid", "isotonic"}), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        recall: float = 0.98,
        confidence: float = 0.95,
        specificity: float | None = None,
        n_future: int | None = None,
        cv: Any = None,
        ensemble: bool = True,
        calibration: str | None = None,
        pos_label: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.recall = recall
        self.confidence = confidence
        self.specificity = specificity
        self.n_future = n_future
        self.cv = cv
        self.ensemble = ensemble
        self.calibration = calibration
        self.pos_label = pos_label
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)  # the estimator inside is not validated
    @whole_or_not_fitted
    def fit(self, X: Any, y: Any, groups: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator and choose the operating point.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``: paths, images or features.
        y : array-like of shape (n_samples,)
            Labels of two classes.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample. If None, patients are taken from ``X`` or read from its file
            names; failing that, each sample counts as its own patient, with a warning.
            ``groups=range(n_samples)`` states that each sample is of another patient. Passed on to
            an estimator whose ``fit`` can use them.
        **fit_params : dict
            Passed to ``estimator.fit``; those with one entry per sample are restricted to each
            fold.

        Returns
        -------
        self : RecallFloorClassifier

        Raises
        ------
        ValueError
            If there are too few patients to support the floor, ``groups`` has missing values, a
            patient is on both sides of a split, a class is called "refer" although images are to
            be referred, or the estimator gives images no probability.

        Warns
        -----
        UnknownPatientsWarning
            If neither ``groups`` nor ``X`` identifies the patients.
        """
        X, y = check_samples(X, y)
        self.pos_label_ = positive_label(y, self.pos_label)
        if self.specificity is not None and REFER in y.tolist():
            raise ValueError(
                f"A class is called {REFER!r}, which is the answer for images between the two "
                "thresholds. Rename the class, or leave specificity out."
            )
        all_patients, known = find_patients_and_warn(X, len(y), groups)
        self.patients_known_ = bool(known.all())
        patients = all_patients if groups is not None or known.any() else None
        fit_params = self._params_of_estimator(fit_params, len(y))
        fit_params = groups_for(self.estimator, None if groups is None else patients) | fit_params

        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        held_out, raw_scores = self._fit_estimators(X, y, patients, fit_params, context)
        self._copy_fitted_attributes(self.estimators_[0])
        if len(self.estimators_) == 1:
            self.estimator_ = self.estimators_[0]
        frozen = isinstance(self.estimator, FrozenEstimator)
        exact = frozen or (self.ensemble and len(self.estimators_) == 1)
        self.guarantee_ = "exact" if exact else "approximate"

        refuse_withheld(raw_scores, self)
        self.calibrator_ = fit_calibrator(
            self.calibration, raw_scores, y[held_out] == self.pos_label_
        )
        point = self._operating_point(
            y, self._calibrate(raw_scores), patients, held_out, self.pos_label_
        )
        for name, value in asdict(point).items():
            setattr(self, f"{name}_", value)
        self.guarantee_terms_ = terms_of_guarantee(self, frozen)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict calibrated probabilities of both classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        proba : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.
        """
        positive = self._scores(X).astype(np.float64)
        is_positive = self.classes_ == self.pos_label_
        return np.where(is_positive, positive[:, None], 1 - positive[:, None])

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels at ``threshold_``, which keeps the recall floor.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Entries of ``classes_``. Images that :meth:`decide` refers get ``pos_label_``. NaN for
            images that a gate inside the estimator withholds.
        """
        return self._labels(self._scores(X), self.threshold_)

    def decide(self, X: Any) -> NDArray[np.object_]:
        """Predict labels, or "refer" if neither is safe.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        decisions : ndarray of shape (n_samples,), dtype object
            Entries of ``classes_``, and ``"refer"`` for scores from ``threshold_`` up to
            ``upper_threshold_``. Without ``specificity`` no image is referred. NaN for images that
            a gate inside the estimator withholds.
        """
        scores = self._scores(X)
        decisions = self._labels(scores, self.upper_threshold_).astype(object)
        decisions[(scores >= self.threshold_) & (scores < self.upper_threshold_)] = REFER
        return decisions

    def n_fits(self, X: Any, y: Any, groups: Any = None) -> int:
        """Count the models that :meth:`fit` would train, without training any.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            As for :meth:`fit`.
        y : array-like of shape (n_samples,)
            As for :meth:`fit`.
        groups : array-like of shape (n_samples,), default=None
            As for :meth:`fit`.

        Returns
        -------
        n_fits : int
            1 if patients are held out to choose the threshold; otherwise one for each fold, and
            one more with ``ensemble=False``. 0 with a frozen estimator.

        Raises
        ------
        ValueError
            As in :meth:`fit`, for example if there are too few patients to support the floor.
        """
        if isinstance(self.estimator, FrozenEstimator):
            return 0
        X, y = check_samples(X, y)
        all_patients, known = find_patients_and_warn(X, len(y), groups)
        patients = all_patients if groups is not None or known.any() else None
        splits, _ = self._planned_splits(X, y, patients, positive_label(y, self.pos_label))
        return len(splits) + (not self.ensemble)

    def _operating_point(
        self,
        y: NDArray[Any],
        scores: NDArray[np.float64],
        patients: NDArray[Any] | None,
        held_out: NDArray[np.intp],
        pos_label: Any,
    ) -> OperatingPoint:
        """Choose the thresholds on the scores of the rows that were held out."""
        return choose_operating_point(
            y[held_out],
            scores,
            groups=None if patients is None else patients[held_out],
            recall=self.recall,
            confidence=self.confidence,
            specificity=self.specificity,
            n_future=self.n_future,
            pos_label=pos_label,
        )

    def _fit_estimators(
        self,
        X: Any,
        y: NDArray[Any],
        patients: NDArray[Any] | None,
        fit_params: dict[str, Any],
        context: Any,
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Fit the models that predict; return the rows to choose thresholds on, and their scores.

        A frozen estimator was fitted on other images, so all rows are held out.
        """
        if isinstance(self.estimator, FrozenEstimator):
            self.estimators_ = [clone(self.estimator).fit(X, y)]
            return np.arange(len(y)), self._average_score(X)
        self.estimators_, held_out, scores = self._fit_folds(X, y, patients, fit_params, context)
        if not self.ensemble:
            refit = context.subcontext("refit")
            model = clone(self.estimator)
            with fitted_in_task(model, X, y, fit_params, self, refit) as fitted:
                self.estimators_ = [fitted]
        return held_out, scores

    def _fit_folds(
        self,
        X: Any,
        y: NDArray[Any],
        patients: NDArray[Any] | None,
        fit_params: dict[str, Any],
        context: Any,
    ) -> tuple[list[Any], NDArray[np.intp], NDArray[np.float64]]:
        """Fit the folds; return their models (if kept), the rows held out and their scores."""
        splits, held_out = self._planned_splits(X, y, patients, self.pos_label_)
        folds = context.subcontext(
            "fit-folds", max_subtasks=len(splits), sequential_subtasks=False
        )
        folds.call_on_fit_task_begin(estimator=self, X=X, y=y)
        # Created before the loop, so that the estimator does not change while it is being pickled.
        contexts = [folds.subcontext("fit-fold", task_id=i) for i in range(len(splits))]
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_and_score)(
                clone(self.estimator), X, y, split, self.pos_label_, fit_params, self, fold,
                keep=self.ensemble,
            )
            for split, fold in zip(splits, contexts, strict=True)
        )  # fmt: skip
        folds.call_on_fit_task_end(estimator=self, X=X, y=y)
        models, scores = zip(*fitted, strict=True)
        return list(models), held_out, np.concatenate(scores)

    def _planned_splits(
        self, X: Any, y: NDArray[Any], patients: NDArray[Any] | None, pos_label: Any
    ) -> tuple[list[Any], NDArray[np.intp]]:
        """Plan the splits and list the held-out rows; raise if these are too few for the floor."""
        splits = None
        if self.cv is None and self.ensemble:
            splits = self._held_out_split(y, patients, pos_label)
        if splits is None:
            if self.cv is None:
                # Every row is held out once, so too few rows are too few with folds as well.
                self._refuse_too_few(y, patients, np.arange(len(y)), pos_label)
            splits = splits_of(self.cv, X, y, patients)
        held_out = rows_tested(splits, patients, self.cv)
        self._refuse_too_few(y, patients, held_out, pos_label)
        return splits, held_out

    def _refuse_too_few(
        self,
        y: NDArray[Any],
        patients: NDArray[Any] | None,
        held_out: NDArray[np.intp],
        pos_label: Any,
    ) -> None:
        """Raise before hours of training if these rows are too few for any scores."""
        self._operating_point(y, np.zeros(len(held_out)), patients, held_out, pos_label)

    def _held_out_split(
        self, y: NDArray[Any], patients: NDArray[Any] | None, pos_label: Any
    ) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]] | None:
        """Hold out a third of the patients of each class; None if they are too few for the floor.

        They are chosen at random, so that they are exchangeable with future patients of their
        class.
        """
        groups = np.arange(len(y)) if patients is None else patients
        ids, codes = np.unique(groups, return_inverse=True)
        has_positive = np.zeros(len(ids), dtype=bool)
        has_positive[codes[y == pos_label]] = True
        if min(has_positive.sum(), (~has_positive).sum()) < _FEWEST_TO_HOLD_OUT:
            return None
        splitter = StratifiedShuffleSplit(1, test_size=_HELD_OUT, random_state=0)
        ((_, chosen),) = splitter.split(ids, has_positive)
        held_out = np.isin(codes, chosen)
        try:
            self._refuse_too_few(y, patients, np.flatnonzero(held_out), pos_label)
        except TooFewPatientsError:
            return None
        return [(np.flatnonzero(~held_out), np.flatnonzero(held_out))]

    def _scores(self, X: Any) -> NDArray[np.float64]:
        """Compute the calibrated scores, which the thresholds are on."""
        check_is_fitted(self)
        return self._calibrate(self._average_score(X))

    def _average_score(self, X: Any) -> NDArray[np.float64]:
        scores = [positive_score(model, X, self.pos_label_) for model in self.estimators_]
        return scores[0] if len(scores) == 1 else np.mean(scores, axis=0, dtype=np.float64)

    def _calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        # The map never decreases, so the k-th lowest score stays the k-th lowest, and the
        # guarantee holds although calibrator and threshold come from the same patients.
        return calibrate(self.calibrator_, scores)

    def _labels(self, scores: NDArray[np.float64], threshold: float) -> NDArray[Any]:
        negative, positive = np.argsort(self.classes_ == self.pos_label_)
        labels = self.classes_[np.where(scores >= threshold, positive, negative)]
        # A gate inside has withheld these: no score is not a low one.
        withheld = np.isnan(scores)
        return labels_withheld(labels, withheld) if withheld.any() else labels
