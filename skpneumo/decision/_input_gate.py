"""Classifier that withholds predictions for images unlike the training images."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from skpneumo._fit_arguments import groups_for
from skpneumo._gate_parts import REASONS, labels_withheld
from skpneumo._paths import filenames_of
from skpneumo._patients import find_patients_and_warn
from skpneumo._random import check_random_state, random_seed
from skpneumo._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _check_method_params,
    _fit_context,
    _safe_indexing,
)
from skpneumo._warning_lines import users_stacklevel
from skpneumo.decision._binary_wrapper import (
    WrapperMixin,
    check_samples,
    fitted_in_task,
    whole_or_not_fitted,
)
from skpneumo.decision._gate_calibration import choose_thresholds, terms_of_gate
from skpneumo.decision._gate_checks import GateChecks
from skpneumo.decision._gate_inputs import GateInputs, ImagesToCheck, changed_copies
from skpneumo.splitting import patient_train_test_split

__all__ = ["FewPatientsWarning", "InputGate", "OutlierImageError", "OutlierImageWarning"]

_N_FOLDS = 5
_MOST_FEATURES = 4096
_MOST_NAMED = 5


class OutlierImageWarning(UserWarning):
    """Warning that some images are unlike the training images.

    Predictions for them mean nothing.

    Examples
    --------
    Look at the images that it names, or let :class:`InputGate` return NaN for them:

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.decision import InputGate, OutlierImageWarning
    >>> X, y = np.random.default_rng(0).normal(size=(100, 3)), np.repeat([0, 1], 50)
    >>> gate = InputGate(GaussianNB(), false_alarm_rate=0.1).fit(X, y, groups=range(100))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", OutlierImageWarning)
    ...     predicted = gate.predict([[9, 9, 9]])
    >>> gate.set_params(on_outlier="nan").predict([[9, 9, 9]])
    array([nan])
    """


class FewPatientsWarning(UserWarning):
    """Warning that there are too few patients to support the false alarm rate asked for.

    Examples
    --------
    The attribute ``false_alarm_rate_`` has the rate that they support:

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.decision import InputGate, FewPatientsWarning
    >>> X, y = np.random.default_rng(0).normal(size=(100, 3)), np.repeat([0, 1], 50)
    >>> gate = InputGate(GaussianNB(), false_alarm_rate=0.001)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FewPatientsWarning)
    ...     rate = gate.fit(X, y, groups=range(100)).false_alarm_rate_
    >>> rate > 0.001
    True
    """


class OutlierImageError(ValueError):
    """Error raised when some images are unlike the training images; nothing is predicted.

    Attributes
    ----------
    reasons : ndarray of str, shape (n_images,)
        Why each image is withheld; empty for images that pass.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.decision import InputGate, OutlierImageError
    >>> X, y = np.random.default_rng(0).normal(size=(100, 3)), np.repeat([0, 1], 50)
    >>> gate = InputGate(GaussianNB(), on_outlier="raise", false_alarm_rate=0.1)
    >>> gate = gate.fit(X, y, groups=range(100))
    >>> try:
    ...     gate.predict([[0, 0, 0], [9, 9, 9]])
    ... except OutlierImageError as error:
    ...     np.flatnonzero(error.reasons)
    array([1])
    """

    def __init__(self, message: str, reasons: NDArray[np.object_]) -> None:
        super().__init__(message, reasons)
        self.reasons = reasons

    def __str__(self) -> str:
        return str(self.args[0])


class InputGate(
    WrapperMixin, CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    r"""Classifier that withholds predictions for images unlike the training images.

    A network gives a probability for anything: noise, a hand, a photograph, an X-ray that is
    upside down. This classifier first checks whether an image is like the training images. If it
    is not, it warns, returns NaN or raises an error. It does not check whether the prediction is
    right.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        Model to fit: a whole pipeline from paths, a :class:`~skpneumo.RecallFloorClassifier`, or a
        classifier of images or of rows. A fitted model in a
        :class:`~sklearn.frozen.FrozenEstimator` is not fitted again.

    on_outlier : {"warn", "nan", "raise"}, default="warn"
        What :meth:`predict` and :meth:`predict_proba` do when an image is withheld: predict with
        an :class:`OutlierImageWarning`, return NaN for these images, or raise an
        :class:`OutlierImageError`. With "nan" the labels are float, or object if the classes are
        text.

    false_alarm_rate : float, default=0.01
        Share of new patients like those of the training data who may have an image withheld, in
        (0, 1). See Notes for the conditions.

    calibration_fraction : float, default=None
        Share of the patients to hold out from fitting the estimator, and to choose the thresholds
        on. None fits the estimator on all patients, and chooses the thresholds by cross-validating
        the checks alone.

    max_images : int, default=2000
        Largest number of images to fit the checks on, from patients drawn at random. With an
        altered copy of each, twice as many are stored as references.

    random_state : int, RandomState instance or None, default=0
        Seed of the selection of patients, of the folds and of the altered copies.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    estimator_ : estimator
        The fitted model.
    checks_ : list of str
        Which of the checks "features", "pixels", "orientation" and "polarity" are performed, in
        the order of ``thresholds_`` and of the columns of :meth:`check_scores`.
    thresholds_ : ndarray of shape (n_checks,), float64
        An image is withheld if any of its scores is above the threshold of its check.
    feature_columns_ : ndarray of int, or None
        Which of the network's last features are used; None for all.
    feature_reducer_, pixel_reducer_ : PCA or None
        Projection of the features (whitened), and of the 32 x 32 grey levels (not whitened), to 64
        components or fewer. None without a network, or without images.
    feature_references_, pixel_references_ : ndarray of shape (n_references, n_components) or None
        Training images in the reduced spaces, float32.
    orientation_, polarity_ : LogisticRegression or None
        Classifiers of 32 x 32 grey levels; ``decision_function`` is the score.
    false_alarm_rate_ : float
        The rate that is supported: the one asked for, or a greater one if there are too few
        patients.
    n_patients_ : int
        Number of patients that the thresholds were chosen on.
    calibration_ : {"fitted", "held out", "frozen"}
        Whether the estimator was fitted on these patients, was not, or was passed already fitted.
    patients_known_ : bool
        Whether the patient of every image was given or could be read from its file name.
    terms_ : str
        What the rate means and its conditions, in a sentence or two.
    n_features_in_ : int
        Number of features seen during :term:`fit`, if the estimator reports it.
    feature_names_in_ : ndarray of str
        Names of features seen during :term:`fit`, if the estimator reports it.

    See Also
    --------
    RecallFloorClassifier : Chooses a decision threshold; can be the ``estimator`` of this one.
    skpneumo.audit_images : Finds problems in a whole collection.

    Notes
    -----
    **Checks.** The score of each check is higher the less an image is like the training images.

    - "features": Euclidean distance to the fifth nearest reference [1]_ among the network's last
      features (those that the logits are linear in), projected to 64 principal components and
      whitened: most of a network's variance separates the classes, and little of it shows what is
      unusual. Of several networks the first is used. Without a network, the rows of ``X`` are used
      if they are numbers.
    - "pixels": the same, not whitened, of 32 x 32 grey levels, means over a grid of cells, of
      mean 0 and standard deviation 1 in each image.
    - "orientation" and "polarity": log odds by logistic regressions of the same grey levels that
      an image is upside down or rotated by 180 degrees, and that it is a negative.

    Every training image is used a second time, mirrored or rotated by up to 10 degrees, both as a
    reference and in choosing the thresholds, so that such images pass.

    **The rate.** The unit is the patient: the highest score of a patient's images, copies
    included. The same number of patients exceeds the threshold of each check, the greatest number
    for which the share of patients above any threshold stays below the rate. The scores are of
    patients that the checks were not fitted on, in five folds. The estimator itself is not fitted
    again in each fold, which would cost five more trainings: with ``calibration_fraction=None``
    the network has seen the patients that the thresholds are chosen on. If it has overfitted, new
    patients score higher, and more of them are withheld than stated. ``calibration_fraction``
    avoids this by leaving patients out of the network's training, which then has fewer.
    ``calibration_`` and ``terms_`` say which was done.

    An image that passes may still come from another hospital, age group or disease than the
    training images.

    References
    ----------
    .. [1] Y. Sun, Y. Ming, X. Zhu and Y. Li, "Out-of-distribution detection with deep nearest
       neighbors", ICML 2022.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skpneumo import ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.decision import InputGate
    >>> xrays = make_chest_xray(n_patients=60, size=64, random_state=0)
    >>> X = ImageLoader(size=16).transform(xrays.filenames)
    >>> flat = FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255)
    >>> model = make_pipeline(flat, LogisticRegression())
    >>> gate = InputGate(model, on_outlier="nan", false_alarm_rate=0.1).fit(X, xrays.target)
    >>> gate.checks_
    ['pixels', 'orientation', 'polarity']
    >>> images = X[:2].copy()
    >>> images[1] = images[1, ::-1]
    >>> gate.reasons(images).tolist()
    ['', 'unlike the training images, upside down']
    >>> gate.predict_proba(images).round(1)
    array([[0.6, 0.4],
           [nan, nan]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "on_outlier": [StrOptions({"warn", "nan", "raise"})],
        "false_alarm_rate": [Interval(Real, 0, 1, closed="neither")],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "max_images": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        on_outlier: str = "warn",
        false_alarm_rate: float = 0.01,
        calibration_fraction: float | None = None,
        max_images: int = 2000,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.estimator = estimator
        self.on_outlier = on_outlier
        self.false_alarm_rate = false_alarm_rate
        self.calibration_fraction = calibration_fraction
        self.max_images = max_images
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)  # the estimator inside is not validated
    @whole_or_not_fitted
    def fit(self, X: Any, y: Any, groups: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator and the checks, and choose the thresholds.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``: paths, images or features.
        y : array-like of shape (n_samples,)
            Labels.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample. If None, patients are taken from ``X`` or read from its file
            names; failing that, each sample counts as its own patient, with a warning. Passed on
            to an estimator whose ``fit`` can use them.
        **fit_params : dict
            Passed to ``estimator.fit``. With ``calibration_fraction``, those with one entry per
            sample are restricted to the patients that it is fitted on.

        Returns
        -------
        self : InputGate

        Raises
        ------
        ValueError
            If there are fewer than two patients, or ``groups`` has missing values.

        Warns
        -----
        FewPatientsWarning
            If there are too few patients to support ``false_alarm_rate``.
        UnknownPatientsWarning
            If neither ``groups`` nor ``X`` identifies the patients.
        """
        X, y = check_samples(X, y)
        check_classification_targets(y)
        patients, known = find_patients_and_warn(X, len(y), groups)
        self.patients_known_ = bool(known.all())
        codes = np.unique(patients, return_inverse=True)[1]
        fit_params = self._params_of_estimator(fit_params, len(y))
        fit_params = groups_for(self.estimator, None if groups is None else patients) | fit_params
        rng = check_random_state(self.random_state)

        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        training, calibration = self._split(y, codes, rng)
        self._fit_estimator(X, y, training, fit_params, context)
        with threadpool_limits(1, "blas"):  # fits this small only wait for their threads
            self._fit_checks(X, codes, training, calibration, rng)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict class probabilities; NaN for withheld images with ``on_outlier="nan"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.

        Raises
        ------
        OutlierImageError
            If images are withheld and ``on_outlier="raise"``.

        Warns
        -----
        OutlierImageWarning
            If images are withheld and ``on_outlier="warn"``.
        """
        check_is_fitted(self)
        to_check = ImagesToCheck(self.estimator_, X)
        probabilities = np.asarray(to_check.predictor.predict_proba(to_check.transformed))
        withheld = self._report_outliers(to_check, X)
        if self.on_outlier == "nan":
            probabilities = probabilities.astype(np.result_type(probabilities, np.float32))
            probabilities[withheld] = np.nan
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels; NaN for withheld images with ``on_outlier="nan"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Entries of ``classes_``. With ``on_outlier="nan"`` numeric labels are float and text
            labels are object, whether or not images are withheld.

        Raises
        ------
        OutlierImageError
            If images are withheld and ``on_outlier="raise"``.

        Warns
        -----
        OutlierImageWarning
            If images are withheld and ``on_outlier="warn"``.
        """
        check_is_fitted(self)
        to_check = ImagesToCheck(self.estimator_, X)
        labels = np.asarray(to_check.predictor.predict(to_check.transformed))
        withheld = self._report_outliers(to_check, X)
        if self.on_outlier == "nan":
            return labels_withheld(labels, withheld)
        return labels

    def reasons(self, X: Any) -> NDArray[np.object_]:
        """Explain why each image is withheld.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        reasons : ndarray of str, shape (n_samples,), dtype object
            The checks that each image fails, in words; empty if it passes.
        """
        check_is_fitted(self)
        return self._reasons(ImagesToCheck(self.estimator_, X))

    def check_scores(self, X: Any) -> NDArray[np.float64]:
        """Compute the scores of the checks, higher the less an image is like the training images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of ``estimator``.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_checks)
            Columns in the order of ``checks_``.
        """
        check_is_fitted(self)
        return self._scores(ImagesToCheck(self.estimator_, X))

    def _split(
        self, y: NDArray[Any], codes: NDArray[np.intp], rng: np.random.RandomState
    ) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
        """Split the rows into those to fit on and those held out to choose thresholds, if any."""
        rows = np.arange(len(y))
        if isinstance(self.estimator, FrozenEstimator):
            self.calibration_ = "frozen"
            return rows, None
        if self.calibration_fraction is None:
            self.calibration_ = "fitted"
            return rows, None
        self.calibration_ = "held out"
        training, calibration, *_ = patient_train_test_split(
            rows, y, test_size=float(self.calibration_fraction), groups=codes,
            random_state=random_seed(rng),
        )  # fmt: skip
        return training, calibration

    def _fit_estimator(
        self,
        X: Any,
        y: NDArray[Any],
        rows: NDArray[np.intp],
        fit_params: dict[str, Any],
        context: Any,
    ) -> None:
        if len(rows) < len(y):
            fit_params = _check_method_params(X, fit_params, indices=rows)
            X, y = _safe_indexing(X, rows), y[rows]
        task = context.subcontext("fit-estimator")
        model = clone(self.estimator)
        with fitted_in_task(model, X, y, fit_params, self, task) as self.estimator_:
            self._copy_fitted_attributes(self.estimator_)

    def _fit_checks(
        self,
        X: Any,
        codes: NDArray[np.intp],
        training: NDArray[np.intp],
        calibration: NDArray[np.intp] | None,
        rng: np.random.RandomState,
    ) -> None:
        """Fit the checks on some patients, and choose the thresholds on others."""
        rows = self._sample(codes, training, rng)
        self.feature_columns_: NDArray[np.intp] | None = None
        seen = self._inputs_with_copies(X, rows, rng)
        patients = np.tile(codes[rows], 2)
        seed = random_seed(rng)
        checks = GateChecks.fit(seen, seed)
        if calibration is None:
            scores = _out_of_fold_scores(seen, patients, seed)
        else:
            rows = self._sample(codes, calibration, rng)
            patients = np.tile(codes[rows], 2)
            scores = checks.scores(self._inputs_with_copies(X, rows, rng))
        self.checks_ = list(scores)
        checks.assign_to(self)
        self.n_patients_ = len(np.unique(patients))
        self.thresholds_, self.false_alarm_rate_ = choose_thresholds(
            np.stack(list(scores.values()), axis=1), patients, self.false_alarm_rate
        )
        self.terms_ = terms_of_gate(self)
        if self.false_alarm_rate_ > self.false_alarm_rate:
            warnings.warn(self.terms_, FewPatientsWarning, stacklevel=users_stacklevel())

    def _sample(
        self, codes: NDArray[np.intp], among: NDArray[np.intp], rng: np.random.RandomState
    ) -> NDArray[np.intp]:
        """Draw whole patients at random: at least two, and up to ``max_images`` images."""
        patients, sizes = np.unique(codes[among], return_counts=True)
        if len(patients) < 2:
            raise ValueError(
                f"All images are of {len(patients)} patient, but the checks are fitted on some "
                "patients and their thresholds chosen on others. Pass images of at least two "
                "patients."
            )
        order = rng.permutation(len(patients))
        fitting = np.cumsum(sizes[order]) <= self.max_images
        fitting[:2] = True
        return among[np.isin(codes[among], patients[order[fitting]])]

    def _inputs_with_copies(
        self, X: Any, rows: NDArray[np.intp], rng: np.random.RandomState
    ) -> GateInputs:
        """Compute what is checked of the images, and of an altered copy of each."""
        to_check = ImagesToCheck(self.estimator_, _safe_indexing(X, rows))
        seen, copies = [], []
        for batch, inputs in to_check.batches():
            if self.feature_columns_ is None:
                self.feature_columns_ = _columns(inputs, rng)
            seen.append(inputs.with_columns(self.feature_columns_))
            if inputs.pixels is None:
                copies.append(seen[-1])
            else:
                copies.append(to_check.of(changed_copies(batch, rng), self.feature_columns_))
        return GateInputs.concatenated([*seen, *copies])

    def _scores(self, to_check: ImagesToCheck) -> NDArray[np.float64]:
        checks = GateChecks.of(self)
        scores = [checks.scores(inputs) for _, inputs in to_check.batches(self.feature_columns_)]
        return np.concatenate([np.stack(list(each.values()), axis=1) for each in scores])

    def _reasons(self, to_check: ImagesToCheck) -> NDArray[np.object_]:
        failed = self._scores(to_check) > self.thresholds_
        texts = [REASONS[name] for name in self.checks_]
        reasons = [
            ", ".join(text for text, fails in zip(texts, row, strict=True) if fails)
            for row in failed
        ]
        return np.array(reasons, dtype=object)

    def _report_outliers(self, to_check: ImagesToCheck, X: Any) -> NDArray[np.bool_]:
        """Find the images to withhold, and warn or raise as ``on_outlier`` says."""
        reasons = self._reasons(to_check)
        withheld = reasons != ""
        if withheld.any() and self.on_outlier != "nan":
            message = _message(reasons, filenames_of(X))
            if self.on_outlier == "raise":
                raise OutlierImageError(message, reasons)
            warnings.warn(message, OutlierImageWarning, stacklevel=users_stacklevel())
        return withheld


def _columns(inputs: GateInputs, rng: np.random.RandomState) -> NDArray[np.intp] | None:
    """Select features at random if there are too many."""
    if inputs.features is None or inputs.features.shape[1] <= _MOST_FEATURES:
        return None
    return np.sort(rng.permutation(inputs.features.shape[1])[:_MOST_FEATURES])


def _out_of_fold_scores(
    seen: GateInputs, patients: NDArray[np.intp], seed: int
) -> dict[str, NDArray[np.float64]]:
    n_folds = min(_N_FOLDS, len(np.unique(patients)))
    folds = GroupKFold(n_folds, shuffle=True, random_state=seed)
    scores: dict[str, NDArray[np.float64]] = {}
    for train, test in folds.split(patients, groups=patients):
        of_fold = GateChecks.fit(seen.rows(train), seed).scores(seen.rows(test))
        for name, values in of_fold.items():
            scores.setdefault(name, np.empty(len(patients)))[test] = values
    return scores


def _message(reasons: NDArray[np.object_], filenames: NDArray[np.object_] | None) -> str:
    rows = np.flatnonzero(reasons != "")
    named = [
        f"{f'image {row}' if filenames is None else filenames[row]} ({reasons[row]})"
        for row in rows[:_MOST_NAMED]
    ]
    more = ", ..." if len(rows) > _MOST_NAMED else ""
    return (
        f"{len(rows)} of {len(reasons)} images are unlike the training images, so predictions for "
        f"them mean nothing: {', '.join(named)}{more}. Look at these images, and correct them or "
        "leave them out."
    )
