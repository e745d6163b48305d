"""Explain in sentences how the results of several test protocols differ.

Every sentence is a template in one table, and is printed only if the intervals support it. A test
lists the condition of each.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from skpneumo._formatting import based_on, counted, with_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GROUPED", "OFFICIAL", "PROTOCOL_SENTENCES", "RANDOM", "explain"]

OFFICIAL, GROUPED, RANDOM = "official split", "patient-grouped CV", "random split"

PROTOCOL_SENTENCES = {
    "random": "Random split against patient-grouped CV: accuracy {gain}.",
    "nobody shared": "The random split has no patient on both sides.",
    "shared": (
        "Of the {tested} tested in the random split, {shared:,} also have training images; in "
        "patient-grouped CV none has, and neither will a new patient. Do not report the random "
        "split."
    ),
    "random higher": (
        "The interval lies above 0: the random split gives better results, which recognising "
        "patients would explain."
    ),
    "random higher, nobody shared": (
        "The interval lies above 0: the random split gives better results, for another reason "
        "than patients on both sides."
    ),
    "random equal": "The interval contains 0: any gain or loss may be due to chance.",
    "random lower": "The interval lies below 0: the random split gives worse results.",
    "other training images": (
        "The two were trained on different numbers of images ({n_first:,} and {n_second:,}), "
        "which may explain part of a difference."
    ),
    "official": (
        "Official split against patient-grouped CV: accuracy {accuracy}, recall {recall}, "
        "specificity {specificity}, AUC {roc_auc}."
    ),
    "official shares": (
        "The official split has {shared} on both sides; recognising them may improve its results."
    ),
    "no loss": (
        "Any loss of recall or specificity may be due to chance; the intervals show how large it "
        "may still be."
    ),
    "loss": (
        "The interval of the difference in {lost} lies below 0. Images that were acquired or "
        "selected differently would explain this, and so would different patients. These results "
        "cannot tell which; `audit_images` compares the images."
    ),
    "ranking worse": (
        "The interval of the difference in AUC lies below 0 as well: the ranking is worse, which "
        "no other threshold can correct."
    ),
    "ranking no worse": (
        "Any loss of AUC may be due to chance, so another threshold may correct some of the loss."
    ),
    "brackets": (
        "Brackets are {level:g} % intervals over the patients tested; those of differences take "
        "into account which patients both test. Of {n_differences} intervals of differences, "
        "{misses:.1f} are expected to miss; none is corrected for this."
    ),
    "one seed": (
        "Each protocol was fitted once, so the intervals do not include the randomness of "
        "training (n_seeds)."
    ),
    "several seeds": (
        "Values are means over {n_seeds} seeds, and the intervals include the variance between "
        "seeds."
    ),
}
"""Sentence templates by name."""


class _Difference(NamedTuple):
    difference: float
    low: float
    high: float
    n_first: int
    n_patients_first: int
    n_second: int
    n_patients_second: int

    @property
    def opposite(self) -> "_Difference":
        """Second minus first."""
        return _Difference(-self.difference, -self.high, -self.low, *self[5:], *self[3:5])

    def __str__(self) -> str:
        text = with_interval(
            100 * self.difference, 100 * self.low, 100 * self.high, form="+.1f", unit=" points"
        )
        first = based_on(self.n_first, self.n_patients_first)
        return f"{text} ({first} against {based_on(self.n_second, self.n_patients_second)})"


def explain(
    frame: "pd.DataFrame", differences: "pd.DataFrame", confidence_level: float, n_seeds: int
) -> list[dict[str, str]]:
    """Write the sentences that apply, by name, in paragraphs."""
    by_pair = {
        (row.first, row.second, row.metric): _Difference(
            *(getattr(row, name) for name in _Difference._fields)
        )
        for row in differences.itertuples()
    }
    about = frame.drop_duplicates("protocol").set_index("protocol")
    paragraphs = [_on_random(by_pair[GROUPED, RANDOM, "accuracy"].opposite, about)]
    if OFFICIAL in about.index:
        of_metric = {
            metric: by_pair[OFFICIAL, GROUPED, metric]
            for metric in ("accuracy", "recall", "specificity", "roc_auc")
        }
        paragraphs.append(_on_official(of_metric, about))
    known: dict[str, dict[str, Any]] = {
        "brackets": {
            "level": 100 * confidence_level,
            "n_differences": len(differences),
            "misses": len(differences) * (1 - confidence_level),
        }
    }
    known |= {"one seed": {}} if n_seeds == 1 else {"several seeds": {"n_seeds": n_seeds}}
    paragraphs.append(known)
    return [
        {name: PROTOCOL_SENTENCES[name].format(**values) for name, values in said.items()}
        for said in paragraphs
    ]


def _on_random(gain: _Difference, about: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    shared, tested = about.loc[RANDOM, ["n_shared_patients", "n_patients"]]
    said: dict[str, dict[str, Any]] = {"random": {"gain": gain}}
    if shared:
        said["shared"] = {"tested": counted(tested, "patient"), "shared": shared}
    else:
        said["nobody shared"] = {}
    if gain.low > 0:
        said["random higher" if shared else "random higher, nobody shared"] = {}
    elif gain.high < 0:
        said["random lower"] = {}
    elif gain.low <= 0 <= gain.high:
        said["random equal"] = {}
    n_first, n_second = about.loc[[RANDOM, GROUPED], "n_train"]
    if n_first != n_second:
        said["other training images"] = {"n_first": n_first, "n_second": n_second}
    return said


def _on_official(
    of_metric: dict[str, _Difference], about: "pd.DataFrame"
) -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = {"official": dict(of_metric)}
    if shared := about.loc[OFFICIAL, "n_shared_patients"]:
        said["official shares"] = {"shared": counted(shared, "patient")}
    lost = [metric for metric in ("recall", "specificity") if of_metric[metric].high < 0]
    if not lost:
        return said | {"no loss": {}}
    said["loss"] = {"lost": " and in ".join(lost)}
    if of_metric["roc_auc"].high < 0:
        said["ranking worse"] = {}
    elif of_metric["roc_auc"].high >= 0:
        said["ranking no worse"] = {}
    return said
