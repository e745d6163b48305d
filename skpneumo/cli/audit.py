"""``skpneumo audit``: check a folder of X-rays for problems before training on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from skpneumo.cli._options import (
    FOLDER_ALONE,
    CollectionOptions,
    Force,
    NJobs,
    ReadBy,
    require_source,
)
from skpneumo.cli._tables import open_table
from skpneumo.cli._terminal import say

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.utils import Bunch

__all__ = ["audit"]

# Not 1, so that a script can tell a faulty collection from an audit that failed.
FAULTS_FOUND = 3


def audit(
    folder: Path | None = None,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None,
    csv: Path | None = None,
    model: Path | None = None,
    names_only: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    n_jobs: NJobs = -1,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> int:
    """Check a folder of X-rays for problems.

    It finds problems that make scores on a collection wrong: damaged files, copies, patients in
    more than one split, labels that contradict file names, splits or classes that differ in how
    their images were acquired, and files that are not images. Every file is opened once, and none
    is changed. The exit status is 3 if a finding is an error, and 0 otherwise.

    Parameters
    ----------
    folder
        Folder with one sub-folder per class, or per split and class as in the public collection.
    out
        Also write an HTML page with the findings, thumbnails, counts and grey levels.
    csv
        Also write a CSV table with a row for each file of each finding.
    model
        Model to find suspect labels with: a model file of `skpneumo fit`, or a .joblib file of
        somebody you trust. It is trained again in five patient-grouped folds, which takes five
        times as long as `skpneumo fit`, and labels that contradict its predictions are listed.
    names_only
        Check only labels, patients and splits, without opening images. Takes seconds.
    n_jobs
        Number of threads that read images; -1 is one for each processor.
    force
        Overwrite the page and the table if they exist.
    """
    import numpy as np

    from skpneumo._progress import working
    from skpneumo.audit import audit_images
    from skpneumo.cli._collections import patients_given
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._model_files import (
        find_model,
        load_model,
        refuse_other_formats,
        refuse_to_overwrite,
    )

    require_source(folder, read_by, "FOLDER")
    if names_only and model is not None:
        raise ValueError(
            "--names-only opens no image, which --model has to. Leave out one of them."
        )
    model = None if model is None else find_model(model)
    refuse_the_same_file({"--model": model, "--table": read_by.table, "--out": out, "--csv": csv})
    for file, suffixes in ((out, (".html", ".htm")), (csv, (".csv",))):
        if file is not None:
            refuse_other_formats(file, *suffixes)
            refuse_to_overwrite(file, force)
    estimator = None if model is None else load_model(model)
    xrays = _read(folder, read_by, estimator)
    labels = np.array(xrays.target_names, dtype=object)[xrays.target]
    with working(f"Checking {len(labels):,} files"):
        audited = audit_images(
            _with_acquisition(xrays),
            labels,
            xrays.split,
            groups=patients_given(xrays, read_by),
            skipped=xrays.skipped,
            open_files=not names_only,
            estimator=estimator,
            n_jobs=n_jobs,
        )
    say(audited.summary())
    if out is not None:
        audited.to_html(out)
    if csv is not None:
        _write_by_file(audited.findings, csv)
    if saved := [str(file) for file in (out, csv) if file is not None]:
        say(f"\nSaved {' and '.join(saved)}.")
    return FAULTS_FOUND if audited.findings["severity"].eq("error").any() else 0


def _read(folder: Path | None, read_by: CollectionOptions, model: Any) -> "Bunch":
    """Read all images; what is warned of elsewhere becomes a finding."""
    import warnings

    from skpneumo._positive_class import UndecidedPositiveError
    from skpneumo.cli._xray_files import read_any
    from skpneumo.datasets import SharedPatientsWarning, SkippedFilesWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedFilesWarning)
        warnings.simplefilter("ignore", SharedPatientsWarning)
        try:
            return read_any(folder, read_by, "both")
        except UndecidedPositiveError:
            if model is None:
                raise
            return read_any(folder, read_by, "both", model)


def _with_acquisition(xrays: "Bunch") -> "pd.DataFrame":
    """Make a frame of the files and of how they were acquired, if the table says so."""
    from skpneumo._paths import text_frame

    # The patients are passed on as groups.
    others = xrays.frame.drop(columns=["path", "patient"], errors="ignore")
    return text_frame({"path": xrays.filenames} | {name: others[name] for name in others})


def _write_by_file(findings: "pd.DataFrame", path: Path) -> None:
    with open_table(path, ["finding", "kind", "severity", "path", "detail"]) as write_row:
        for number, row in enumerate(findings.itertuples(), start=1):
            for file in row.paths:
                write_row([number, row.kind, row.severity, file, row.detail])
