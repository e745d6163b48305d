"""Patients in every accepted form, and invalid ones."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skpneumo._groups import check_groups


@pytest.mark.parametrize(
    "groups",
    [
        ["a", "a", "b"],
        ("a", "a", "b"),
        np.array(["a", "a", "b"]),
        np.array([["a"], ["a"], ["b"]], dtype=object),
        pd.Series(["a", "a", "b"]),
        pd.Series(["a", "a", "b"], dtype="category"),
        pd.DataFrame({"patient": ["a", "a", "b"]}),
        [1, 1, 2],
        np.array([1.0, 1.0, 2.0]),
        pd.Series([1, 1, 2], dtype="Int64"),
    ],
)
def test_forms_of_groups(groups):
    checked = check_groups(groups, 3)
    assert checked.shape == (3,)
    assert np.unique(checked, return_inverse=True)[1].tolist() == [0, 0, 1]


@given(st.integers(1, 50))
def test_range_says_that_each_sample_is_a_patient(n):
    assert check_groups(range(n), n).tolist() == list(range(n))


@pytest.mark.parametrize(
    "groups",
    [
        ["a", None, "b"],
        ["a", np.nan, "b"],
        ["a", pd.NA, "b"],
        ["a", "", "b"],
        ["a", " ", "b"],
        [1, None, 2],
        [1.0, np.nan, 2.0],
        np.array([1, np.nan, 2]),
        pd.Series(["a", None, "b"]),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.to_datetime(pd.Series(["2020-01-01", None, "2020-01-02"])),
    ],
)
def test_missing_ids_are_named(groups):
    with pytest.raises(ValueError, match=r"patient of 1 of 3 .* in row 1\. Give each"):
        check_groups(groups, 3)


def test_five_missing_ids_are_named_at_most():
    with pytest.raises(ValueError, match=r"of 7 of 8 samples .* row 1, 2, 3, 4, 5, \.\.\.\. Give"):
        check_groups(["a", *[None] * 7], 8)


def test_ids_of_several_types_might_be_one_patient():
    with pytest.raises(TypeError, match="types int, str"):
        check_groups([7, "7"], 2)


@pytest.mark.parametrize("groups", [[], ["a"], np.zeros(3)])
def test_every_sample_needs_a_patient(groups):
    with pytest.raises(ValueError, match=f"There are 2 samples but {len(groups)} groups"):
        check_groups(groups, 2)


def test_no_samples_are_accepted():
    assert check_groups([], 0).shape == (0,)
