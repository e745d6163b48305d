"""Similar images are chained block by block, in bounded memory."""

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from skpneumo.audit import _duplicates

N_BITS = 256


def groups_of(hashes, mirrored_hashes, distance):
    """Follow the links from each image, one by one."""
    near = sum(
        pairwise_distances(hashes, each, "hamming") * N_BITS <= distance + 0.1
        for each in (hashes, mirrored_hashes)
    )
    near = near + near.T > 0
    groups = set()
    for row in range(len(hashes)):
        group, reached = set(), {row}
        while reached:
            group |= reached
            reached = set(np.flatnonzero(near[list(reached)].any(axis=0))) - group
        groups.add(frozenset(group))
    return groups


@pytest.mark.parametrize("n_pairs", [1, 400, 10**6])
@pytest.mark.parametrize("distance", [0, 26, 256])
def test_similar_images_are_chained_across_blocks(monkeypatch, n_pairs, distance):
    monkeypatch.setattr(_duplicates, "_PAIRS", n_pairs)
    rng = np.random.default_rng(0)
    originals = rng.random((12, N_BITS)) < 0.5
    changes = rng.choice([0, 0.03, 0.06, 0.1], (2, 80, 1))
    hashes, mirrored = (
        originals[rng.integers(0, 12, 80)] ^ (rng.random((80, N_BITS)) < change)
        for change in changes
    )
    component = _duplicates._chained(hashes, mirrored, distance)
    found = {frozenset(np.flatnonzero(component == each)) for each in np.unique(component)}
    assert found == groups_of(hashes, mirrored, distance)


def test_memory_does_not_grow_with_the_number_of_similar_pairs():
    hashes = np.zeros((4000, N_BITS), bool)
    tracemalloc.start()
    try:
        component = _duplicates._chained(hashes, hashes, 26)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.unique(component).size == 1
    assert peak < 150e6
