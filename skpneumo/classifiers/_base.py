"""What all classifiers share: checking images, holding rows out, fitted state as arrays."""

import os
from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers._callbacks import InnerValidation, ScikitLearnTasks
from skpneumo.classifiers._inner_validation import hold_out
from skpneumo.classifiers._keras import Training, fit_network, predict_probabilities
from skpneumo.classifiers._programs import NetworkSpec

# Large enough to keep the cores busy, small enough that feature maps of large images fit.
_PREDICTION_BATCH = 64


class BaseNetworkClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator, ABC):
    """A network as a classifier of images; what network it is, a subclass decides."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "optimizer": [str, keras.optimizers.Optimizer],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "augmentation": [ImageAugmenter, None],
        "image_shape": [tuple, list, None],
        "callbacks": [list, tuple, None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _network_spec(self) -> NetworkSpec:
        """Say which network to train, from the parameters and what ``fit`` saw of the data."""

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train the network from scratch.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images, best as uint8, or rows of numbers.
        y : array-like of shape (n_samples,)
            Labels of two or more classes, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image in the loss.
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
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        filenames = getattr(X, "filenames", None)
        X, y = self._check_images(X, y, reset=True)
        encoder = LabelEncoder().fit(y)
        if len(encoder.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs images of at least 2 classes; all {len(y)} labels "
                f"are {encoder.classes_[0]!r}. Check how y was made, or whether a fold or filter "
                "left one class only."
            )
        self.classes_ = encoder.classes_
        targets = encoder.transform(y)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float32)
        weights = weights * compute_sample_weight(self.class_weight, y).astype(np.float32)
        rng = check_random_state(self.random_state)
        is_uint8 = X.dtype == np.uint8
        self.value_range_ = (0.0, 255.0) if is_uint8 else (float(X.min()), float(X.max()))
        self.network_spec_ = self._network_spec()

        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together; got only one of them.")
        held_out = None
        if X_val is not None:
            X_val, y_val = self._check_images(X_val, y_val)
            held_out = X_val, encoder.transform(y_val), np.ones(len(y_val), dtype=np.float32)
        elif self.early_stopping:
            rows = hold_out(X, targets, filenames, self.validation_fraction, rng)
            held_out = X[rows], targets[rows], weights[rows]
            X, targets, weights = X[~rows], targets[~rows], weights[~rows]

        context = self._init_callback_context(max_subtasks=self.epochs)
        hook_arguments = {"estimator": self, "X": X, "y": self.classes_[targets]}
        context.call_on_fit_task_begin(**hook_arguments)
        callbacks = [ScikitLearnTasks(context, hook_arguments), *(self.callbacks or ())]
        if held_out is not None:
            callbacks = [*self._validation(*held_out), *callbacks]
        training = Training(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            epochs=self.epochs,
            augmentation=self.augmentation,
            value_range=self.value_range_,
            callbacks=callbacks,
            precision=self.precision,
            verbose=int(self.verbose),
        )
        self.weights_, self.history_ = fit_network(
            self.network_spec_, X, targets, weights, training, rng
        )
        self.n_iter_ = len(self.history_["loss"])
        context.call_on_fit_task_end(**hook_arguments, reconstruction_attributes={})
        return self

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
        return self._predict_proba(self.weights_, self._check_images(X))

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
    def network_(self) -> keras.Model:
        """The fitted network: a new :class:`keras.Model`, images -> logits."""
        check_is_fitted(self)
        network = self.network_spec_.build()
        network.set_weights(self.weights_)
        return network

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags

    def _predict_proba(self, weights: Any, images: NDArray[Any]) -> NDArray[np.float64]:
        return predict_probabilities(
            self.network_spec_, weights, images, _PREDICTION_BATCH, self.precision
        )

    def _validation(
        self, X: NDArray[Any], y: NDArray[np.intp], sample_weight: NDArray[np.float32]
    ) -> list[keras.callbacks.Callback]:
        validation = InnerValidation(lambda now: self._predict_proba(now, X), y, sample_weight)
        if not self.early_stopping:
            return [validation]
        stopping = keras.callbacks.EarlyStopping(
            "val_loss",
            min_delta=self.tol,
            patience=self.n_iter_no_change,
            restore_best_weights=True,
        )
        return [validation, stopping]

    def _check_images(self, X: Any, y: Any = None, reset: bool = False) -> Any:
        """Bring X to images of shape (n_samples, height, width, channels); check y if given."""
        labels = {} if y is None else {"y": y}
        try:
            checked = validate_data(self, X, reset=reset, allow_nd=True, dtype="numeric", **labels)
        except (TypeError, ValueError) as error:
            first = next(iter(np.asarray(X, dtype=object).flat), None)
            if not isinstance(first, (str, os.PathLike)):
                raise
            raise ValueError(
                f"{type(self).__name__} takes images, got text such as {str(first)!r}. "
                "Put an ImageLoader before it: make_pipeline(ImageLoader(), ...)."
            ) from error
        X = checked if y is None else checked[0]
        if X.ndim == 2:
            X = X.reshape(len(X), *self._strip_shape(X.shape[1]))
        elif X.ndim != 4:
            raise ValueError(
                f"Expected images of shape (n_samples, height, width, channels) or rows of "
                f"numbers, got shape {X.shape}. Add the channel of grey images with X[..., None]."
            )
        elif self.image_shape is not None and tuple(self.image_shape) != X.shape[1:]:
            raise ValueError(
                f"image_shape={tuple(self.image_shape)}, but X holds images of {X.shape[1:]}. "
                "Leave image_shape at None for images; it is for rows of pixels."
            )
        if reset:
            self.input_shape_ = X.shape[1:]
        elif X.shape[1:] != self.input_shape_:
            raise ValueError(
                f"X holds images of shape {X.shape[1:]}, but this {type(self).__name__} was "
                f"fitted on {self.input_shape_}. Load them with "
                f"ImageLoader(size={self.input_shape_[:2]})."
            )
        if y is None:
            return X
        check_classification_targets(checked[1])
        return X, checked[1]

    def _strip_shape(self, n_features: int) -> tuple[int, int, int]:
        if self.image_shape is None:
            return 1, n_features, 1
        height, width, channels = self.image_shape
        if height * width * channels != n_features:
            raise ValueError(
                f"image_shape={(height, width, channels)} asks for {height * width * channels} "
                f"numbers a row, but X has {n_features} features."
            )
        return height, width, channels
