"""Base class of the classifiers: checks, inner validation, fitted state as arrays."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from skpneumo._images import is_stream
from skpneumo._log_probabilities import LogProbaMixin
from skpneumo._machine import require_memory
from skpneumo._random import check_random_state, random_seeds
from skpneumo._settings import pinned
from skpneumo._sklearn import (
    Interval,
    StrOptions,
    _fit_context,
    with_callbacks,
)
from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers._callbacks import (
    EpochReporter,
    check_monitors,
    copied_callbacks,
    validation_callbacks,
)
from skpneumo.classifiers._inputs import (
    ImageInputMixin,
    check_labels,
    check_weight_of_classes,
    combined_weights,
    encode_labels,
)
from skpneumo.classifiers._parameters import (
    check_network_is_the_same,
    check_network_parameters,
    python_number,
)
from skpneumo.classifiers._validation_split import (
    check_validation_images,
    patients_of_rows,
    training_and_validation,
)
from skpneumo.classifiers.engine._compiled import NetworkSpec, Weights
from skpneumo.classifiers.engine._options import PredictProba, TrainingOptions
from skpneumo.classifiers.engine._prediction import (
    AugmentedViews,
    extract_last_features,
    predict_probabilities,
)
from skpneumo.classifiers.engine._training import History, TrainingCheckpoint, fit_network

if TYPE_CHECKING:
    from scikeras.wrappers import KerasClassifier

LabelledImages = tuple[Any, NDArray[np.intp], NDArray[np.float32]]  # X, y, sample_weight
# Its optional argument completes the weights of a network of which only a part is trained.
MakeCallbacks = Callable[..., list[keras.callbacks.Callback]]

_NOT_PARAMETERS = {"n_classes", "value_range", "epochs", "callbacks"}
_TRAINING_PARAMETERS = {field.name for field in fields(TrainingOptions)} - _NOT_PARAMETERS


class BaseNetworkClassifier(
    ImageInputMixin, LogProbaMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator, ABC
):
    """Base class of image classifiers; a subclass defines the network."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "optimizer": [str, keras.optimizers.Optimizer],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "schedule": [StrOptions({"cosine", "plateau"}), None],
        "warmup_epochs": [Interval(Real, 0, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="left"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "ema_momentum": [Interval(Real, 0, 1, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "loss": [StrOptions({"cross_entropy", "focal"})],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "balanced_batches": ["boolean"],
        "augmentation": [ImageAugmenter, None],
        "mixup": [Interval(Real, 0, None, closed="left")],
        "n_tta": [Interval(Integral, 0, None, closed="left")],
        "image_shape": [tuple, list, None],
        "callbacks": [list, tuple, None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "devices": [Interval(Integral, 1, None, closed="left"), StrOptions({"all"}), None],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _network_spec(self) -> NetworkSpec:
        """Describe the network to train, by the parameters and the data seen in ``fit``."""

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @pinned
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train the network from scratch, or continue training with ``warm_start``.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images, preferably uint8, or rows of numbers.
        y : array-like of shape (n_samples,)
            Labels of two or more classes, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image in the loss.
        groups : array-like of shape (n_samples,), default=None
            The patient of each image, for inner validation, which keeps images of a patient
            together. None uses the patients that ``X`` carries, or reads them from its file names.
        X_val, y_val : array-like, default=None
            Images and labels for inner validation, instead of a part of ``X``.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If ``X`` contains paths or NaN, or has another shape than ``image_shape``, if ``y``
            has one class or another length than ``X``, or if the training loss becomes infinite.

        Warns
        -----
        UnknownPatientsWarning
            If images are held out for inner validation and their patients are unknown.
        UserWarning
            If patients of ``X_val`` are also in ``X``, the initial weights were trained on images
            of ``X``, batches cannot be split evenly over the devices, or parameters have no effect
            because the backbone stays frozen.
        """
        continued = self.warm_start and hasattr(self, "weights_")
        check_validation_images(X, X_val, y_val)
        carrier = X  # the checks convert it to a plain array
        if not continued:
            self._reset()
        X, y = self._check_images(X, y, reset=not continued)
        if not continued:
            self._initialize(X, y)
        y, weights = self._encode(y), combined_weights(X, y, sample_weight, self.class_weight)
        check_weight_of_classes(y, weights, self.classes_)
        held_out = None
        if X_val is not None:
            held_out = self._check_held_out(X_val, y_val)
        elif self.early_stopping:
            patients = patients_of_rows(carrier, y, groups)
            (X, y, weights), held_out = self._split_off_validation((X, y, weights), patients)
        self._train((X, y, weights), held_out)
        return self

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @pinned
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on these images, without inner validation.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images, preferably uint8, or rows of numbers.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All classes; needed in the first call if ``y`` does not contain all of them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image in the loss.

        Returns
        -------
        self : object
            The classifier.

        Raises
        ------
        ValueError
            As in ``fit``, and if ``class_weight="balanced"``, which needs all images.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} would weight each batch of partial_fit by "
                "its own labels. Pass a dict of the weights of all images: dict(zip(classes, "
                "compute_class_weight('balanced', classes=classes, y=all_labels)))."
            )
        check_labels(classes, "classes")
        continued = hasattr(self, "weights_")
        if not continued:
            self._reset()
        X, y = self._check_images(X, y, reset=not continued)
        if not continued:
            self._initialize(X, y if classes is None else np.asarray(classes), is_all=False)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={list(classes)} differs from those of the first call, "
                f"{self.classes_.tolist()}. Leave it out after the first call."
            )
        weights = combined_weights(X, y, sample_weight, self.class_weight)
        self._train((X, self._encode(y), weights), None, n_epochs=1)
        return self

    @pinned
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images of the shape seen in ``fit``.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; each row sums to 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the classifier has not been fitted.
        ValueError
            If ``X`` has another shape than in ``fit``, contains paths or NaN, or its values cannot
            be the same kind of pixels.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        views = None
        if self.n_tta and self.augmentation is not None:
            views = AugmentedViews(
                self.augmentation, self.n_tta, self.value_range_, self._tta_seed
            )
        return predict_probabilities(self._parts(), X, views, self.devices)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images of the shape seen in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            A label of ``classes_`` for each image.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)  # raises if it is not fitted
        return self.classes_[most_probable]

    @pinned
    def last_features(self, X: Any) -> NDArray[np.float32]:
        """Compute the output of the last layer before the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images of the shape seen in ``fit``.

        Returns
        -------
        features : ndarray of shape (n_samples, n_last_features)
            A row for each image, without test-time augmentation. The logits are a linear function
            of it.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        return extract_last_features(self._parts(), X, self.devices)

    @property
    @pinned
    def network_(self) -> keras.Model:
        """The fitted network as a new :class:`keras.Model`, images -> logits."""
        check_is_fitted(self)
        network = self.network_spec_.build()
        network.set_weights(self.weights_)
        return network

    @pinned
    def to_scikeras(self) -> "KerasClassifier":
        """Wrap the fitted network for scikeras; the wrapper gives the same probabilities.

        Returns
        -------
        wrapper : scikeras.wrappers.KerasClassifier
            A copy of the network is ``wrapper.model_``, compiled with the optimizer of this
            classifier. ``wrapper.partial_fit`` trains it on more images, in an order that depends
            on its ``random_state``.
        """
        from skpneumo.classifiers.engine._scikeras import as_scikeras

        return as_scikeras(self)

    def _parts(self) -> list[tuple[NetworkSpec, Weights]]:
        """Return the fitted network as a single part, or as parts that are applied in order."""
        return [(self.network_spec_, self.weights_)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags

    def _reset(self) -> None:
        """Remove results of earlier fits, so that an interrupted fit leaves a consistent state."""
        for name in ("weights_", "history_", "n_iter_"):
            self.__dict__.pop(name, None)

    def _initialize(self, X: NDArray[Any], y: NDArray[Any], is_all: bool = True) -> None:
        """Define the network for these images and labels, which may be all or the first batch."""
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs images of at least 2 classes; all {len(y)} labels "
                f"are {self.classes_.tolist()[0]!r}. Check how y was made, or whether a fold or "
                "filter left only one class."
            )
        self.value_range_ = self._value_range(X, is_all)
        self._rng = check_random_state(self.random_state)
        self._tta_seed, self._validation_seed = random_seeds(self._rng, 2)
        self._checkpoint: TrainingCheckpoint | None = None
        check_network_parameters(self)
        self.network_spec_ = self._network_spec()

    def _split_off_validation(
        self, train: LabelledImages, patients: NDArray[np.object_]
    ) -> tuple[LabelledImages, LabelledImages]:
        """Split off images of some patients for inner validation."""
        X, y, sample_weight = train
        # The same seed in a warm start, so that the same images are held out.
        rng = np.random.RandomState(self._validation_seed)
        trained, held_out = training_and_validation(
            X, y, patients, self.validation_fraction, rng, self.classes_
        )
        if not is_stream(X):
            require_memory(
                X.nbytes,
                f"A copy of the {len(X)} images, without those of inner validation",
                "Pass images for inner validation as X_val and y_val, load images with "
                "ImageLoader(stream=True), or load smaller ones with size=.",
            )
        return (
            (X[trained], y[trained], sample_weight[trained]),
            (X[held_out], y[held_out], sample_weight[held_out]),
        )

    def _train(
        self, train: LabelledImages, held_out: LabelledImages | None, n_epochs: int | None = None
    ) -> None:
        """Train according to the parameters, or for ``n_epochs`` of a longer training."""
        X, y, sample_weight = train
        n_images = int(np.count_nonzero(sample_weight))  # images of weight zero do not count
        epochs = self._n_epochs(n_images) if n_epochs is None else n_epochs
        with self._reporting(X, y, epochs) as make_callbacks:
            self.weights_, history, checkpoint = self._train_network(
                self.network_spec_,
                train,
                held_out,
                checkpoint=self._checkpoint,
                initial_weights=getattr(self, "weights_", None) or self._first_weights(X),
                callbacks=make_callbacks(),
                epochs=epochs,
                warmup_epochs=self.warmup_epochs * max(epochs / self.epochs, 1.0),
            )
            self._append_history(history)
        self._checkpoint = checkpoint if self.warm_start or n_epochs is not None else None

    def _n_epochs(self, n_images: int) -> int:
        """Return the number of epochs of a fit with this number of images."""
        return int(self.epochs)

    def _first_weights(self, X: Any) -> Weights | None:
        """Return the initial weights of a fit from scratch; None for random ones."""
        return None

    def _append_history(self, history: History) -> None:
        """Append to the history; scores of inner validation are NaN in epochs without it."""
        n_before = getattr(self, "n_iter_", 0)
        before = getattr(self, "history_", {})
        self.n_iter_ = n_before + len(history["loss"])
        self.history_ = {
            name: before.get(name, [np.nan] * n_before)
            + history.get(name, [np.nan] * len(history["loss"]))
            for name in {"loss": [], **before, **history}  # loss first, although Keras sorts them
        }

    @contextmanager
    def _reporting(
        self, X: NDArray[Any], y: NDArray[np.intp], epochs: int
    ) -> Iterator[MakeCallbacks]:
        """Report a fit to the callbacks of scikit-learn, and yield a function that makes others.

        It returns a list of Keras callbacks: one that reports epochs, and copies of the user's
        callbacks, which are the same in all phases of a fit.
        """
        own = copied_callbacks(self.callbacks)
        context = self._init_callback_context(max_subtasks=epochs)
        hook_arguments = {"estimator": self, "X": X, "y": self.classes_[y]}
        context.call_on_fit_task_begin(**hook_arguments)
        yield lambda *options: [EpochReporter(context, hook_arguments, *options), *own]
        context.call_on_fit_task_end(**hook_arguments, reconstruction_attributes={})

    def _train_network(
        self,
        spec: NetworkSpec,
        train: LabelledImages,
        held_out: LabelledImages | None,
        *,
        checkpoint: TrainingCheckpoint | None,
        initial_weights: Weights | None,
        callbacks: list[keras.callbacks.Callback],
        **changes: Any,
    ) -> tuple[Weights, History, TrainingCheckpoint]:
        """Train a network with the parameters of this classifier, except for the changes."""
        check_network_is_the_same(self.network_spec_, self._network_spec())
        check_monitors(self.callbacks or (), self.schedule, validated=held_out is not None)

        def all_callbacks(predict_proba: PredictProba) -> list[keras.callbacks.Callback]:
            if held_out is None:
                return callbacks
            return [*validation_callbacks(self, predict_proba, *held_out), *callbacks]

        options = {name: python_number(getattr(self, name)) for name in _TRAINING_PARAMETERS} | {
            "n_classes": len(self.classes_),
            "value_range": self.value_range_,
            "callbacks": all_callbacks,
        }
        training = TrainingOptions(**options | changes)
        return fit_network(spec, *train, training, self._rng, checkpoint, initial_weights)

    def _check_held_out(self, X_val: Any, y_val: Any) -> LabelledImages:
        try:
            X_val, y_val = self._check_images(X_val, y_val)
            return X_val, self._encode(y_val), np.ones(len(y_val), dtype=np.float32)
        except ValueError as error:
            raise ValueError(f"In X_val and y_val: {error}") from error

    def _encode(self, y: NDArray[Any]) -> NDArray[np.intp]:
        return encode_labels(y, self.classes_)
