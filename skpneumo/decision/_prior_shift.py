"""Probabilities where pneumonia is rarer, or more common, than in training."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_predict
from sklearn.utils.validation import check_is_fitted, indexable

from skpneumo._groups import check_groups
from skpneumo._missing_labels import checked_labels
from skpneumo._patients import patients_of
from skpneumo._random import check_random_state
from skpneumo._sklearn import HasMethods, Interval, _fit_context
from skpneumo.decision._binary_wrapper import BinaryWrapperMixin
from skpneumo.decision._mixtures import Scores, mixture_p_value, most_likely_prevalence
from skpneumo.decision._operating_point import positive_label
from skpneumo.splitting import PatientKFold

__all__ = ["AcquisitionShiftWarning", "PriorShiftClassifier"]

# Probabilities nearer to 0 or 1 have no odds that could be multiplied.
_NEAREST = 1e-9
_SIGNIFICANT = 0.01


class AcquisitionShiftWarning(UserWarning):
    """The scores of new images are not, or may not be, explained by another prevalence."""


class PriorShiftClassifier(BinaryWrapperMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    r"""Binary classifier that adapts probabilities to another prevalence.

    A model trained where 73 in 100 images show pneumonia says 0.7 of an image that says nothing.
    Where only the prevalence differs (prior probability shift: images of each class look the
    same in both places), the odds of every probability are off by one known factor. This
    multiplies it back, at a prevalence that is stated or estimated from images without labels.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        Model to be fitted, of two classes. A fitted one in
        :class:`~sklearn.frozen.FrozenEstimator` is not fitted again; ``fit`` is then given
        labelled images that are new to it. Its probabilities should be calibrated at
        ``training_prevalence``.
    prevalence : float, default=None
        Share of positive images where the model is to be used, in (0, 1). None is that of
        training, until :meth:`adapt` estimates another.
    training_prevalence : float, default=None
        The prevalence that the estimator's probabilities presuppose. None takes the share of
        positive images in ``fit``. Where training was balanced, by class weights, resampling or
        balanced batches, it is 0.5.
    pos_label : int, float, bool or str, default=None
        The positive class; the greater of the two labels by default.
    cv : int, cross-validation generator or iterable, default=None
        Folds of ``fit`` that give :meth:`adapt` scores of the two classes to test the new ones
        by, at the cost of as many more fits. None gives none, and the test is left out with a
        warning. Not needed for a frozen estimator, whose scores in ``fit`` are new.
    n_resamples : int, default=500
        Resamples of patients in :meth:`adapt`.
    random_state : int, RandomState instance or None, default=0
        Seed of the resamples.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels.
    pos_label_ : scalar
        The positive class.
    estimator_ : estimator
        The fitted model.
    training_prevalence_ : float
        The prevalence that its probabilities presuppose.
    prevalence_ : float
        The prevalence that probabilities are given at.
    prevalence_interval_ : tuple of two floats
        95 % interval of an estimated prevalence, by resampling the new patients, given the
        model; (NaN, NaN) where it is stated.
    shift_p_value_ : float
        After :meth:`adapt`: how often scores that differ in prevalence alone are so unlike a
        mixture of those of the two classes. NaN before, and without scores to test by.

    See Also
    --------
    RecallFloorClassifier : A threshold, which another prevalence does not change.
    skpneumo.evaluation.evaluate : With ``prevalence``, figures at another prevalence.
    skpneumo.audit_images : Whether images differ in how they were acquired.

    Notes
    -----
    With :math:`\pi_0` the prevalence of training and :math:`\pi` the new one, the odds are
    multiplied by :math:`\frac{\pi}{1 - \pi} \cdot \frac{1 - \pi_0}{\pi_0}` (Bayes). This changes
    no ranking, no AUC and no operating point that was chosen on ranks; ``predict`` calls
    positive what is more probable than not at the new prevalence.

    :meth:`adapt` finds the prevalence of greatest likelihood by the EM algorithm of Saerens,
    Latinne and Decaestecker [1]_: adjust the probabilities to the current prevalence, take their
    mean as the next one, and so on. The likelihood has one maximum, which is looked for where
    its derivative is 0.

    Everything rests on the images of each class being the same in both places. :meth:`adapt`
    tests what can be tested without labels: whether the new scores can be a mixture of the
    scores of the two classes, by the greatest distance of the distribution functions and a
    bootstrap of patients. Another machine may shift scores in a way that looks like another
    prevalence, and then nothing warns.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to
       new a priori probabilities: a simple procedure", Neural Computation 14 (2002), 21-41.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.decision import PriorShiftClassifier
    >>> X, y = make_classification(2000, class_sep=0.8, random_state=0)
    >>> model = PriorShiftClassifier(LogisticRegression(), prevalence=0.05).fit(X, y)
    >>> print(f"{model.predict_proba(X)[:, 1].mean():.2f} instead of {y.mean():.2f}")
    0.40 instead of 0.50
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "prevalence": [Interval(Real, 0, 1, closed="neither"), None],
        "training_prevalence": [Interval(Real, 0, 1, closed="neither"), None],
        "pos_label": [Real, str, "boolean", None],
        "cv": ["cv_object"],
        "n_resamples": [Interval(Integral, 100, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        prevalence: float | None = None,
        training_prevalence: float | None = None,
        pos_label: Any = None,
        cv: Any = None,
        n_resamples: int = 500,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.estimator = estimator
        self.prevalence = prevalence
        self.training_prevalence = training_prevalence
        self.pos_label = pos_label
        self.cv = cv
        self.n_resamples = n_resamples
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)  # the estimator inside is not validated
    def fit(self, X: Any, y: Any, groups: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator, and remember the scores of the two classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            What ``estimator`` takes.
        y : array-like of shape (n_samples,)
            Labels, of two classes.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample. If None, those that ``X`` carries, or that the names of its
            files tell; else each sample is its own patient, with a warning.
        **fit_params : dict
            Handed to ``estimator.fit``.

        Returns
        -------
        self : PriorShiftClassifier

        Raises
        ------
        ValueError
            If there are not two classes, or a patient is missing among ``groups``.

        Warns
        -----
        UnknownPatientsWarning
            If scores are needed to test by, with ``cv`` or a frozen estimator, and neither
            ``groups`` nor ``X`` tells who the patients are.
        """
        X, y = indexable(X, y)
        y = checked_labels(y)
        self.pos_label_ = positive_label(y, self.pos_label)
        positive = y == self.pos_label_
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        self.classes_ = self.estimator_.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        self.training_prevalence_ = float(
            positive.mean() if self.training_prevalence is None else self.training_prevalence
        )
        self.prevalence_ = float(
            self.training_prevalence_ if self.prevalence is None else self.prevalence
        )
        self.prevalence_interval_ = (np.nan, np.nan)
        self.shift_p_value_ = np.nan
        if groups is not None:
            groups = check_groups(groups, len(y))
        self.reference_ = self._reference(X, y, groups, fit_params)
        return self

    def adapt(self, X: Any, groups: Any = None) -> Self:
        """Estimate the prevalence among new images without labels, and use it from now on.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            New images, as many as there are: all that come, not a selection.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample, as in :meth:`fit`.

        Returns
        -------
        self : PriorShiftClassifier
            With ``prevalence_``, ``prevalence_interval_`` and ``shift_p_value_``.

        Warns
        -----
        AcquisitionShiftWarning
            If no prevalence makes the new scores a mixture of those of the two classes
            (p < .01), or there are none to tell by.
        UnknownPatientsWarning
            If neither ``groups`` nor ``X`` tells who the patients are.
        """
        check_is_fitted(self)
        rng = check_random_state(self.random_state)
        scores = self._scores(X)
        patient = _patients(X, groups, len(scores))
        ratios = _likelihood_ratios(scores, self.training_prevalence_)
        self.prevalence_ = most_likely_prevalence(ratios, np.ones(len(scores)))
        n_patients = int(patient.max()) + 1
        resampled = [
            most_likely_prevalence(ratios, _weights(n_patients, rng)[patient])
            for _ in range(self.n_resamples)
        ]
        low, high = np.quantile(resampled, [0.025, 0.975])
        self.prevalence_interval_ = float(low), float(high)
        if self.reference_ is None:
            self.shift_p_value_ = np.nan
            warnings.warn(
                "Whether the new images differ in more than the prevalence was not tested, for "
                "there are no scores of the two classes to test by. Pass cv, or a frozen "
                "estimator and labelled images that are new to it.",
                AcquisitionShiftWarning,
                stacklevel=2,
            )
            return self
        self.shift_p_value_ = mixture_p_value(
            Scores.of(scores, patient), *self.reference_, self.n_resamples, rng
        )
        if self.shift_p_value_ < _SIGNIFICANT:
            warnings.warn(
                "No prevalence makes the scores of the new images a mixture of those of the two "
                f"classes (p = {self.shift_p_value_:.3f}): they differ in more than prevalence, "
                "as images that were acquired otherwise do, and neither the estimate "
                f"{self.prevalence_:.3f} nor these probabilities can be relied on. Look at them "
                "with audit_images, and calibrate on labelled images from there.",
                AcquisitionShiftWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of both classes at ``prevalence_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            What ``estimator`` takes.

        Returns
        -------
        proba : ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        moved = logit(self.prevalence_) - logit(self.training_prevalence_)
        positive = expit(logit(self._scores(X)) + moved)
        is_positive = self.classes_ == self.pos_label_
        return np.where(is_positive, positive[:, np.newaxis], 1 - positive[:, np.newaxis])

    def predict(self, X: Any) -> NDArray[Any]:
        """The class that is more probable at ``prevalence_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            What ``estimator`` takes.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _scores(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the positive class as the estimator gives them."""
        column = self.classes_.tolist().index(self.pos_label_)
        scores = np.asarray(self.estimator_.predict_proba(X))[:, column].astype(np.float64)
        return np.clip(scores, _NEAREST, 1 - _NEAREST)

    def _reference(
        self,
        X: Any,
        y: NDArray[Any],
        groups: Any,
        fit_params: dict[str, Any],
    ) -> tuple[Scores, Scores] | None:
        """Scores of positive and of negative images that the estimator had not seen."""
        frozen = isinstance(self.estimator, FrozenEstimator)
        if self.cv is None and not frozen:
            return None
        patient = _patients(X, groups, len(y))
        if frozen:
            scores = self._scores(X)
        else:
            cv = PatientKFold(int(self.cv)) if isinstance(self.cv, Integral) else self.cv
            probabilities = cross_val_predict(
                clone(self.estimator),
                X,
                y,
                cv=list(cv.split(X, y, patient)) if hasattr(cv, "split") else cv,
                method="predict_proba",
                params=fit_params,
            )
            column = self.classes_.tolist().index(self.pos_label_)
            scores = np.clip(probabilities[:, column], _NEAREST, 1 - _NEAREST)
        positive = y == self.pos_label_
        return Scores.of(scores[positive], patient[positive]), Scores.of(
            scores[~positive], patient[~positive]
        )


def _patients(X: Any, groups: Any, n_samples: int) -> NDArray[np.intp]:
    ids = patients_of(X, n_samples, groups, stacklevel=5)
    return np.unique(ids, return_inverse=True)[1]


def _likelihood_ratios(
    scores: NDArray[np.float64], training_prevalence: float
) -> NDArray[np.float64]:
    """How many times likelier each score is of a positive image than of a negative one."""
    return np.exp(logit(scores) - logit(training_prevalence))


def _weights(n_patients: int, rng: np.random.RandomState) -> NDArray[np.float64]:
    """How often each patient is drawn in a resample."""
    return np.bincount(rng.randint(n_patients, size=n_patients), minlength=n_patients).astype(
        float
    )
