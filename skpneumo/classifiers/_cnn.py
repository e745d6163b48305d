"""Convolutional network classifier."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._sklearn import Interval, StrOptions
from skpneumo._warning_lines import users_stacklevel
from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers._base import BaseNetworkClassifier
from skpneumo.classifiers._saved_weights import read_weights, weights_for
from skpneumo.classifiers.engine._compiled import NetworkSpec, Weights
from skpneumo.networks import build_cnn


class CNNClassifier(BaseNetworkClassifier):
    """Convolutional network classifier, trained with Keras.

    The network has ``len(filters)`` blocks of convolutions, each followed by pooling, and then
    dense layers. It needs no scaling of uint8 images. Any other numbers are accepted as well,
    including rows of features, so the classifier works wherever those of scikit-learn do.

    Parameters
    ----------
    filters : sequence of int, default=(32, 64, 128)
        Filters of each block of convolutions. If empty, the network is dense.
    stem_filters : int, default=0
        Filters of a convolution of 5 x 5 pixels with stride 2 before the blocks, which halves
        images cheaply. With 0 there is none.
    convs_per_block : int, default=1
        Number of convolutions before each pooling.
    kernel_size : int, default=3
        Side of the convolution kernels, in pixels.
    padding : {"same", "valid"}, default="same"
        Padding of the convolutions.
    pooling : {"max", "average"} or None, default="max"
        How each block halves the image.
    global_pooling : {"average", "max"} or None, default=None
        How the last feature maps become a row: one number per map, or flattened.
    dense_units : sequence of int, default=(64,)
        Units of the dense layers.
    activation : str, default="relu"
        Name of a Keras activation.
    batch_norm : bool, default=False
        Whether to normalise each hidden layer over the batch.
    residual : bool, default=False
        Whether to add the input of each block to its output.
    dropout : float, default=0.0
        Share of units that are dropped in training, after each block and dense layer; in [0, 1).
    kernel_initializer : str, default="he_normal"
        Name of a Keras initializer.
    l1, l2 : float, default=0.0
        Penalties on the weights of every layer.
    activity_l2 : float, default=0.0
        Penalty on the outputs of the hidden layers.
    max_norm : float or None, default=None
        Maximum norm of the incoming weights of a unit.
    normalization : {"image", "local"} or None, default=None
        Normalise exposure and contrast of each image inside the network, in training and in
        prediction: by the mean and standard deviation of the whole image, with most weight on its
        centre, or locally by those of the surroundings, about an eighth of the sides wide.
    initial_weights : {"kermany"}, path or None, default=None
        Initial weights of all layers except the logits. "kermany" are weights that come with the
        package, for the network of the recipe ``robust``, trained on the published collection of
        children's X-rays (Kermany et al. [3]_); a path is that of a file of weights. The
        parameters of the network and the size of the images must be the same. None: random
        weights.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        A Keras optimizer or its name.
    learning_rate : float or None, default=None
        Learning rate. None: the default of the optimizer, which is 0.001 for ``"adam"``.
    schedule : {"cosine", "plateau"} or None, default=None
        How the learning rate changes: along half a cosine to zero, or to a tenth when the loss of
        inner validation has not decreased for half of ``n_iter_no_change`` epochs.
    warmup_epochs : float, default=0
        Epochs over which the rate increases linearly from zero, with ``schedule="cosine"``.
    momentum : float or None, default=None
        Momentum of an optimizer that has one, such as ``"sgd"``. None: the default of the
        optimizer.
    weight_decay : float or None, default=None
        Weight decay per step, relative to the rate. None: the default of the optimizer.
    ema_momentum : float or None, default=None
        Maximum momentum, such as 0.997, of an exponential moving average of the weights over
        steps. The momentum increases, so that the average never covers more than a tenth of the
        steps so far. The averages are validated and saved instead of the last weights.
    batch_size : int, default=32
        Number of images per step.
    epochs : int, default=10
        Maximum number of passes over the images; more if ``min_steps`` requires it.
    min_steps : int, default=0
        Minimum number of steps of a fit. If ``epochs`` passes over few images are fewer steps,
        there are more epochs, and the warm-up is longer in proportion.
    early_stopping : bool, default=False
        Hold out ``validation_fraction`` of the images, stop when their loss has not decreased by
        ``tol`` for ``n_iter_no_change`` epochs, and restore the weights of the best epoch. The
        held-out part is stratified. Identical images are kept together, and so are images of a
        patient if ``X`` comes from :class:`~skpneumo.ImageLoader`. It is never augmented.
    validation_fraction : float, default=0.1
        Share of each class that is held out.
    n_iter_no_change : int, default=5
        Epochs without improvement before training stops.
    tol : float, default=0.0
        Minimum decrease of the validation loss that counts as an improvement.
    loss : {"cross_entropy", "focal"}, default="cross_entropy"
        Loss to minimise; focal loss (Lin et al. [1]_) puts less weight on easy images.
    label_smoothing : float, default=0.0
        Share of each label that is distributed over all classes.
    balanced_batches : bool, default=False
        Whether to sample the same number of images of each class in every epoch.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss.
    augmentation : ImageAugmenter or None, default=None
        Random changes of the training images, sampled again for every image in every epoch.
        ``predict`` and inner validation use the original images.
    mixup : float, default=0.0
        Mix pairs of images and labels, with shares from a beta distribution with this parameter
        (Zhang et al. [2]_). With 0, none are mixed.
    n_tta : int, default=0
        Predict the mean over the image and this many versions changed by ``augmentation``
        (test-time augmentation, TTA).
    image_shape : tuple of (height, width, channels) or None, default=None
        How to reshape rows of pixels to images. None: rows become images one pixel high.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Called during training, after inner validation has been added to the logs. Copies are
        used, so that this parameter does not change; their ``model`` is the network, without
        augmentation.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the hidden layers in training and inner validation. Weights and logits are
        always float32, and all predictions are computed in float32. "auto" is bfloat16 if the
        processor multiplies it natively (a CPU with AVX512-BF16 or AMX under TensorFlow, an
        Nvidia GPU of compute capability 8 or more), else float32.
    devices : int, "all" or None, default=None
        Number of GPUs over which each batch is split, or all; on a machine without GPUs, the
        devices of the backend. The fit is the same as on one device, except for rounding. Only
        JAX splits batches; on TensorFlow and torch, values other than None and 1 are an error in
        ``fit``. None: the device that Keras chooses. If there are fewer devices than in ``fit``,
        prediction uses those that exist.
    verbose : int, default=0
        Verbosity: 1 shows a progress bar on a terminal, 2 a line per epoch; elsewhere 1 means 2.
    warm_start : bool, default=False
        Whether to continue where the last ``fit`` stopped, including the optimizer.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the images, dropout, augmentation and the
        held-out part. An int gives the same fit every time on the same machine.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    history_ : dict of str to list of float
        By epoch: ``loss`` and ``accuracy`` of the augmented training images, and with inner
        validation ``val_loss``, ``val_recall``, ``val_false_negatives`` (images, at a threshold
        of one half), ``val_specificity``, ``val_auc`` and ``val_accuracy``. Recall is that of the
        illness, according to the names of the classes, or that of all classes but 0; if the names
        do not tell, recall, false negatives and specificity are NaN.
    n_iter_ : int
        Number of epochs.
    network_ : keras.Model
        The fitted network, a new copy at each access; images -> logits.
    network_spec_ : object
        What ``network_`` is built from: a function of :mod:`skpneumo.networks` and its arguments.
    input_shape_ : tuple of (height, width, channels)
        Shape of one image.
    value_range_ : tuple of (low, high)
        Pixel values that the network maps to -1 and 1: 0 and 255 for uint8, otherwise the minimum
        and maximum seen in ``fit``.
    weights_ : list of ndarray
        The fitted weights, in the order of ``network_.get_weights()``.
    n_features_in_ : int
        Length of the first axis of an image, or of a row.

    See Also
    --------
    skpneumo.build_cnn : Build only the network.

    References
    ----------
    .. [1] Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection", ICCV 2017.
    .. [2] Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: beyond empirical risk minimization",
       ICLR 2018.
    .. [3] Kermany et al., "Identifying medical diagnoses and treatable diseases by image-based
       deep learning", Cell 172 (2018), 1122-1131.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo import CNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 20)
    >>> X = rng.integers(0, 128, size=(40, 16, 16, 1), dtype=np.uint8)
    >>> X[y == 1, 4:9, 4:9] += 100
    >>> cnn = CNNClassifier(filters=(8,), dense_units=(), epochs=20, random_state=0).fit(X, y)
    >>> cnn.score(X, y)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseNetworkClassifier._parameter_constraints,
        "filters": ["array-like"],
        "stem_filters": [Interval(Integral, 0, None, closed="left")],
        "convs_per_block": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "padding": [StrOptions({"same", "valid"})],
        "pooling": [StrOptions({"max", "average"}), None],
        "global_pooling": [StrOptions({"max", "average"}), None],
        "dense_units": ["array-like"],
        "activation": [str],
        "batch_norm": ["boolean"],
        "residual": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "kernel_initializer": [str],
        "l1": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "activity_l2": [Interval(Real, 0, None, closed="left")],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "normalization": [StrOptions({"image", "local"}), None],
        "initial_weights": [str, PathLike, None],
        "min_steps": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        filters: Sequence[int] = (32, 64, 128),
        *,
        stem_filters: int = 0,
        convs_per_block: int = 1,
        kernel_size: int = 3,
        padding: str = "same",
        pooling: str | None = "max",
        global_pooling: str | None = None,
        dense_units: Sequence[int] = (64,),
        activation: str = "relu",
        batch_norm: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        kernel_initializer: str = "he_normal",
        l1: float = 0.0,
        l2: float = 0.0,
        activity_l2: float = 0.0,
        max_norm: float | None = None,
        normalization: str | None = None,
        initial_weights: str | PathLike[str] | None = None,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        learning_rate: float | None = None,
        schedule: str | None = None,
        warmup_epochs: float = 0,
        momentum: float | None = None,
        weight_decay: float | None = None,
        ema_momentum: float | None = None,
        batch_size: int = 32,
        epochs: int = 10,
        min_steps: int = 0,
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
        self.filters = filters
        self.stem_filters = stem_filters
        self.convs_per_block = convs_per_block
        self.kernel_size = kernel_size
        self.padding = padding
        self.pooling = pooling
        self.global_pooling = global_pooling
        self.dense_units = dense_units
        self.activation = activation
        self.batch_norm = batch_norm
        self.residual = residual
        self.dropout = dropout
        self.kernel_initializer = kernel_initializer
        self.l1 = l1
        self.l2 = l2
        self.activity_l2 = activity_l2
        self.max_norm = max_norm
        self.normalization = normalization
        self.initial_weights = initial_weights
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.ema_momentum = ema_momentum
        self.batch_size = batch_size
        self.epochs = epochs
        self.min_steps = min_steps
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

        Warns
        -----
        UserWarning
            If the initial weights were trained on some of the images.
        """
        proba = super().predict_proba(X)
        self._warn_about_seen_images(X)
        return proba

    def _first_weights(self, X: Any) -> Weights | None:
        if self.initial_weights is None:
            return None
        self._warn_about_seen_images(X)
        arguments = dict(self.network_spec_.arguments)
        saved = read_weights(self.initial_weights)
        return weights_for(saved, arguments, arguments["n_outputs"])

    def _warn_about_seen_images(self, X: Any) -> None:
        """Warn about images that the initial weights were trained on: their scores mislead."""
        if self.initial_weights is None:
            return
        if n_seen := read_weights(self.initial_weights).n_seen(X):
            warnings.warn(
                f"initial_weights={str(self.initial_weights)!r} were trained on {n_seen} of these "
                f"{len(X)} images. Scores on them say nothing about other patients, and neither "
                "do those of cross-validation. Use images of other patients, or "
                "initial_weights=None.",
                stacklevel=users_stacklevel(),
            )

    def _n_epochs(self, n_images: int) -> int:
        steps_per_epoch = max(-(-n_images // int(self.batch_size)), 1)
        return max(int(self.epochs), -(-int(self.min_steps) // steps_per_epoch))

    def _network_spec(self) -> NetworkSpec:
        return NetworkSpec.of(
            build_cnn,
            input_shape=self.input_shape_,
            n_outputs=1 if len(self.classes_) == 2 else len(self.classes_),
            filters=self.filters,
            stem_filters=self.stem_filters,
            convs_per_block=self.convs_per_block,
            kernel_size=self.kernel_size,
            padding=self.padding,
            pooling=self.pooling,
            global_pooling=self.global_pooling,
            dense_units=self.dense_units,
            activation=self.activation,
            batch_norm=self.batch_norm,
            residual=self.residual,
            dropout=self.dropout,
            kernel_initializer=self.kernel_initializer,
            l1=self.l1,
            l2=self.l2,
            activity_l2=self.activity_l2,
            max_norm=self.max_norm,
            normalization=self.normalization,
            value_range=self.value_range_,
        )
