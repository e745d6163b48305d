"""Recipes of published studies.

Each function says which settings its study states, and which were left open and chosen here.
"""

from typing import Any

from skpneumo import classifiers  # its names import Keras when they are used
from skpneumo.augmentation import ImageAugmenter
from skpneumo.pipeline import Pipeline
from skpneumo.rebalancing import ImageResampler
from skpneumo.recipes._recipe import Recipe, pipeline

# Used if a study does not state it: enough for the loss to converge.
EPOCHS = 20


def dense_baseline(random_state: Any) -> Pipeline:
    """One small dense network.

    Stated: no more. Chosen: 64 px, one layer of 32 units, Adam, 20 epochs.
    """
    return _dense((32,), random_state)


def dense_32_64_96_128(random_state: Any) -> Pipeline:
    """A dense network of 32, 64, 96 and 128 units.

    Stated: the units. Chosen: 64 px, Adam, 20 epochs.
    """
    return _dense((32, 64, 96, 128), random_state)


def cnn_50_50_75(random_state: Any) -> Pipeline:
    """Three valid convolutions and a dense layer, trained with plain SGD.

    Stated: 50, 50 and 75 filters without padding, 75 dense units, SGD without more, 100 px.
    Chosen: kernels of 3, max pooling after each convolution, Keras's rate of .01, 20 epochs.
    """
    network = classifiers.CNNClassifier(
        filters=(50, 50, 75),
        padding="valid",
        dense_units=(75,),
        optimizer="sgd",
        epochs=EPOCHS,
        random_state=random_state,
    )
    return pipeline(100, network)


def cnn_64_128_256(random_state: Any) -> Pipeline:
    """Three padded convolutions with a strong L2 penalty, on rotated, shifted and flipped images.

    Stated: 64, 128 and 256 filters, padded, he_normal, L2 .01 on every layer, 64 dense units,
    Adam, 128 px, rotation 30, shifts .15, shear .1, zoom .1, vertical flip, nearest fill, 40
    epochs. Chosen: kernels of 3, max pooling, batches of 32. The shear is a tenth of a degree, as
    in the Keras function that studies used.
    """
    network = classifiers.CNNClassifier(
        filters=(64, 128, 256),
        padding="same",
        kernel_initializer="he_normal",
        l2=0.01,
        dense_units=(64,),
        optimizer="adam",
        epochs=40,
        augmentation=ImageAugmenter(
            rotation=30,
            width_shift=0.15,
            height_shift=0.15,
            shear=0.1,
            zoom=0.1,
            vertical_flip=True,
            fill_mode="nearest",
        ),
        random_state=random_state,
    )
    return pipeline(128, network)


def cnn_double_conv(random_state: Any) -> Pipeline:
    """Five blocks of two convolutions with batch norm and dropout.

    Stated: no more. Chosen: 16 to 256 filters, dropout .2, 128 dense units, 128 px, Adam, 20
    epochs.
    """
    network = classifiers.CNNClassifier(
        filters=(16, 32, 64, 128, 256),
        convs_per_block=2,
        batch_norm=True,
        dropout=0.2,
        dense_units=(128,),
        epochs=EPOCHS,
        random_state=random_state,
    )
    return pipeline(128, network)


def cnn_undersampled(random_state: Any) -> Pipeline:
    """Convolutions, a dense layer and dropout, on equal numbers of PNEUMONIA and NORMAL images.

    Stated: PNEUMONIA undersampled to the number of NORMAL, layers of these kinds. Chosen: 32, 64
    and 128 filters, 128 dense units, dropout .3, 128 px, Adam, 20 epochs.
    """
    network = classifiers.CNNClassifier(
        filters=(32, 64, 128),
        dense_units=(128,),
        dropout=0.3,
        epochs=EPOCHS,
        random_state=random_state,
    )
    return pipeline(128, network, ImageResampler("under", random_state=random_state))


def cnn_conv_pool_dropout(random_state: Any) -> Pipeline:
    """Three blocks of convolution, pooling and dropout, on larger images.

    Stated: only this, and 200 px. Chosen: 32, 64 and 128 filters, max pooling, dropout .25, 128
    dense units, Adam, 20 epochs.
    """
    network = classifiers.CNNClassifier(
        filters=(32, 64, 128),
        dense_units=(128,),
        dropout=0.25,
        epochs=EPOCHS,
        random_state=random_state,
    )
    return pipeline(200, network)


def vgg16(random_state: Any) -> Pipeline:
    """Frozen VGG16 with two dense layers on top.

    Stated: frozen, head dropout .2, dense 192 and 256, RMSprop, early stopping. Chosen: 128 px,
    average pooling of the features, at most 50 epochs, stopping after 5 without improvement.
    """
    network = classifiers.TransferClassifier(
        "VGG16",
        head_units=(192, 256),
        dropout=0.2,
        optimizer="rmsprop",
        epochs=50,
        early_stopping=True,
        n_iter_no_change=5,
        random_state=random_state,
    )
    return pipeline(128, network)


def xception(random_state: Any) -> Pipeline:
    """Frozen Xception with a linear head.

    Stated: the backbone. Chosen: everything else, as for any backbone.
    """
    return frozen("Xception", random_state)


def frozen(backbone: str, random_state: Any) -> Pipeline:
    """A frozen backbone of keras.applications with a linear head.

    Not from a study: 128 px, average pooling of the features, dropout .2, Adam, at most 50 epochs,
    stopping after 5 without improvement.
    """
    network = classifiers.TransferClassifier(
        backbone,
        dropout=0.2,
        epochs=50,
        early_stopping=True,
        n_iter_no_change=5,
        random_state=random_state,
    )
    return pipeline(128, network)


def _dense(units: tuple[int, ...], random_state: Any) -> Pipeline:
    network = classifiers.CNNClassifier(
        filters=(), dense_units=units, epochs=EPOCHS, random_state=random_state
    )
    return pipeline(64, network)


RECIPES = (
    Recipe("dense-baseline", dense_baseline, published="accuracy .94 on a new split"),
    Recipe("dense-32-64-96-128", dense_32_64_96_128, published=".75"),
    Recipe("cnn-50-50-75", cnn_50_50_75, published=".72"),
    Recipe("cnn-64-128-256", cnn_64_128_256, published=".85"),
    Recipe("cnn-double-conv", cnn_double_conv, published=".74"),
    Recipe("cnn-undersampled", cnn_undersampled, published="accuracy .89, F1 .92"),
    Recipe(
        "cnn-conv-pool-dropout",
        cnn_conv_pool_dropout,
        published=".93-.98 on a pooled split, .70-.75 on the official one",
    ),
    Recipe("vgg16", vgg16, published=".90-.94", pretrained=True),
    Recipe("xception", xception, published=".75", pretrained=True),
)
