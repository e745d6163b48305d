"""What a report of explanations concludes, as HTML."""

from html import escape
from typing import Any

from skpneumo._html import table
from skpneumo.explanation._verdict import MEASURES

__all__ = ["verdict_html"]

_SEVERITIES = {"shortcut": "error", "undecided": "warning", "lungs": "note"}


def verdict_html(report: Any) -> str:
    """Lay out an ExplanationReport: the verdict, what it rests on, measures with intervals."""
    import pandas as pd

    verdict = (
        f'<p class="callout"><strong class="{_SEVERITIES[report.verdict]}">{report.verdict}'
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
    caption = f"What {len(report.frame):,} images say in sum, maps by {report.method}"
    return verdict + table(pd.DataFrame(rows), caption)
