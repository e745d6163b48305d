"""Average the measures of a report, and reach a verdict."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skpneumo._bootstrap import bootstrap
from skpneumo._formatting import with_interval
from skpneumo.explanation._regions import REGIONS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURES", "judge", "measures_of"]

# In simulations (benchmarks/explanation_conviction.py) models that use the lungs are well below
# both limits, and models that use a marker are well above at least one.
_MOST_ON_THE_EDGE = 0.5
_MOST_FROM_OUTSIDE = 0.25
# Largest accepted AUC. Opacities extend slightly beyond the estimated lungs.
_MOST_LEFT = {"lungs blacked out": 0.8, "frame alone": 0.65}

MEASURES = {
    "text": "evidence in burnt-in text",
    "lungs": "evidence in the lungs",
    "corners": "evidence in the corners",
    "border": "evidence in the border",
    "body": "evidence elsewhere",
    "edge": "evidence in text, corners, border",
    "insertion - deletion": "insertion less deletion area",
    "similarity": "similarity to random weights",
    "chest_effect": "other chests, log odds",
    "surroundings_effect": "other surroundings, log odds",
    "from outside": "share from outside the chest",
}

_EDGE = ["text", "corners", "border"]
_EFFECTS = ("chest_effect", "surroundings_effect")
_CONFIDENCE_LEVEL = 0.95
_N_RESAMPLES = 2000


def measures_of(
    frame: "pd.DataFrame", patient: NDArray[np.intp], random_state: np.random.RandomState
) -> "pd.DataFrame":
    """Average the rows, with intervals by a bootstrap of patients."""
    import pandas as pd

    columns = _values_to_average(frame)
    values, counted = columns.fillna(0.0).to_numpy(), columns.notna().to_numpy()
    n_patients = int(patient.max()) + 1

    def means(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        of_image = weights[:, patient]
        with np.errstate(invalid="ignore"):
            return (of_image @ values) / (of_image @ counted)

    drawn = bootstrap(means, n_patients, len(frame), _N_RESAMPLES, random_state)
    point, drawn = (
        _with_both_classes(pd.DataFrame(each, columns=columns.columns))
        for each in (means(np.ones((1, n_patients))), drawn)
    )
    tail = (1 - _CONFIDENCE_LEVEL) / 2
    n = columns.count()
    n_among = columns.notna().apply(lambda rows: len(set(patient[rows])))
    measures = pd.DataFrame(
        {
            "value": point.iloc[0],
            "low": drawn.quantile(tail),
            "high": drawn.quantile(1 - tail),
            "n": n.reindex(point.columns, fill_value=len(frame)),
            "n_patients": n_among.reindex(point.columns, fill_value=n_patients),
        }
    )
    return measures.dropna(subset="value").rename_axis("measure").reset_index()


def _values_to_average(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Select the evidence of images predicted positive, and the effects by class."""
    evidence = frame[list(REGIONS)].assign(
        **{
            "edge": frame[_EDGE].sum(axis=1, skipna=False),
            "insertion - deletion": frame["insertion_area"] - frame["deletion_area"],
        }
    )
    columns = evidence.where(frame["called"], axis=0)
    columns["similarity"] = frame["similarity"]
    for effect in _EFFECTS:
        for positive in (True, False):
            columns[f"{effect} {positive}"] = frame[effect].where(frame["positive"] == positive)
    return columns


def _with_both_classes(means: "pd.DataFrame") -> "pd.DataFrame":
    """Average the effects over both classes with equal weight."""
    for effect in _EFFECTS:
        means[effect] = (means.pop(f"{effect} True") + means.pop(f"{effect} False")) / 2
    chest, surroundings = (means[effect].clip(lower=0.0) for effect in _EFFECTS)
    means["from outside"] = surroundings / (chest + surroundings)
    return means


def judge(measures: "pd.DataFrame", remaining: "pd.DataFrame") -> tuple[str, list[str]]:
    """Reach a verdict, and return its reasons."""
    measures = measures.set_index("measure")
    value = measures["value"]
    edge, outside = value.get("edge"), value.get("from outside")
    reasons = []
    if edge is not None:
        reasons.append(
            f"{edge:.0%} of the evidence for the class lies in text, corners and border "
            f"(limit {_MOST_ON_THE_EDGE:.0%})"
        )
    if outside is not None:
        reasons.append(
            f"{outside:.0%} of the difference between the classes comes from outside the chest "
            f"(limit {_MOST_FROM_OUTSIDE:.0%})"
        )
    separates_without_lungs, said = _without_lungs(remaining)
    reasons += said
    if separates_without_lungs:
        return "shortcut", reasons
    if not (measures["low"].reindex(list(_EFFECTS)) > 0.0).any():
        return "undecided", [
            *reasons,
            "the intervals of the effects of other chests and of other surroundings both reach "
            "zero",
        ]
    if (edge or 0.0) > _MOST_ON_THE_EDGE or (outside or 0.0) > _MOST_FROM_OUTSIDE:
        return "shortcut", reasons
    return "lungs", reasons


def _without_lungs(remaining: "pd.DataFrame") -> tuple[bool, list[str]]:
    """Tell whether the AUC without lungs is above its limits, and write its values."""
    auc = remaining[remaining["metric"].eq("AUC")].set_index("images")
    reasons, too_much = [], False
    for name, limit in _MOST_LEFT.items():
        row = auc.loc[name]
        too_much |= bool(row["low"] > limit)
        figure = with_interval(row["value"], row["low"], row["high"], form=".2f")
        reasons.append(f"the AUC with {name} is {figure} (limit {limit:.2f})")
    return too_much, reasons
