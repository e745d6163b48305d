"""Compare the scores of one pipeline under several test protocols."""

from dataclasses import dataclass
from html import escape
from itertools import combinations
from textwrap import fill
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from skpneumo._formatting import with_interval
from skpneumo.evaluation._influence import shrunk_correlation
from skpneumo.evaluation._intervals import mover_difference
from skpneumo.evaluation._protocol_sentences import explain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProtocolComparison", "compared"]

Influences = dict[tuple[str, str], NDArray[Any]]


@dataclass(frozen=True, repr=False)
class ProtocolComparison:
    """Scores of one pipeline under several test protocols; prints as table and text.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per protocol and metric, with the columns ``protocol``, ``metric``, ``value``,
        ``low``, ``high``, ``n``, ``n_patients``, ``n_effective``, ``interval``, ``n_train``
        (average number of images that a model was fitted on) and ``n_shared_patients`` (patients
        with images in both the test part and the training part); with several seeds also
        ``sd_between_seeds``.
    differences : pandas.DataFrame
        One row per pair of protocols and metric: ``first``, ``second``, ``metric``, ``difference``
        (first - second), ``low``, ``high``, and the number of images and patients of each:
        ``n_first``, ``n_patients_first``, ``n_second``, ``n_patients_second``. The interval takes
        into account which patients both protocols test.
    explanation : str
        What the differences mean, in sentences.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.evaluation import compare_protocols
    >>> y = np.tile([0, 1], 20)
    >>> X = np.random.default_rng(0).normal(y)[:, np.newaxis]
    >>> comparison = compare_protocols(GaussianNB(), X, y, groups=range(40))
    >>> comparison.frame["protocol"].unique().tolist()
    ['patient-grouped CV', 'random split']
    >>> comparison.differences[["first", "second"]].drop_duplicates().to_numpy().tolist()
    [['patient-grouped CV', 'random split']]
    >>> comparison.table().columns.tolist()
    ['patient-grouped CV', 'random split']
    """

    frame: "pd.DataFrame"
    differences: "pd.DataFrame"
    explanation: str

    def table(self) -> "pd.DataFrame":
        """Make a table of text: one column per protocol, one row per metric with its interval."""
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
        paragraphs = (
            fill(text, 80, break_on_hyphens=False) for text in self.explanation.split("\n\n")
        )
        return "\n\n".join([self._as_text(), *paragraphs])

    def _as_text(self) -> str:
        """Format the table in 80 columns, without the sample size of each value."""
        columns = {}
        for protocol, rows in self.frame.groupby("protocol", sort=False):
            columns[protocol] = {
                row.metric.replace("_", " "): with_interval(
                    row.value, row.low, row.high, undefined="undefined"
                )
                for row in rows.itertuples()
            } | {
                "images tested": str(rows["n"].max()),
                "patients tested": str(rows["n_patients"].max()),
                "images trained on": str(rows["n_train"].max()),
                "patients in both": str(rows["n_shared_patients"].max()),
            }
        names = list(dict.fromkeys(name for column in columns.values() for name in column))
        width = max(map(len, names))
        lines = [f"{'':{width}}" + "".join(f"{protocol:>21}" for protocol in columns)]
        for name in names:
            cells = (f"{column.get(name, ''):>21}" for column in columns.values())
            lines.append(f"{name:{width}}" + "".join(cells))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        paragraphs = "".join(f"<p>{escape(text)}</p>" for text in self.explanation.split("\n\n"))
        return f"{self.table().to_html()}{paragraphs}"


def compared(
    rows: list[dict[str, Any]],
    influences: Influences,
    confidence_level: float,
    n_seeds: int,
) -> ProtocolComparison:
    """Compute the differences between protocols, and explain them.

    ``influences`` has the influence of every patient of the collection, by protocol and metric.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    by_key = {(row["protocol"], row["metric"]): row for row in rows}
    differences = []
    for first, second in combinations(frame["protocol"].unique(), 2):
        for metric in frame["metric"].unique():
            a, b = by_key[first, metric], by_key[second, metric]
            low, high = mover_difference(
                a["value"],
                (a["low"], a["high"]),
                b["value"],
                (b["low"], b["high"]),
                shrunk_correlation(influences[first, metric], influences[second, metric]),
            )
            differences.append(
                {"first": first, "second": second, "metric": metric}
                | {"difference": a["value"] - b["value"], "low": low, "high": high}
                | {"n_first": a["n"], "n_patients_first": a["n_patients"]}
                | {"n_second": b["n"], "n_patients_second": b["n_patients"]}
            )
    difference_frame = pd.DataFrame(differences)
    paragraphs = explain(frame, difference_frame, confidence_level, n_seeds)
    text = "\n\n".join(" ".join(said.values()) for said in paragraphs)
    return ProtocolComparison(frame, difference_frame, text)
