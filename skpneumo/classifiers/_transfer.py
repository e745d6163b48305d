"""A pretrained network as a classifier."""

from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers._base import BaseNetworkClassifier
from skpneumo.classifiers._keras import extract_features
from skpneumo.classifiers._programs import NetworkSpec
from skpneumo.networks import build_pretrained
from skpneumo.networks._pretrained import build_features, build_head


class TransferClassifier(BaseNetworkClassifier):
    """Classify images with a network trained on other images, by Keras.

    First the features of the frozen backbone are computed, once, and a head is trained on them.
    Then, if ``fine_tune_from`` says so, the upper layers of the backbone are trained with it at
    a lower rate.

    Parameters
    ----------
    backbone : str, default="MobileNet"
        Name of a function in :mod:`keras.applications`, such as ``"VGG16"`` or ``"Xception"``.
    backbone_options : dict or None, default=None
        More arguments of that function, such as ``{"alpha": 0.75}``.
    weights : {"imagenet"}, path or None, default="imagenet"
        Weights to begin with: Keras downloads those of ImageNet to its own cache; a path names
        a ``.weights.h5`` file of the backbone without its top; None is a random start.
    global_pooling : {"average", "max"}, default="average"
        How the last feature maps become one number each.
    head_units : sequence of int, default=()
        Units of the dense layers between features and logits. Empty: a linear head.
    activation : str, default="relu"
        Activation of these layers.
    dropout : float, default=0.0
        Share of features, and of units of each dense layer, dropped in training; in [0, 1).
    l2 : float, default=0.0
        Penalty on the weights of the head.
    fine_tune_from : str or None, default=None
        First layer of the backbone to train, or ``"all"``. None: only the head is trained.
    fine_tune_epochs : int, default=5
        Epochs of fine-tuning, at most.
    fine_tune_learning_rate : float, default=1e-5
        Step size of fine-tuning.
    optimizer, learning_rate, schedule, warmup_epochs, momentum, weight_decay, weight_averaging, \
batch_size, epochs, early_stopping, validation_fraction, n_iter_no_change, tol, loss, \
label_smoothing, balanced_batches, class_weight, augmentation, mixup, n_augmented_predictions, \
image_shape, callbacks, precision, verbose, warm_start, random_state : object
        As in :class:`~skpneumo.CNNClassifier`. ``augmentation`` and ``mixup`` act in
        fine-tuning only, because the head is trained on features computed once. ``fit`` with
        ``warm_start`` and ``partial_fit`` go on with the last of the two phases.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    history_ : dict of str to list of float
        By epoch, those of fine-tuning last.
    n_iter_ : int
        Epochs run.
    network_ : keras.Model
        The fitted network, built anew at each access; images -> logits.
    input_shape_, value_range_, weights_, n_features_in_ : object
        As in :class:`~skpneumo.CNNClassifier`.

    See Also
    --------
    skpneumo.build_pretrained : The network by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo import TransferClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 10)
    >>> X = rng.integers(0, 128, size=(20, 32, 32, 1), dtype=np.uint8)
    >>> X[y == 1] += 100
    >>> transfer = TransferClassifier(
    ...     "MobileNet", backbone_options={"alpha": 0.25}, weights=None, epochs=2, random_state=0
    ... )
    >>> transfer.fit(X, y).predict_proba(X).shape
    (20, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseNetworkClassifier._parameter_constraints,
        "backbone": [str],
        "backbone_options": [dict, None],
        "weights": [str, Path, None],
        "global_pooling": [StrOptions({"max", "average"})],
        "head_units": ["array-like"],
        "activation": [str],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "fine_tune_from": [str, None],
        "fine_tune_epochs": [Interval(Integral, 1, None, closed="left")],
        "fine_tune_learning_rate": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        backbone: str = "MobileNet",
        *,
        backbone_options: dict[str, Any] | None = None,
        weights: Any = "imagenet",
        global_pooling: str = "average",
        head_units: Any = (),
        activation: str = "relu",
        dropout: float = 0.0,
        l2: float = 0.0,
        fine_tune_from: str | None = None,
        fine_tune_epochs: int = 5,
        fine_tune_learning_rate: float = 1e-5,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        learning_rate: float | None = None,
        schedule: str | None = None,
        warmup_epochs: float = 0,
        momentum: float | None = None,
        weight_decay: float | None = None,
        weight_averaging: float | None = None,
        batch_size: int = 32,
        epochs: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 0.0,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        balanced_batches: bool = False,
        class_weight: Any = None,
        augmentation: ImageAugmenter | None = None,
        mixup: float = 0.0,
        n_augmented_predictions: int = 0,
        image_shape: Any = None,
        callbacks: Any = None,
        precision: str = "auto",
        verbose: int = 0,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        self.backbone = backbone
        self.backbone_options = backbone_options
        self.weights = weights
        self.global_pooling = global_pooling
        self.head_units = head_units
        self.activation = activation
        self.dropout = dropout
        self.l2 = l2
        self.fine_tune_from = fine_tune_from
        self.fine_tune_epochs = fine_tune_epochs
        self.fine_tune_learning_rate = fine_tune_learning_rate
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.weight_averaging = weight_averaging
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.balanced_batches = balanced_batches
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.mixup = mixup
        self.n_augmented_predictions = n_augmented_predictions
        self.image_shape = image_shape
        self.callbacks = callbacks
        self.precision = precision
        self.verbose = verbose
        self.warm_start = warm_start
        self.random_state = random_state

    def _network_spec(self) -> NetworkSpec:
        return NetworkSpec.of(
            build_pretrained, n_outputs=self._n_outputs, **self._body(), **self._head()
        )

    @property
    def _n_outputs(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _body(self) -> dict[str, Any]:
        return {
            "input_shape": self.input_shape_,
            "backbone": self.backbone,
            "backbone_options": tuple(sorted((self.backbone_options or {}).items())),
            "trainable_from": self.fine_tune_from,
            "global_pooling": self.global_pooling,
            "value_range": self.value_range_,
        }

    def _head(self) -> dict[str, Any]:
        return {
            "head_units": self.head_units,
            "activation": self.activation,
            "dropout": self.dropout,
            "l2": self.l2,
        }

    def _train(
        self,
        X: NDArray[Any],
        y: NDArray[np.intp],
        sample_weight: NDArray[np.float32],
        held_out: tuple[Any, Any, Any] | None,
        epochs: int,
        keep_state: bool,
    ) -> None:
        head_goes_on = self._training_state is not None and self.fine_tune_from is None
        if hasattr(self, "weights_") and not head_goes_on:
            super()._train(X, y, sample_weight, held_out, epochs, keep_state)
            return
        n_epochs = epochs + (0 if self.fine_tune_from is None else self.fine_tune_epochs)
        with self._reporting(X, y, n_epochs) as tasks:
            features_spec = NetworkSpec.of(build_features, **self._body())
            if self._training_state is None:
                seed = int(self._rng.randint(2**31 - 1))
                self._body_weights = features_spec.build(seed, weights=self.weights).get_weights()
            body = self._body_weights

            def features(images: NDArray[Any]) -> NDArray[np.float32]:
                return extract_features(features_spec, body, images, self.precision)

            train = features(X), y, sample_weight
            head_spec = NetworkSpec.of(
                build_head,
                input_shape=train[0].shape[1:],
                n_outputs=self._n_outputs,
                **self._head(),
            )
            head, history, state = self._train_network(
                head_spec,
                train,
                None if held_out is None else (features(held_out[0]), *held_out[1:]),
                start=self._training_state,
                tasks=tasks(lambda head: [*body, *head]),
                epochs=epochs,
                augmentation=None,
                mixup=0.0,
            )
            self.weights_ = [*body, *head]
            self._append_history(history)
            if self.fine_tune_from is not None:
                state = self._fine_tune((X, y, sample_weight), held_out, tasks)
        self._training_state = state if keep_state else None

    def _fine_tune(self, train: Any, held_out: Any, tasks: Callable[..., Any]) -> Any:
        self.weights_, history, state = self._train_network(
            self.network_spec_,
            train,
            held_out,
            start=None,
            start_weights=self.weights_,
            tasks=tasks(),
            epochs=self.fine_tune_epochs,
            learning_rate=self.fine_tune_learning_rate,
        )
        self._append_history(history)
        return state
