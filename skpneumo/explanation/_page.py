"""A report of explanations as a part of a page, by itself or in an evaluation's report."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from skpneumo._html import table
from skpneumo.explanation._verdict import MEASURES

if TYPE_CHECKING:
    from skpneumo.explanation._report import ExplanationReport

__all__ = ["report_html", "section_html"]

_SEVERITIES = {"shortcut": "error", "undecided": "warning", "lungs": "note"}

_DPI = 110


def section_html(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    target: Any = None,
    target_names: Sequence[str] | None = None,
    method: str = "occlusion",
    random_state: int = 0,
) -> str:
    """Explain a model, and lay out the verdict, the measures and a gallery of heat maps.

    Parameters are those of :func:`explanation_report` and
    :meth:`HeatMapGalleryDisplay.from_estimator`.
    """
    from matplotlib.figure import Figure

    from skpneumo._svg import drawing, svg
    from skpneumo.explanation._report import explanation_report
    from skpneumo.explanation.displays import HeatMapGalleryDisplay

    report = explanation_report(
        estimator, X, y, target=target, groups=groups, method=method, random_state=random_state
    )
    with drawing():
        figure = Figure(figsize=(9.8, 9.2), dpi=_DPI, layout="constrained")
        HeatMapGalleryDisplay.from_estimator(
            estimator,
            X,
            y,
            method=method,
            target=target,
            target_names=target_names,
            ax=figure.subplots(),
        )
        gallery = svg(
            figure,
            "explanation",
            f"What spoke for the class and against it, by {method}",
            "The surest images of each outcome. Evidence for the class is vermillion, evidence "
            "against it blue; the scale is the same for all.",
            wide=True,
        )
    return f'{report_html(report)}<div style="margin-top: 1.5rem">{gallery}</div>'


def report_html(report: "ExplanationReport") -> str:
    """Lay out the verdict, what it rests on, and the measures with their intervals."""
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
