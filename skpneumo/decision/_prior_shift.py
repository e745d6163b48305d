"""Adapt probabilities to a prevalence that differs from that of the training data."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skpneumo._fit_arguments import groups_for, weights_in
from skpneumo._gate_parts import labels_withheld
from skpneumo._patients import check_groups, find_patients_and_warn, patients_of
from skpneumo._random import check_random_state
from skpneumo._sklearn import HasMethods, Interval, _check_sample_weight, _fit_context
from skpneumo.decision._binary_wrapper import (
    BinaryWrapperMixin,
    check_samples,
    fitted_in_task,
    whole_or_not_fitted,
)
from skpneumo.decision._folds import (
    fit_and_score,
    name_of_cv,
    refuse_withheld,
    rows_tested,
    splits_of,
)
from skpneumo.decision._mixtures import (
    Scores,
    likelihood_interval,
    mixture_p_value,
    most_likely_prevalence,
)
from skpneumo.decision._operating_point import positive_label

__all__ = ["AcquisitionShiftWarning", "PriorShiftClassifier"]

# Probabilities nearer to 0 or 1 are clipped: their odds are 0 or infinite.
_NEAREST = 1e-9
_SIGNIFICANT = 0.01


class AcquisitionShiftWarning(UserWarning):
    """Warning that another prevalence does not, or may not, explain the scores of new images.

    Examples
    --------
    Do not use the probabilities then: find out first how the new images differ, for example with
    :func:`~skpneumo.audit_images`.

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.decision import AcquisitionShiftWarning, PriorShiftClassifier
    >>> y = np.repeat([0, 1], 50)
    >>> X = np.random.default_rng(0).normal(y)[:, np.newaxis]
    >>> model = PriorShiftClassifier(GaussianNB(), cv=5).fit(X, y, groups=range(100))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", AcquisitionShiftWarning)
    ...     try:
    ...         model.adapt(X + 5, groups=range(100))
    ...     except AcquisitionShiftWarning as warning:
    ...         print(warning)
    At no prevalence are the scores of the new images a mixture of those of the two classes ...
    """


class PriorShiftClassifier(
    BinaryWrapperMixin, CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    r"""Binary classifier that adapts probabilities to another prevalence.

    A model trained where 73 in 100 images show pneumonia says 0.7 of an image that says nothing.
    If only the prevalence differs (prior probability shift: images of each class look the same in
    both places), the odds of every probability are wrong by one known factor. This classifier
    corrects them, to a prevalence that is given or estimated from images without labels.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        Binary classifier to fit. A fitted one in a :class:`~sklearn.frozen.FrozenEstimator` is not
        fitted again; pass labelled images that are new to it to ``fit``. Its probabilities should
        be calibrated at ``training_prevalence``.
    prevalence : float, default=None
        Share of positive images where the model will be used, in (0, 1). None uses the training
        prevalence until :meth:`adapt` estimates another.
    training_prevalence : float, default=None
        The prevalence that the estimator's probabilities assume. None uses the share of positive
        images in ``fit``, weighted by ``sample_weight`` if there is one. If training was balanced
        by class weights, resampling or balanced batches, pass 0.5.
    pos_label : int, float, bool or str, default=None
        The positive class; by default the illness by the two labels. Needed if they do not tell.
    cv : int, cross-validation generator or iterable, default=None
        Folds for out-of-fold scores of the two classes, which :meth:`adapt` tests new scores
        against, at the cost of one more fit per fold. With None, :meth:`adapt` skips the test with
        a warning. Not needed for a frozen estimator, to which the images of ``fit`` are new.
    n_resamples : int, default=500
        Resamples of patients for the p-value of :meth:`adapt`.
    random_state : int, RandomState instance or None, default=0
        Seed of the resamples.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The class labels.
    pos_label_ : scalar
        The positive class.
    estimator_ : estimator
        The fitted model.
    training_prevalence_ : float
        The prevalence that its probabilities assume.
    prevalence_ : float
        The prevalence that :meth:`predict_proba` adapts the probabilities to.
    prevalence_interval_ : tuple of two floats
        95 % interval of an estimated prevalence, given the model, from the likelihood [2]_;
        (NaN, NaN) if the prevalence was given.
    shift_p_value_ : float
        After :meth:`adapt`, the p-value of the hypothesis that the new scores differ in prevalence
        alone, and so are a mixture of the scores of the two classes. NaN before, and if there are
        no scores to test against.
    reference_ : tuple of two objects, or None
        Scores of the positive and of the negative class that :meth:`adapt` tests new scores
        against, with their patients.
    n_features_in_ : int
        Number of features seen during :term:`fit`, if the estimator reports it.
    feature_names_in_ : ndarray of str
        Names of features seen during :term:`fit`, if the estimator reports it.

    See Also
    --------
    RecallFloorClassifier : Chooses a threshold, which another prevalence does not change.
    skpneumo.evaluation.evaluate : With ``prevalence``, computes metrics at another prevalence.
    skpneumo.audit_images : Finds out whether images differ in how they were acquired.

    Notes
    -----
    With :math:`\pi_0` the prevalence of training and :math:`\pi` the new one, the odds are
    multiplied by :math:`\frac{\pi}{1 - \pi} \cdot \frac{1 - \pi_0}{\pi_0}` (Bayes). This changes
    no ranking, no AUC and no operating point that was chosen on ranks; ``predict`` returns the
    class that is more probable at the new prevalence.

    :meth:`adapt` computes the maximum likelihood estimate of the prevalence that the EM algorithm
    of Saerens, Latinne and Decaestecker [1]_ converges to, where probabilities are adjusted to the
    current prevalence and their mean is the next one. The likelihood has one maximum, which is
    found as a root of its derivative. The interval contains the prevalences whose likelihood is
    not much smaller, after the log-likelihood is divided by a design effect, because images of one
    patient resemble each other.

    All of this assumes that the images of each class look the same in both places. :meth:`adapt`
    tests what can be tested without labels: whether the new scores can be a mixture of the scores
    of the two classes, by the greatest distance between distribution functions and a bootstrap
    over patients. If another machine shifts the scores in a way that looks like another
    prevalence, there is no warning.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to
       new a priori probabilities: a simple procedure", Neural Computation 14 (2002), 21-41.
    .. [2] R. E. Chandler and S. Bate, "Inference for clustered data using the independence
       loglikelihood", Biometrika 94 (2007), 167-183.

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
    @whole_or_not_fitted
    def fit(self, X: Any, y: Any, groups: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator, and store scores of the two classes for :meth:`adapt`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.
        y : array-like of shape (n_samples,)
            Labels of two classes.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample. If None, patients are taken from ``X`` or read from its file
            names; failing that, each sample counts as its own patient, with a warning. Passed on
            to an estimator whose ``fit`` can use them.
        **fit_params : dict
            Passed to ``estimator.fit``; those with one entry per sample are restricted to each
            fold.

        Returns
        -------
        self : PriorShiftClassifier

        Raises
        ------
        ValueError
            If there are not two classes, ``groups`` has missing values, a patient is on both sides
            of a split of ``cv``, ``cv`` tests images of one class only, weights leave only one
            class, or the estimator gives images no probability.

        Warns
        -----
        UnknownPatientsWarning
            If scores are needed to test with, because of ``cv`` or a frozen estimator, and neither
            ``groups`` nor ``X`` identifies the patients.
        """
        X, y = check_samples(X, y)
        self.pos_label_ = positive_label(y, self.pos_label)
        positive = y == self.pos_label_
        given = None if groups is None else check_groups(groups, len(y))
        frozen = isinstance(self.estimator, FrozenEstimator)
        patients = splits = None
        if frozen or self.cv is not None:
            patients, _ = find_patients_and_warn(X, len(y), given)
        if not frozen and self.cv is not None:
            splits = splits_of(self.cv, X, y, patients)
            # Before hours of training rather than after.
            self._refuse_one_class(positive[rows_tested(splits, patients, self.cv)])
        fit_params = self._params_of_estimator(fit_params, len(y))
        fit_params = groups_for(self.estimator, given) | fit_params

        self.training_prevalence_ = self._prevalence_of(positive, fit_params)

        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        task = context.subcontext("fit-estimator")
        model = clone(self.estimator)
        with fitted_in_task(model, X, y, fit_params, self, task) as self.estimator_:
            self._copy_fitted_attributes(self.estimator_)
        self.prevalence_ = float(
            self.training_prevalence_ if self.prevalence is None else self.prevalence
        )
        self.prevalence_interval_ = (np.nan, np.nan)
        self.shift_p_value_ = np.nan
        self.reference_ = self._reference(X, y, patients, splits, fit_params, context)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def adapt(self, X: Any, groups: Any = None) -> Self:
        """Estimate the prevalence among new images without labels, and adapt probabilities to it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            New images: all that were taken, as a selection has another prevalence.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample, as in :meth:`fit`.

        Returns
        -------
        self : PriorShiftClassifier
            With ``prevalence_``, ``prevalence_interval_`` and ``shift_p_value_``.

        Raises
        ------
        ValueError
            If the estimator gives images no probability.

        Warns
        -----
        AcquisitionShiftWarning
            If the new scores are not a mixture of those of the two classes at any prevalence
            (p < .01), or there are no scores to test against.
        UnknownPatientsWarning
            If neither ``groups`` nor ``X`` identifies the patients.
        """
        check_is_fitted(self)
        rng = check_random_state(self.random_state)
        scores = refuse_withheld(self._scores(X), self)
        new = Scores.of(scores, patients_of(X, len(scores), groups))
        # How many times likelier each score is for positive images than for negative ones.
        ratios = np.exp(logit(scores) - logit(self.training_prevalence_))
        self.prevalence_ = most_likely_prevalence(ratios)
        self.prevalence_interval_ = likelihood_interval(ratios, new.patient)
        if self.reference_ is None:
            self.shift_p_value_ = np.nan
            warnings.warn(
                "Whether the new images differ in more than prevalence was not tested, because "
                "there are no scores of the two classes to compare with. Pass cv, or fit with a "
                "FrozenEstimator on labelled images that are new to it.",
                AcquisitionShiftWarning,
                stacklevel=2,
            )
            return self
        self.shift_p_value_ = mixture_p_value(new, *self.reference_, self.n_resamples, rng)
        if self.shift_p_value_ < _SIGNIFICANT:
            warnings.warn(
                "At no prevalence are the scores of the new images a mixture of those of the two "
                f"classes (p = {self.shift_p_value_:.3f}): the images differ in more than "
                "prevalence, for example in how they were acquired. Neither the estimate "
                f"{self.prevalence_:.3f} nor the probabilities can be relied on. Compare the "
                "images with audit_images, and calibrate on labelled images from the new place.",
                AcquisitionShiftWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict probabilities of both classes at ``prevalence_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

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
        """Predict the class that is more probable at ``prevalence_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            NaN for images that a gate inside the estimator withholds.
        """
        probabilities = self.predict_proba(X)
        labels = self.classes_[probabilities.argmax(axis=1)]
        # A gate inside has withheld these: no probability is not a low one.
        withheld = np.isnan(probabilities[:, 0])
        return labels_withheld(labels, withheld) if withheld.any() else labels

    def _scores(self, X: Any) -> NDArray[np.float64]:
        """Compute the estimator's own probabilities of the positive class."""
        column = self.classes_.tolist().index(self.pos_label_)
        return _clipped(np.asarray(self.estimator_.predict_proba(X))[:, column])

    def _prevalence_of(self, positive: NDArray[np.bool_], fit_params: dict[str, Any]) -> float:
        """Compute the prevalence of training, as the estimator sees it."""
        if self.training_prevalence is not None:
            return float(self.training_prevalence)
        weights = _check_sample_weight(
            weights_in(fit_params, self.estimator), positive, ensure_non_negative=True
        )
        of_positive, of_negative = weights[positive].sum(), weights[~positive].sum()
        if min(of_positive, of_negative) <= 0:
            raise ValueError(
                "sample_weight is zero for all images of a class, so that only one class is left "
                "to learn. Give some of them a positive weight."
            )
        return float(of_positive / (of_positive + of_negative))

    def _refuse_one_class(self, tested: NDArray[np.bool_]) -> None:
        if tested.all() or not tested.any():
            raise ValueError(
                f"{name_of_cv(self.cv)} tests images of one class only, but adapt compares new "
                "scores with those of both. Use folds, such as cv=5."
            )

    def _reference(
        self,
        X: Any,
        y: NDArray[Any],
        patients: NDArray[Any] | None,
        splits: list[Any] | None,
        fit_params: dict[str, Any],
        context: Any,
    ) -> tuple[Scores, Scores] | None:
        """Compute scores of positive and negative images that the estimator was not fitted on."""
        if patients is None:
            return None
        rows = np.arange(len(y))
        if splits is None:
            scores = self._scores(X)
        else:
            rows = np.concatenate([test for _, test in splits])
            of_folds = [
                fit_and_score(
                    clone(self.estimator), X, y, split, self.pos_label_, fit_params, self,
                    context.subcontext("fit-fold"),
                )[1]
                for split in splits
            ]  # fmt: skip
            scores = _clipped(np.concatenate(of_folds))
        refuse_withheld(scores, self)
        positive, patient = y[rows] == self.pos_label_, patients[rows]
        of_positive, of_negative = (
            Scores.of(scores[of_class], patient[of_class]) for of_class in (positive, ~positive)
        )
        return of_positive, of_negative


def _clipped(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(scores.astype(np.float64), _NEAREST, 1 - _NEAREST)
