"""What several protocols say of one pipeline: a table, the differences, and what they mean."""

from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from skpneumo._formatting import based_on, counted, with_interval
from skpneumo.evaluation._intervals import mover_difference

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GROUPED", "OFFICIAL", "RANDOM", "ProtocolComparison"]

OFFICIAL, GROUPED, RANDOM = "official split", "patient-grouped CV", "random split"


@dataclass(frozen=True, repr=False)
class ProtocolComparison:
    """What the same pipeline scores under different protocols; prints as table and text.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per protocol and metric, with the columns ``protocol``, ``metric``, ``value``,
        ``low``, ``high``, ``n``, ``n_patients``, ``interval``, ``n_train`` (images a model was
        fitted on, on average) and ``n_shared_patients`` (patients of the test part who also
        have images in the training part).
    differences : pandas.DataFrame
        One row per pair of protocols and metric: ``first``, ``second``, ``metric``,
        ``difference`` (first - second), ``low``, ``high``, and the images and patients that
        each of the two rests on: ``n_first``, ``n_patients_first``, ``n_second``,
        ``n_patients_second``. The two are taken as independent, which makes the interval too
        wide where they test the same images.
    explanation : str
        What the differences mean, in sentences.
    """

    frame: "pd.DataFrame"
    differences: "pd.DataFrame"
    explanation: str

    @classmethod
    def of(cls, rows: list[dict[str, Any]], confidence_level: float) -> "ProtocolComparison":
        """Take the differences of the estimates, and explain them."""
        import pandas as pd

        frame = pd.DataFrame(rows)
        by_key = {(row["protocol"], row["metric"]): row for row in rows}
        differences = []
        for first, second in combinations(frame["protocol"].unique(), 2):
            for metric in frame["metric"].unique():
                a, b = by_key[first, metric], by_key[second, metric]
                low, high = mover_difference(
                    a["value"], (a["low"], a["high"]), b["value"], (b["low"], b["high"])
                )
                differences.append(
                    {"first": first, "second": second, "metric": metric}
                    | {"difference": a["value"] - b["value"], "low": low, "high": high}
                    | {"n_first": a["n"], "n_patients_first": a["n_patients"]}
                    | {"n_second": b["n"], "n_patients_second": b["n_patients"]}
                )
        difference_frame = pd.DataFrame(differences)
        return cls(frame, difference_frame, _explain(frame, difference_frame, confidence_level))

    def table(self) -> "pd.DataFrame":
        """One column per protocol, one row per metric, as text: figure, interval, n."""
        import pandas as pd

        columns = {}
        for protocol, rows in self.frame.groupby("protocol", sort=False):
            figures = {
                row.metric: with_interval(
                    row.value,
                    row.low,
                    row.high,
                    row.n,
                    row.n_patients,
                    undefined=row.interval,
                )
                for row in rows.itertuples()
            }
            counts = {
                "images tested": rows["n"].max(),
                "images trained on": rows["n_train"].max(),
                "tested patients also trained on": rows["n_shared_patients"].max(),
            }
            columns[protocol] = figures | {name: str(count) for name, count in counts.items()}
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        return f"{self.table().to_string()}\n\n{self.explanation}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        paragraphs = "".join(f"<p>{escape(text)}</p>" for text in self.explanation.split("\n\n"))
        return f"{self.table().to_html()}{paragraphs}"


class _Difference(NamedTuple):
    difference: float
    low: float
    high: float
    n_first: int
    n_patients_first: int
    n_second: int
    n_patients_second: int

    def __str__(self) -> str:
        points = with_interval(
            100 * self.difference, 100 * self.low, 100 * self.high, form="+.1f", unit=" points"
        )
        first = based_on(self.n_first, self.n_patients_first)
        second = based_on(self.n_second, self.n_patients_second)
        return f"{points} ({first} against {second})"


def _explain(frame: "pd.DataFrame", differences: "pd.DataFrame", confidence_level: float) -> str:
    """Say what the differences mean, in paragraphs separated by empty lines."""
    by_pair = {
        (row.first, row.second, row.metric): _Difference(*row[4:])
        for row in differences.itertuples()
    }
    about = frame.drop_duplicates("protocol").set_index("protocol")
    paragraphs = [_on_leakage(by_pair, about)]
    if OFFICIAL in about.index:
        paragraphs.append(_on_shift(by_pair, about))
    paragraphs.append(
        f"Brackets are {100 * confidence_level:g} % intervals over who was tested; the chance in "
        "training comes on top. Differences take two protocols as independent, which is cautious "
        "where they test the same images."
    )
    return "\n\n".join(paragraphs)


def _on_leakage(by_pair: dict[tuple[str, str, str], _Difference], about: "pd.DataFrame") -> str:
    loss = by_pair[GROUPED, RANDOM, "accuracy"]
    gain = _Difference(-loss.difference, -loss.high, -loss.low, *loss[5:], *loss[3:5])
    shared, tested = about.loc[RANDOM, ["n_shared_patients", "n_patients"]]
    text = (
        f"Random split against patient-grouped CV: accuracy {gain}. Of the "
        f"{counted(tested, 'patient')} tested in the random split, {shared:,} also have images "
        "among those trained on"
    )
    if not shared:
        return f"{text}: it splits no patient here, and is no easier for that."
    text += "; in patient-grouped CV none has. "
    if gain.low > 0:
        also = (
            ", and for training on images of the official test part's own kind"
            if OFFICIAL in about.index
            else ""
        )
        return (
            f"{text}The gain is the reward for recognising a child{also}. A new patient brings "
            "none of it: do not quote the random split."
        )
    return (
        f"{text}A gain from that cannot be told from chance here, which does not make the test "
        "a fair one: quote a protocol that keeps patients whole."
    )


def _on_shift(by_pair: dict[tuple[str, str, str], _Difference], about: "pd.DataFrame") -> str:
    accuracy, recall, specificity, auc = (
        by_pair[OFFICIAL, GROUPED, metric]
        for metric in ("accuracy", "recall", "specificity", "roc_auc")
    )
    text = (
        f"Official split against patient-grouped CV: accuracy {accuracy}, recall {recall}, "
        f"specificity {specificity}, AUC {auc}. "
    )
    shared = about.loc[OFFICIAL, "n_shared_patients"]
    if shared:
        text += (
            f"The official split itself shares {counted(shared, 'patient')} between training and "
            "test, and so flatters the model. "
        )
    lost = [
        name for name, each in (("recall", recall), ("specificity", specificity)) if each.high < 0
    ]
    if not lost:
        return (
            f"{text}No loss of recall or specificity can be told from chance; the brackets say "
            "how large one might be all the same."
        )
    text += (
        f"The loss of {' and '.join(lost)} is no leak: the official test images are unlike those "
        "of the training pool (acquired or selected otherwise). "
    )
    if auc.high < 0:
        text += "The ranking suffers too, so no threshold mends all of it. "
    elif auc.high >= 0:
        text += "No loss of ranking can be told, so it is first of all the threshold that fails. "
    return (
        f"{text}No cross-validation of the training pool can foresee this; augmenting scale, "
        "contrast and brightness is what makes up for it."
    )
