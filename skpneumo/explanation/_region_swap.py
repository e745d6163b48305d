"""Swap chest and surroundings between images, to see which of them decides the class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skpneumo._lung_field import chest_field
from skpneumo._progress import in_batches
from skpneumo.explanation._model import ImageModel

__all__ = ["swap_effects"]

_MARGIN = 0.03  # share of a side: the typical error of the estimated field


def swap_effects(
    model: ImageModel,
    images: NDArray[Any],
    positive: NDArray[np.bool_],
    column: int,
    *,
    n_donors: int,
    random_state: np.random.RandomState,
    batch_size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the effect of another image's chest, and of its surroundings, on each image.

    In each image the chest is replaced by those of some positive and some negative images, and
    then its surroundings by theirs. All images that are compared have a seam, so its effect
    cancels.

    Returns
    -------
    chest, surroundings : ndarray of shape (n_images,)
        Difference in the log odds of the class in ``column`` between positive and negative donors.
    """
    iterations = max(1, round(_MARGIN * min(images.shape[1:3])))
    chests = ndimage.binary_dilation(
        chest_field(images), np.ones((1, 3, 3), dtype=bool), iterations=iterations
    )[..., np.newaxis]
    donors = np.array(
        [
            [
                random_state.choice(
                    np.setdiff1d(np.flatnonzero(positive == sign), [row]), n_donors
                )
                for sign in (False, True)
            ]
            for row in range(len(images))
        ]
    )
    scores = np.empty((2, *donors.shape))
    for some in in_batches(scores.size, batch_size, "Swaps"):
        place = np.unravel_index(some, scores.shape)
        row, donor = place[1], donors[place[1:]]
        chest_from = np.where(place[0] == 0, donor, row)
        rest_from = np.where(place[0] == 0, row, donor)
        swapped = np.where(chests[chest_from], images[chest_from], images[rest_from])
        scores[place] = model.scores(swapped, np.full(len(swapped), column), "log_odds")
    chest, surroundings = np.diff(scores.mean(axis=-1), axis=-1)[..., 0]
    return chest, surroundings
