"""Compare maps with those of networks with random weights."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from skpneumo._random import random_seed
from skpneumo.explanation._model import ImageModel
from skpneumo.fitted import map_classifiers

__all__ = ["map_similarity", "with_random_weights"]


def with_random_weights(model: ImageModel, random_state: np.random.RandomState) -> ImageModel:
    """Return the model with random weights in all of its networks.

    A map that does not change shows the image, not what the network has learned (Adebayo et al.,
    "Sanity checks for saliency maps", NeurIPS 2018).
    """

    def with_random(network: Any) -> Any:
        changed = copy.copy(network)
        seed = random_seed(random_state)
        changed.weights_ = changed.network_spec_.build(seed).get_weights()
        return changed

    return replace(model, predictor=map_classifiers(model.predictor, with_random))


def map_similarity(maps: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Compute the absolute rank correlation of each pair of maps; 0 if one is constant."""
    return np.array(
        [
            abs(spearmanr(one.ravel(), other.ravel()).statistic)
            if np.ptp(one) > 0 and np.ptp(other) > 0
            else 0.0
            for one, other in zip(maps, others, strict=True)
        ]
    )
