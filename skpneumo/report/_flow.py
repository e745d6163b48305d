"""Write the section about the flow of patients: files left out, and missing data."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skpneumo._html import table
from skpneumo.report._context import ReportContext
from skpneumo.report._markup import Section, paragraph

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["flow"]


def flow(context: ReportContext) -> Section:
    """Write the section, from the files to the images evaluated."""
    uncounted = "files of no class, splits that were not read, or dropped rows of a table"
    if context.settings.skipped is None:
        uncounted = f"files that cannot be read, {uncounted}"
    parts = [
        table(_stages(context), "From the files to the images evaluated"),
        paragraph(
            f"What was left out before the evaluation is not counted here: {uncounted}. The "
            "description of the collection may name it."
        ),
    ]
    parts.append(table(_missing(context), "Missing data"))
    return Section("flow", "Flow of patients", "".join(parts))


def _stages(context: ReportContext) -> "pd.DataFrame":
    import pandas as pd

    collection = context.collection
    n_rows, skipped = len(collection.labels), context.settings.skipped
    rows: list[tuple[str, int, int | None]] = []
    if skipped is not None:
        rows.append(("files, with those left out", n_rows + len(skipped), None))
        for reason, n in skipped["reason"].value_counts().items():
            rows.append((f"left out: {reason}", int(n), None))
    everything = np.ones(n_rows, dtype=bool)
    evaluated = collection.is_evaluated
    stages: list[tuple[str, NDArray[np.bool_]]] = [("images of the collection", everything)]
    for part in sorted({str(name) for name in collection.split[~evaluated].tolist()}):
        name = f"not evaluated: {part or 'in no split'}"
        stages.append((name, ~evaluated & (collection.split == part)))
    stages.append(("evaluated", evaluated))
    for side, positive in zip(context.names, (False, True), strict=True):
        members = np.zeros(n_rows, dtype=bool)
        members[collection.rows[context.predictions.positive == positive]] = True
        stages.append((f"of these, {side}", members))
    for name, members in stages:
        n_patients = len(set(collection.patients[members].tolist()))
        rows.append((name, int(members.sum()), n_patients))
    return pd.DataFrame(rows, columns=["stage", "images", "patients"]).convert_dtypes()


def _missing(context: ReportContext) -> "pd.DataFrame":
    import pandas as pd

    collection = context.collection
    rows: list[tuple[str, int, str]] = [
        (
            "label",
            0,
            "rows without one raise an error, or were dropped before and are not counted",
        ),
        ("patient", collection.n_unknown_patients, "counted as one patient each"),
    ]
    rows += [
        (column, n, "in no subgroup of this column")
        for column, n in context.in_no_subgroup().items()
    ]
    return pd.DataFrame(rows, columns=["what", "missing", "what was done"])
