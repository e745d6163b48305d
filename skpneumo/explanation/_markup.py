"""Format an explanation report as HTML."""

from html import escape
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import with_interval
from skpneumo._html import table
from skpneumo.explanation._verdict import MEASURES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["remaining_table", "verdict_html"]

_SEVERITIES = {"shortcut": "error", "undecided": "warning", "lungs": "note"}
_SAID = {"shortcut": "Uses a shortcut", "undecided": "Undecided", "lungs": "Looks at the lungs"}


def verdict_html(report: Any) -> str:
    """Format the verdict, its reasons and the measures with their intervals."""
    import pandas as pd

    verdict = (
        f'<p class="callout"><strong class="{_SEVERITIES[report.verdict]}">{_SAID[report.verdict]}'
        f"</strong> {escape('; '.join(report.reasons))}.</p>"
    )
    rows = [
        {
            "measure": MEASURES[row.measure],
            "value [95 % interval]": f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]",
            "images": row.n,
            "patients": row.n_patients,
        }
        for row in report.measures.itertuples()
    ]
    caption = f"Measures over {len(report.frame):,} images, with maps by {report.method}"
    remaining = remaining_table(report.remaining).reset_index()
    left = "Metrics without parts of the images, with 95 % intervals over patients"
    return verdict + table(pd.DataFrame(rows), caption) + table(remaining, left)


def remaining_table(remaining: "pd.DataFrame") -> "pd.DataFrame":
    """Make a table of the remaining metrics: a row for each change, a column for each metric."""
    import pandas as pd

    cells = [with_interval(row.value, row.low, row.high) for row in remaining.itertuples()]
    long = remaining[["images", "metric"]].assign(cell=pd.Series(cells, index=remaining.index))
    wide = long.pivot(index="images", columns="metric", values="cell")
    return wide.loc[long["images"].unique(), long["metric"].unique()].rename_axis(columns=None)
