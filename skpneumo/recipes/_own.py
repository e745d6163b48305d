"""The package's own recommendations.

They were chosen by patient-grouped cross-validation and by stress tests alone, never by a test
split. What they are made of stands here and nowhere else.
"""

from typing import Any

from sklearn.ensemble import VotingClassifier

from skpneumo._random import check_random_state, random_seeds
from skpneumo.augmentation import ImageAugmenter
from skpneumo.classifiers import CNNClassifier
from skpneumo.pipeline import Pipeline
from skpneumo.recipes._recipe import OWN, Recipe, pipeline

SIZE = 128

QUALITY_NETWORKS = 3


def robust(random_state: Any) -> Pipeline:
    """A residual network trained on random crops and exposures; what to begin with."""
    return pipeline(SIZE, _network(random_state))


def quality(random_state: Any) -> Pipeline:
    """Three networks, averaged: that of `robust`, and two from other random starts."""
    seeds: list[Any] = [random_state] * QUALITY_NETWORKS
    if random_state is not None:
        seeds[1:] = random_seeds(check_random_state(random_state), QUALITY_NETWORKS - 1)
    networks = [(f"network{i}", _network(seed)) for i, seed in enumerate(seeds, start=1)]
    return pipeline(SIZE, VotingClassifier(networks, voting="soft"))


def _network(random_state: Any) -> CNNClassifier:
    """Make what both are made of.

    The augmentation is wide because collections differ in scale, exposure and framing: it, not a
    larger network, keeps specificity up on X-rays from elsewhere. It needs more epochs and a
    higher rate than clean images do. The averaged weights take out what single epochs swing by.
    """
    return CNNClassifier(
        filters=(16, 32, 64, 128, 256),
        convs_per_block=2,
        residual=True,
        batch_norm=True,
        global_pooling="average",
        dense_units=(),
        optimizer="adamw",
        learning_rate=0.002,
        weight_decay=0.02,
        epochs=30,
        schedule="cosine",
        warmup_epochs=1,
        ema_momentum=0.997,
        augmentation=ImageAugmenter(
            crop_scale=(0.08, 1.6),
            rotation=10,
            horizontal_flip=True,
            brightness=0.3,
            contrast=0.4,
            gamma=0.7,
            noise=12,
            collimation=0.2,
            fill_mode="constant",
        ),
        random_state=random_state,
    )


RECIPES = (Recipe("robust", robust, OWN), Recipe("quality", quality, OWN))
