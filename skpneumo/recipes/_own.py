"""The recipes of this package, and a simple baseline for them.

They were chosen by patient-grouped cross-validation and by stress tests only, never by a test
split or the stress tests that are held back. This file is the only definition of them.
"""

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skpneumo import classifiers  # its names import Keras when they are used
from skpneumo.augmentation import ImageAugmenter
from skpneumo.loading import ImageLoader
from skpneumo.pipeline import Pipeline, make_pipeline
from skpneumo.recipes._hog import hog_features
from skpneumo.recipes._recipe import OWN, Recipe, pipeline
from skpneumo.splitting import PatientKFold

SIZE = 64

# After a tenth of these, which is 20 passes over 150 images, it has learned next to nothing.
MIN_STEPS = 1000


def robust(random_state: Any) -> Pipeline:
    """A small residual network trained on random crops, shapes, exposures and detail.

    To work on images from elsewhere, the network must not learn properties of machines. Exposure
    and contrast are normalised in each image before the first layer. Aspect ratio, field of view
    and local contrast depend on the machine, and differ between the classes of a collection, so
    they are randomised. The strength of augmentation is random for each image: with the full
    strength for all, training contains almost no unaltered images, and the probabilities of these
    were too low (in one fold the recall at a threshold of one half was .85, and .96 with random
    strengths). Sharpness hardly matters at 64 pixels. Training needs more epochs and a higher rate
    than with unaltered images. The averaged weights reduce the variation between epochs.
    """
    return pipeline(SIZE, _residual_network(random_state))


def quality(random_state: Any) -> Pipeline:
    """A larger network like that of `robust`, on images of 128 pixels, trained for longer.

    In five folds its ranking and decisions are better than those of `robust`. A fit takes one or
    two minutes on a GPU, and hours on two cores.
    """
    network = _residual_network(random_state)
    network.set_params(
        filters=(32, 64, 128, 256, 256),
        stem_filters=32,
        epochs=50,
        augmentation__crop_scale=(0.35, 1.5),
    )
    return pipeline(2 * SIZE, network)


def _residual_network(random_state: Any) -> "classifiers.CNNClassifier":
    return classifiers.CNNClassifier(
        filters=(24, 48, 96, 192),
        stem_filters=24,
        convs_per_block=2,
        residual=True,
        batch_norm=True,
        global_pooling="average",
        dense_units=(),
        normalization="image",
        optimizer="adamw",
        learning_rate=0.002,
        weight_decay=0.02,
        epochs=20,
        min_steps=MIN_STEPS,
        schedule="cosine",
        warmup_epochs=1,
        ema_momentum=0.997,
        augmentation=ImageAugmenter(
            crop_scale=(0.45, 1.5),
            aspect=0.43,
            rotation=10,
            width_shift=0.1,
            height_shift=0.1,
            horizontal_flip=True,
            brightness=0.2,
            contrast=0.3,
            gamma=0.7,
            noise=12,
            collimation=0.2,
            local_contrast=0.7,
            random_strength=True,
            fill_mode="constant",
        ),
        random_state=random_state,
    )


def hog_svm(random_state: Any) -> Pipeline:
    """A linear support vector machine on histograms of oriented gradients, without a network.

    It is the baseline that networks have to surpass. Its probabilities are calibrated on five
    folds, so it needs five patients of each class.
    """
    machine = make_pipeline(
        FunctionTransformer(hog_features), LinearSVC(C=0.03, random_state=random_state)
    )
    classifier = CalibratedClassifierCV(machine, cv=PatientKFold(5), ensemble=False)
    return Pipeline([("load", ImageLoader(size=SIZE)), ("svm", classifier)])


RECIPES = (
    Recipe("robust", robust, OWN),
    Recipe("quality", quality, OWN),
    Recipe("hog-svm", hog_svm, OWN),
)
