"""What all classifiers share: checks, inner validation, fitted state as arrays."""

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
from sklearn.utils import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from skpneumo._images import is_stream
from skpneumo._machine import require_memory
from skpneumo._random import check_random_state, random_seeds
from skpneumo._settings import pinned
from skpneumo._sklearn import (
    Interval,
    StrOptions,
    _check_sample_weight,
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
from skpneumo.classifiers._inputs import check_labels, check_weight_of_classes
from skpneumo.classifiers._last_features import LastFeaturesMixin
from skpneumo.classifiers._parameters import (
    check_network_is_the_same,
    check_network_parameters,
)
from skpneumo.classifiers._validation_split import rows_of_patients, training_and_validation
from skpneumo.classifiers.engine._compiled import NetworkSpec, Weights
from skpneumo.classifiers.engine._prediction import predict_probabilities
from skpneumo.classifiers.engine._training import (
    History,
    PredictProba,
    TrainingCheckpoint,
    TrainingOptions,
    fit_network,
)
from skpneumo.classifiers.engine._tta import AugmentedViews

if TYPE_CHECKING:
    from scikeras.wrappers import KerasClassifier

# With what makes whole weights of those that are trained, if these are a part.
MakeCallbacks = Callable[..., list[keras.callbacks.Callback]]

_NOT_PARAMETERS = {"n_classes", "value_range", "epochs", "callbacks"}
_TRAINING_PARAMETERS = {field.name for field in fields(TrainingOptions)} - _NOT_PARAMETERS


class BaseNetworkClassifier(
    LastFeaturesMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator, ABC
):
    """Base of the classifiers of images; a subclass decides on the network."""

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
        """Say which network to train, from the parameters and what ``fit`` saw of the data."""

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
        """Train the network: from scratch, or further with ``warm_start``.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images, best as uint8, or rows of numbers.
        y : array-like of shape (n_samples,)
            Labels of two or more classes, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image in the loss.
        groups : array-like of shape (n_samples,), default=None
            The patient of each image, for inner validation: images of one patient stay together.
            None: the patients that ``X`` carries, else what the names of its files tell.
        X_val, y_val : array-like, default=None
            Images and labels for inner validation, in place of a part of ``X``.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If ``X`` holds paths, NaN or another shape than ``image_shape``, ``y`` has one class
            or another length than ``X``, or the training loss becomes infinite.

        Warns
        -----
        UnknownPatientsWarning
            If images are held out for inner validation and nothing tells their patients.
        """
        continued = self.warm_start and hasattr(self, "weights_")
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together; got only one of them.")
        carrier = X  # checks make a plain array of it
        if not continued:
            self._reset()
        X, y = self._check_images(X, y, reset=not continued)
        if not continued:
            self._initialize(X, y)
        y, weights = self._encode(y), self._check_sample_weight(X, y, sample_weight)
        check_weight_of_classes(y, weights, self.classes_)
        held_out = None
        if X_val is not None:
            held_out = self._check_held_out(X_val, y_val)
        elif self.early_stopping:
            # After a warm start the same seed, so that the same images are held out.
            rng = np.random.RandomState(self._validation_seed)
            trained, rows = training_and_validation(
                X, y, rows_of_patients(carrier, y, groups), self.validation_fraction, rng,
                self.classes_,
            )  # fmt: skip
            if not is_stream(X):
                require_memory(
                    X.nbytes,
                    f"A copy of the {len(X)} images, without those of inner validation",
                    "Pass these as X_val and y_val, load the images by "
                    "ImageLoader(stream=True), or smaller ones by size=.",
                )
            held_out = X[rows], y[rows], weights[rows]
            X, y, weights = X[trained], y[trained], weights[trained]
        self._train(X, y, weights, held_out)
        return self

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    @pinned
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these images, without inner validation.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images, best as uint8, or rows of numbers.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels there will ever be; needed in the first call if ``y`` lacks one.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image in the loss.

        Returns
        -------
        self : object
            The classifier.

        Raises
        ------
        ValueError
            As in ``fit``, and with ``class_weight="balanced"``, which is about all images.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} would weigh each batch of partial_fit by its "
                "own labels. Pass a dict of the weights of all images: dict(zip(classes, "
                "compute_class_weight('balanced', classes=classes, y=all_labels)))."
            )
        check_labels(classes, "classes")
        continued = hasattr(self, "weights_")
        if not continued:
            self._reset()
        X, y = self._check_images(X, y, reset=not continued)
        if not continued:
            self._initialize(X, y if classes is None else np.asarray(classes), whole=False)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={list(classes)} differs from those of the first call, "
                f"{self.classes_.tolist()}. Leave it out after the first call."
            )
        weights = self._check_sample_weight(X, y, sample_weight)
        self._train(X, self._encode(y), weights, None, n_epochs=1)
        return self

    @pinned
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images of the shape seen in ``fit``.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; each row sums to 1.
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
        """Most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images of the shape seen in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            A label of ``classes_`` for each image.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return self.classes_[most_probable]

    @property
    @pinned
    def network_(self) -> keras.Model:
        """The fitted network: a new :class:`keras.Model`, images -> logits."""
        check_is_fitted(self)
        network = self.network_spec_.build()
        network.set_weights(self.weights_)
        return network

    @pinned
    def to_scikeras(self) -> "KerasClassifier":
        """Wrap the fitted network for scikeras, whose wrapper gives the same probabilities.

        Returns
        -------
        wrapper : scikeras.wrappers.KerasClassifier
            An own copy of the network as ``wrapper.model_``, compiled with this classifier's
            optimizer. ``wrapper.partial_fit`` trains it on more images; their order follows
            from its ``random_state``.
        """
        from skpneumo.classifiers.engine._scikeras import as_scikeras

        return as_scikeras(self)

    def _parts(self) -> list[tuple[NetworkSpec, Weights]]:
        """Give the fitted network in one piece, or in pieces of which each feeds the next."""
        return [(self.network_spec_, self.weights_)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags

    def _reset(self) -> None:
        """Remove what earlier fits set, so that an interrupted fit leaves nothing half changed."""
        for name in ("weights_", "history_", "n_iter_"):
            self.__dict__.pop(name, None)

    def _initialize(self, X: NDArray[Any], y: NDArray[Any], whole: bool = True) -> None:
        """Decide on the network for these images and labels, and for others if not the whole."""
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs images of at least 2 classes; all {len(y)} labels "
                f"are {self.classes_.tolist()[0]!r}. Check how y was made, or whether a fold or "
                "filter left one class only."
            )
        self.value_range_ = self._value_range(X, whole)
        self._rng = check_random_state(self.random_state)
        self._tta_seed, self._validation_seed = random_seeds(self._rng, 2)
        self._checkpoint: TrainingCheckpoint | None = None
        check_network_parameters(self)
        self.network_spec_ = self._network_spec()

    def _train(
        self,
        X: NDArray[Any],
        y: NDArray[np.intp],
        sample_weight: NDArray[np.float32],
        held_out: tuple[Any, Any, Any] | None,
        n_epochs: int | None = None,
    ) -> None:
        """Train as the parameters say, or for some epochs of which others will follow."""
        n_images = int(np.count_nonzero(sample_weight))  # those of weight zero teach nothing
        epochs = self._n_epochs(n_images) if n_epochs is None else n_epochs
        with self._reporting(X, y, epochs) as make_callbacks:
            self.weights_, history, checkpoint = self._train_network(
                self.network_spec_,
                (X, y, sample_weight),
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
        """Say how often a fit passes over so many images."""
        return self.epochs

    def _first_weights(self, X: Any) -> Weights | None:
        """Give the weights that a first fit begins with; None are random ones."""
        return None

    def _append_history(self, history: History) -> None:
        """Continue the history; epochs without inner validation have NaN for its scores."""
        n_before = getattr(self, "n_iter_", 0)
        before = getattr(self, "history_", {})
        self.n_iter_ = n_before + len(history["loss"])
        self.history_ = {
            name: before.get(name, [np.nan] * n_before)
            + history.get(name, [np.nan] * len(history["loss"]))
            for name in {"loss": [], **before, **history}  # Keras has sorted them
        }

    @contextmanager
    def _reporting(
        self, X: NDArray[Any], y: NDArray[np.intp], epochs: int
    ) -> Iterator[MakeCallbacks]:
        """Tell scikit-learn's callbacks of one fit, and of its epochs by what is yielded.

        That makes a list of Keras callbacks: one that tells of epochs, and copies of the user's,
        which are the same ones in all phases of a fit.
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
        train: tuple[Any, Any, Any],
        held_out: tuple[Any, Any, Any] | None,
        *,
        checkpoint: TrainingCheckpoint | None,
        initial_weights: Weights | None = None,
        callbacks: list[keras.callbacks.Callback],
        **changes: Any,
    ) -> tuple[Weights, History, TrainingCheckpoint]:
        """Train a network by the parameters of this classifier, but for the changes."""
        check_network_is_the_same(self.network_spec_, self._network_spec())
        check_monitors(callbacks[1:], self.schedule, validated=held_out is not None)

        def all_callbacks(predict_proba: PredictProba) -> list[keras.callbacks.Callback]:
            validation = []
            if held_out is not None:
                validation = validation_callbacks(self, predict_proba, *held_out)
            return [*validation, *callbacks]

        options = {name: getattr(self, name) for name in _TRAINING_PARAMETERS} | {
            "n_classes": len(self.classes_),
            "value_range": self.value_range_,
            "callbacks": all_callbacks,
        }
        training = TrainingOptions(**options | changes)
        return fit_network(spec, *train, training, self._rng, checkpoint, initial_weights)

    def _check_held_out(self, X_val: Any, y_val: Any) -> tuple[Any, Any, Any]:
        try:
            X_val, y_val = self._check_images(X_val, y_val)
            return X_val, self._encode(y_val), np.ones(len(y_val), dtype=np.float32)
        except ValueError as error:
            raise ValueError(f"In X_val and y_val: {error}") from error

    def _encode(self, y: NDArray[Any]) -> NDArray[np.intp]:
        unseen = np.setdiff1d(y, self.classes_)
        if len(unseen):
            raise ValueError(
                f"y holds the labels {unseen.tolist()}, which are not among the classes "
                f"{self.classes_.tolist()} that training began with."
            )
        return np.searchsorted(self.classes_, y)

    def _check_sample_weight(
        self, X: NDArray[Any], y: NDArray[Any], sample_weight: Any
    ) -> NDArray[np.float32]:
        sample_weight = _check_sample_weight(
            sample_weight, X, dtype=np.float32, ensure_non_negative=True
        )
        class_weight = compute_sample_weight(self.class_weight, y).astype(np.float32)
        if class_weight.min() < 0:
            raise ValueError(f"class_weight={self.class_weight} has negative weights.")
        return sample_weight * class_weight
