"""Region swaps find evidence in the chest or in its surroundings."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from skpneumo._lung_field import chest_field
from skpneumo.explanation._model import ImageModel
from skpneumo.explanation._region_swap import swap_effects


class BrightPlace(ClassifierMixin, BaseEstimator):
    """Classifier whose probability is the grey level of one place."""

    def __init__(self, row, column):
        self.row = row
        self.column = column

    def predict_proba(self, X):
        grey = 0.1 + 0.8 * X[:, self.row, self.column, 0] / 255
        return np.column_stack([1 - grey, grey])


@pytest.fixture(scope="module")
def marked(tested):
    """Films whose centre and corner are white with pneumonia and black without."""
    images, positive = tested.images.copy(), tested.target == 1
    for place in (np.s_[:, 22:27, 22:27], np.s_[:, :4, :4]):
        images[place] = np.where(positive, 255, 0)[:, None, None, None]
    assert chest_field(images)[:, 24, 24].all()
    return images, positive


def effects(images, positive, row, column, **changes):
    classifier = BrightPlace(row, column)
    return swap_effects(
        ImageModel(np.array([0, 1]), classifier, []),
        images,
        positive,
        1,
        **({"n_donors": 2, "random_state": np.random.RandomState(0), "batch_size": 64} | changes),
    )


def test_evidence_in_the_chest_moves_with_the_chest(marked):
    chest, surroundings = effects(*marked, 24, 24)
    assert chest == pytest.approx(2 * np.log(9))
    assert surroundings == pytest.approx(0)


def test_evidence_in_a_corner_moves_with_the_surroundings(marked):
    chest, surroundings = effects(*marked, 1, 1)
    assert chest == pytest.approx(0)
    assert surroundings == pytest.approx(2 * np.log(9))


def test_donors_are_drawn_with_the_seed_and_batches_do_not_matter(tested):
    positive = tested.target == 1
    once = effects(tested.images, positive, 20, 14)
    again = effects(tested.images, positive, 20, 14, batch_size=1000)
    other = effects(tested.images, positive, 20, 14, random_state=np.random.RandomState(1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
