"""Write the section about the input gate: its stated rate, and what it would withhold."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from skpneumo._formatting import counted
from skpneumo.fitted import gate_of
from skpneumo.report._context import ReportContext
from skpneumo.report._markup import Section, paragraph, rows_table, sizes
from skpneumo.report._wording import figure_of

__all__ = ["input_gate"]

_MOST_LISTED = 20


def input_gate(context: ReportContext) -> Iterator[Section]:
    """Write the section, if the model has a gate."""
    inner = gate_of(context.estimator)
    if inner is None or context.withheld is None:
        return
    estimate = context.found["withheld"]
    measured = {
        "stated, of patients": f"{inner.gate.false_alarm_rate_:.3f}",
        "here, of images": figure_of(estimate),
    } | sizes(estimate)
    parts = [
        paragraph(inner.gate.terms_),
        rows_table([measured], "Share withheld"),
        paragraph(
            "All other results of this report include all images, as if none were withheld."
        ),
    ]
    if estimate.low > inner.gate.false_alarm_rate_:
        parts.append(
            paragraph(
                "More images are withheld here than of patients like those of the training data. "
                "These images differ from the training images, and predictions for them are less "
                "reliable than they seem."
            )
        )
    rows = np.flatnonzero(context.withheld != "")
    if len(rows):
        parts.append(
            rows_table([_row(context, row) for row in rows[:_MOST_LISTED]], "Images withheld")
        )
    if len(rows) > _MOST_LISTED:
        parts.append(paragraph(f"And {counted(len(rows) - _MOST_LISTED, 'more image')}."))
    yield Section("input-gate", "Input gate", "".join(parts))


def _row(context: ReportContext, row: int) -> dict[str, Any]:
    predictions = context.predictions
    name = f"image {row}" if predictions.filenames is None else str(predictions.filenames[row])
    negative, positive = context.names
    assert context.withheld is not None
    found: dict[str, Any] = {
        "image": name,
        "why": context.withheld[row],
        "truth": positive if predictions.positive[row] else negative,
    }
    if predictions.score is not None:
        found["score"] = f"{predictions.score[row]:.3f}"
    return found
