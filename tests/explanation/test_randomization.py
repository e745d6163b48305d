"""Random weights differ from the trained ones, follow a seed, and leave the model unchanged."""

import numpy as np
import pytest

from skpneumo.explanation import grad_cam, occlusion_map
from skpneumo.explanation._model import split_at_images
from skpneumo.explanation._randomization import map_similarity, with_random_weights


def random_weights(model, seed):
    return with_random_weights(model, np.random.RandomState(seed))


def test_weights_are_drawn_anew_and_the_model_keeps_its_own(small, noise):
    model, _ = split_at_images(small(), noise)
    before = [weights.copy() for weights in model.predictor.weights_]
    untaught = random_weights(model, 0)
    assert not np.allclose(untaught.predict_proba(noise), model.predict_proba(noise))
    assert all(map(np.array_equal, model.predictor.weights_, before))
    again = random_weights(model, 0)
    assert all(map(np.array_equal, again.predictor.weights_, untaught.predictor.weights_))
    other = random_weights(model, 1)
    assert not np.array_equal(other.predictor.weights_[0], untaught.predictor.weights_[0])


@pytest.mark.parametrize("explain", [grad_cam, occlusion_map])
def test_maps_change_with_the_weights(explain, pipeline, tested, found):
    model, images = split_at_images(pipeline, tested.filenames[found][:8])
    others = explain(random_weights(model, 0), images)
    assert map_similarity(explain(model, images), others).mean() < 0.6


def test_similarity_is_that_of_ranks():
    maps = np.arange(16.0).reshape(1, 4, 4)
    assert map_similarity(maps, maps**3) == pytest.approx(1)
    assert map_similarity(maps, -maps) == pytest.approx(1)
    assert map_similarity(maps, np.zeros_like(maps)).tolist() == [0]
