"""Classifier with a pretrained network."""

import inspect
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from skpneumo._file_state import file_state
from skpneumo._random import random_seed
from skpneumo._sklearn import Interval, StrOptions
from skpneumo._warning_lines import users_stacklevel
from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers._base import BaseNetworkClassifier, LabelledImages, MakeCallbacks
from skpneumo.classifiers.engine._compiled import NetworkSpec, Weights
from skpneumo.classifiers.engine._prediction import extract_features
from skpneumo.classifiers.engine._training import History, TrainingCheckpoint
from skpneumo.networks import build_pretrained
from skpneumo.networks._pretrained import build_features, build_head


class TransferClassifier(BaseNetworkClassifier):
    """Classifier with a pretrained backbone, trained with Keras.

    First, the features of the frozen backbone are computed once and standardised, and a head is
    trained on them. Then, with ``fine_tune_from``, the upper layers of the backbone are trained
    together with the head at a lower learning rate.

    Parameters
    ----------
    backbone : str, default="MobileNet"
        Name of a function in :mod:`keras.applications`, such as ``"VGG16"`` or ``"Xception"``.
    backbone_options : dict or None, default=None
        Further arguments of that function, such as ``{"alpha": 0.75}``.
    weights : {"imagenet"}, path or None, default="imagenet"
        Initial weights: ``"imagenet"``, which Keras downloads to its cache; the path of a
        ``.weights.h5`` file of the backbone without its top; or None for random weights.
    global_pooling : {"average", "max"}, default="average"
        How each of the last feature maps becomes one number.
    head_units : sequence of int, default=()
        Units of the dense layers between features and logits. If empty, the head is linear.
    activation : str, default="relu"
        Activation of these layers.
    dropout : float, default=0.0
        Share of features, and of units of each dense layer, that are dropped in training; in
        [0, 1).
    l2 : float, default=0.0
        Penalty on the weights of the head.
    fine_tune_from : str or None, default=None
        First layer of the backbone to train, or ``"all"``. With None, only the head is trained.
        Batch normalisation stays frozen. With ``weights=None`` there is only one phase: head and
        backbone, including batch normalisation, are trained together for ``fine_tune_epochs``.
    fine_tune_epochs : int, default=5
        Maximum number of epochs of fine-tuning.
    fine_tune_learning_rate : float, default=1e-5
        Learning rate of fine-tuning.
    optimizer, learning_rate, schedule, warmup_epochs, momentum, weight_decay, ema_momentum, \
batch_size, epochs, early_stopping, validation_fraction, n_iter_no_change, tol, loss, \
label_smoothing, balanced_batches, class_weight, augmentation, mixup, n_tta, \
image_shape, callbacks, precision, devices, verbose, warm_start, random_state : object
        As in :class:`~skpneumo.CNNClassifier`. ``augmentation`` and ``mixup`` affect only
        fine-tuning, because the head is trained on features that are computed once; an
        :class:`~skpneumo.ImageAugmenter` as a step before the classifier affects both phases.
        ``fit`` with ``warm_start`` continues the last phase. The first call of ``partial_fit``
        trains the head and standardises by its images; further calls fine-tune.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    history_ : dict of str to list of float
        Losses and scores by epoch; the epochs of fine-tuning are last.
    n_iter_ : int
        Number of epochs.
    network_ : keras.Model
        The fitted network, a new copy at each access; images -> logits.
    network_spec_, input_shape_, value_range_, weights_, n_features_in_ : object
        As in :class:`~skpneumo.CNNClassifier`.

    See Also
    --------
    skpneumo.build_pretrained : Build only the network.

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
        "weights": [str, os.PathLike, None],
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
        weights: str | os.PathLike[str] | None = "imagenet",
        global_pooling: str = "average",
        head_units: Sequence[int] = (),
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
        ema_momentum: float | None = None,
        batch_size: int = 32,
        epochs: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 0.0,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        balanced_batches: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        augmentation: ImageAugmenter | None = None,
        mixup: float = 0.0,
        n_tta: int = 0,
        image_shape: tuple[int, int, int] | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        precision: str = "auto",
        devices: int | str | None = None,
        verbose: int = 0,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
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
        self.ema_momentum = ema_momentum
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
        self.n_tta = n_tta
        self.image_shape = image_shape
        self.callbacks = callbacks
        self.precision = precision
        self.devices = devices
        self.verbose = verbose
        self.warm_start = warm_start
        self.random_state = random_state

    def _network_spec(self) -> NetworkSpec:
        return NetworkSpec.of(
            build_pretrained,
            input_shape=self.input_shape_,
            n_outputs=1 if len(self.classes_) == 2 else len(self.classes_),
            backbone=self.backbone,
            backbone_options=tuple(sorted((self.backbone_options or {}).items())),
            trainable_from=self.fine_tune_from,
            trainable_norm=self.weights is None,
            global_pooling=self.global_pooling,
            head_units=self.head_units,
            activation=self.activation,
            dropout=self.dropout,
            l2=self.l2,
        )

    @property
    def _features_spec(self) -> NetworkSpec:
        # The features share one program for any head and any trainable layers.
        return _part(self.network_spec_, build_features, trainable_from=None)

    def _head_spec(self, n_features: int) -> NetworkSpec:
        return _part(self.network_spec_, build_head, input_shape=(n_features,))

    def _split(self, weights: Weights) -> tuple[Weights, Weights]:
        """Separate the weights of features and head; each layer of the head has two."""
        n_hidden = len(dict(self.network_spec_.arguments)["head_units"])
        n_head = 2 * (n_hidden + 1)
        return weights[:-n_head], weights[-n_head:]

    def _parts(self) -> list[tuple[NetworkSpec, Weights]]:
        body, head = self._split(self.weights_)
        return [(self._features_spec, body), (self._head_spec(len(head[0])), head)]

    def _train(
        self, train: LabelledImages, held_out: LabelledImages | None, n_epochs: int | None = None
    ) -> None:
        self._warn_about_unused_parameters()
        phases = self._phases(n_epochs)
        weights: Any = getattr(self, "weights_", None)
        histories = []
        X, y, _ = train
        with self._reporting(X, y, sum(epochs for _, epochs in phases)) as make_callbacks:
            for train_phase, epochs in phases:
                weights, history, checkpoint = train_phase(
                    weights, train, held_out, make_callbacks, epochs=epochs
                )
                histories.append(history)
            self.weights_ = weights
            for history in histories:
                self._append_history(history)
        self._checkpoint = checkpoint if self.warm_start or n_epochs is not None else None

    def _phases(self, n_epochs: int | None) -> list[tuple[Callable[..., Any], int]]:
        """List the phases of training, each with its number of epochs."""
        head, fine_tuning = self._train_head, self._fine_tune
        phases = [(head, int(self.epochs)), (fine_tuning, int(self.fine_tune_epochs))]
        if self.fine_tune_from is None:
            phases = phases[:1]
        elif self.weights is None or hasattr(self, "weights_"):
            phases = phases[1:]
        return phases if n_epochs is None else [(phases[0][0], n_epochs)]

    def _train_head(
        self,
        weights: Weights | None,
        train: LabelledImages,
        held_out: LabelledImages | None,
        make_callbacks: MakeCallbacks,
        epochs: int,
    ) -> tuple[Weights, History, TrainingCheckpoint]:
        """Train the head on standardised features that are computed once."""
        X, y, sample_weight = train
        if weights is None:
            body, head = self._initial_body(), None
            features = self._features(body, X)
            scaler = StandardScaler().fit(features)
            mean, deviation = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
            body = [*body[:-2], mean, deviation]
            features = (features - mean) / deviation
        else:
            body, head = self._split(weights)
            features = self._features(body, X)
        for array in body:
            array.setflags(write=False)
        head_spec = self._head_spec(features.shape[1])
        head, history, checkpoint = self._train_network(
            head_spec,
            (features, y, sample_weight),
            held_out and (self._features(body, held_out[0]), *held_out[1:]),
            checkpoint=self._checkpoint_of(head_spec),
            initial_weights=head,
            callbacks=make_callbacks(lambda head: [*body, *head]),
            epochs=epochs,
            augmentation=None,
            mixup=0.0,
        )
        return [*body, *head], history, checkpoint

    def _fine_tune(
        self,
        weights: Weights | None,
        train: LabelledImages,
        held_out: LabelledImages | None,
        make_callbacks: MakeCallbacks,
        epochs: int,
    ) -> tuple[Weights, History, TrainingCheckpoint]:
        """Train the head and the upper layers, from these weights or from random ones."""
        if weights is None:
            network = self.network_spec_.build(self._next_seed(), value_range=self.value_range_)
            weights = network.get_weights()
        return self._train_network(
            self.network_spec_,
            train,
            held_out,
            checkpoint=self._checkpoint_of(self.network_spec_),
            initial_weights=weights,
            callbacks=make_callbacks(),
            epochs=epochs,
            learning_rate=self.fine_tune_learning_rate,
        )

    def _checkpoint_of(self, spec: NetworkSpec) -> TrainingCheckpoint | None:
        """Return the checkpoint, unless it is of the other phase, which trains another network."""
        checkpoint = self._checkpoint
        if checkpoint is None or checkpoint.spec.network != spec.with_placeholders:
            return None
        return checkpoint

    def _features(self, body: Weights, X: Any) -> NDArray[np.float32]:
        return extract_features(self._features_spec, body, X, self.precision, self.devices)

    def _initial_body(self) -> Weights:
        path = None if self.weights in (None, "imagenet") else Path(self.weights)
        return list(
            _build_body(
                _part(self.network_spec_, build_features),
                path or ("imagenet" if self.weights == "imagenet" else None),
                None if path is None else file_state(path),
                self.value_range_,
                # Without random layers, the seed does not matter.
                self._next_seed() if self.weights is None else None,
            )
        )

    def _next_seed(self) -> int:
        return random_seed(self._rng)

    def _warn_about_unused_parameters(self) -> None:
        if self.fine_tune_from is not None:
            return
        unused = ["mixup"] if self.mixup else []
        if self.augmentation is not None and not self.n_tta:
            unused.append("augmentation")
        if unused:
            warnings.warn(
                f"{' and '.join(unused)} have no effect: the features of a frozen backbone are "
                "computed once. Set fine_tune_from, or put the ImageAugmenter before the "
                "classifier as a step of the pipeline, which appends augmented copies.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )


@lru_cache(maxsize=2)
def _build_body(
    spec: NetworkSpec,
    weights: str | Path | None,
    state: Any,  # by which a file that has been changed since is read again
    value_range: tuple[float, float],
    seed: int | None,
) -> Weights:
    """Build the initial weights, which all folds and candidates of a search share.

    Building a backbone takes seconds.
    """
    return spec.build(seed, weights=weights, value_range=value_range).get_weights()


def _part(spec: NetworkSpec, builder: Callable[..., keras.Model], **changes: Any) -> NetworkSpec:
    """Describe a part of a network, with those of its arguments that the part accepts."""
    arguments = dict(spec.arguments) | changes
    accepted = inspect.signature(builder).parameters.keys() & arguments.keys()
    return NetworkSpec.of(builder, **{name: arguments[name] for name in sorted(accepted)})
