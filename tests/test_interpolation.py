"""The sources of synthetic rows are found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE

from skpneumo._interpolation import find_sources


@given(seed=st.integers(0, 2**16), share=st.floats(0.02, 0.98), n=st.integers(3, 40))
@settings(max_examples=60, deadline=None)
def test_a_point_between_two_rows_names_them(seed, share, n):
    rng = np.random.default_rng(seed)
    originals = rng.integers(0, 256, (n, 30)).astype(np.float32)
    i, j = rng.choice(n, 2, replace=False)
    point = originals[i] + np.float32(share) * (originals[j] - originals[i])
    assert find_sources(point[None], originals) == [tuple(sorted((int(i), int(j))))]


def test_beyond_an_end_counts_too():
    originals = np.random.default_rng(0).normal(size=(9, 20))
    beyond = originals[3] + 0.4 * (originals[3] - originals[7])
    assert find_sources(beyond[None], originals) == [(3, 7)]


def test_a_copy_has_one_source_and_an_unrelated_row_none():
    originals = np.random.default_rng(0).normal(size=(9, 20))
    stranger = np.random.default_rng(1).normal(size=20)
    assert find_sources(np.stack([originals[4], stranger]), originals) == [(4,), None]


@pytest.mark.parametrize(
    "sampler",
    [SMOTE(k_neighbors=3), BorderlineSMOTE(k_neighbors=3), ADASYN(n_neighbors=3)],
    ids=lambda sampler: type(sampler).__name__,
)
def test_rows_of_imbalanced_learn_have_their_sources_found(sampler):
    rng = np.random.default_rng(3)
    X = rng.integers(0, 256, (60, 25)).astype(np.float32)
    y = np.repeat([0, 1], [45, 15])
    rows, labels = sampler.set_params(random_state=0).fit_resample(X, y)
    sources = find_sources(rows[60:], X[y == 1])
    assert len(sources) == np.sum(labels == 1) - 15
    assert None not in sources
