"""Seeds depend on ``random_state`` alone and leave global generators as they are."""

import re
from pathlib import Path

import numpy as np
import pytest

import skpneumo
from skpneumo._random import LayerSeeds, check_random_state, random_seed, random_seeds


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_one_seed_after_the_other_is_several_at_once(make):
    rng = make(3)
    assert [random_seed(rng) for _ in range(5)] == random_seeds(make(3), 5)


def test_the_global_generator_is_neither_used_nor_changed():
    seeds = []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002 - the global generator is what this is about
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        seeds += random_seeds(check_random_state(None), 2)
        assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert len(set(seeds)) == 4


def test_everything_that_scikit_learn_accepts_is_accepted():
    rng = np.random.RandomState(1)
    assert check_random_state(rng) is rng
    assert random_seed(check_random_state(7)) == random_seed(check_random_state(7))
    with pytest.raises(ValueError, match="'x' cannot be used to seed"):
        check_random_state("x")


def test_no_other_module_makes_a_generator_from_none():
    takes_the_global_one = re.compile(r"^from sklearn\.utils import .*check_random_state", re.M)
    package = Path(skpneumo.__file__).parent
    assert not [
        module.name
        for module in package.rglob("*.py")
        if takes_the_global_one.search(module.read_text(encoding="utf-8"))
    ]


def test_seeds_differ_and_follow_from_the_first():
    first, again, other = (LayerSeeds(seed) for seed in (0, 0, 1))
    series = [[next(seeds) for _ in range(5)] for seeds in (first, again, other)]
    assert series[0] == series[1] != series[2]
    assert len(set(series[0])) == 5


def test_seeds_are_mapped_to_those_of_another_source_nested_networks_included():
    def give(seeds: LayerSeeds) -> list[int]:
        nested = seeds.nested()
        return [next(nested), next(seeds), next(nested), next(seeds.nested())]

    seeds = LayerSeeds(0)
    mapping = dict(zip(give(seeds), give(LayerSeeds(7)), strict=True))
    assert seeds.with_seed(7) == mapping
    assert seeds.with_seed(0) == {seed: seed for seed in mapping}
