"""The measures of a report: means of the right rows, intervals over patients, and the verdict."""

import numpy as np
import pandas as pd
import pytest

from skpneumo.explanation._verdict import _EFFECTS, MEASURES, judge, measures_of

BY_CHANCE = np.tile([1.0, 1.0, -1.0, -0.9], 10)


def frame(n=40, **changes):
    rng = np.random.default_rng(0)
    columns = {
        "positive": np.arange(n) % 2 == 1,
        "called": np.arange(n) % 4 != 0,
        "text": 0.05,
        "lungs": 0.6,
        "corners": 0.05,
        "border": 0.1,
        "body": 0.2,
        "deletion_area": 0.2,
        "insertion_area": 0.7,
        "chest_effect": 4.0 + rng.normal(size=n),
        "surroundings_effect": 0.1,
        "similarity": np.where(np.arange(n) < 9, 0.3, np.nan),
    }
    return pd.DataFrame(columns | changes, index=range(n))


def left(lungs_blacked_out=0.6, frame_alone=0.5, spread=0.1):
    """The remaining AUC, with its interval."""
    values = {"lungs blacked out": lungs_blacked_out, "frame alone": frame_alone}
    return pd.DataFrame(
        [(name, "AUC", value, value - spread, value + spread) for name, value in values.items()],
        columns=["images", "metric", "value", "low", "high"],
    )


def measured(table, patient=None):
    patient = np.arange(len(table)) if patient is None else patient
    return measures_of(table, patient, np.random.RandomState(0))


def test_only_images_called_positive_count():
    table = frame()
    table.loc[~table["called"], "lungs"] = np.nan
    measures = measured(table, np.arange(40) // 2).set_index("measure")
    assert measures.loc["lungs", ["n", "n_patients"]].tolist() == [30, 20]
    assert measures.loc["lungs", "value"] == pytest.approx(0.6)
    assert measures.loc["edge", "value"] == pytest.approx(0.2)
    assert measures.loc["insertion - deletion", "value"] == pytest.approx(0.5)
    assert measures.loc["similarity", ["n", "n_patients"]].tolist() == [9, 5]
    assert set(measures.index) == set(MEASURES)


def test_classes_count_alike():
    table = frame(surroundings_effect=np.where(np.arange(40) % 2, 1.0, 3.0), chest_effect=2.0)
    assert measured(table.iloc[:-9]).set_index("measure").loc[
        ["surroundings_effect", "from outside"], "value"
    ].tolist() == [2.0, 0.5]


def test_intervals_hold_the_value_and_fewer_patients_make_them_wider():
    many = measured(frame()).set_index("measure").loc["chest_effect"]
    few = measured(frame(), np.arange(40) // 10).set_index("measure").loc["chest_effect"]
    assert many["low"] < many["value"] < many["high"]
    assert few["n_patients"] == 4
    assert many["high"] - many["low"] < 2


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "lungs"),
        ({"text": 0.4, "lungs": 0.25}, "shortcut"),
        ({"surroundings_effect": 2.0}, "shortcut"),
        ({"chest_effect": -1.0, "surroundings_effect": 3.0}, "shortcut"),
        ({"chest_effect": -1.0, "surroundings_effect": -1.0}, "undecided"),
        ({"chest_effect": 0.0, "surroundings_effect": 0.0}, "undecided"),
        ({"called": False}, "lungs"),
        # Evidence of a model that has learned nothing lies anywhere.
        ({"text": 0.9, **dict.fromkeys(_EFFECTS, BY_CHANCE)}, "undecided"),
        ({"text": 0.9, "surroundings_effect": BY_CHANCE}, "shortcut"),
    ],
    ids=lambda each: " ".join(each) or "as it is" if isinstance(each, dict) else each,
)
def test_verdicts(changes, verdict):
    found, reasons = judge(measured(frame(**changes)), left())
    assert found == verdict
    assert reasons


@pytest.mark.parametrize(
    ("remaining", "verdict"),
    [
        ({"lungs_blacked_out": 0.85}, "lungs"),  # 0.8 is in the interval
        ({"lungs_blacked_out": 0.95}, "shortcut"),
        ({"frame_alone": 0.7}, "lungs"),
        ({"frame_alone": 0.8}, "shortcut"),
    ],
)
def test_a_model_that_separates_the_classes_without_lungs_uses_a_shortcut(remaining, verdict):
    found, reasons = judge(measured(frame()), left(**remaining))
    assert found == verdict
    assert any(reason.startswith("the AUC with lungs blacked out is 0.") for reason in reasons)


def test_a_model_that_does_not_use_chests_can_still_use_a_shortcut():
    nothing = measured(frame(**dict.fromkeys(_EFFECTS, 0.0)))
    assert judge(nothing, left())[0] == "undecided"
    assert judge(nothing, left(frame_alone=0.9))[0] == "shortcut"
