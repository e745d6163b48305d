"""``skpneumo report``: an HTML report about a model on a folder of X-rays."""

from hashlib import file_digest
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from skpneumo.cli._options import FOLDER_ALONE, Flag, Force, NJobs, Out, ReadBy, require_source
from skpneumo.cli._terminal import say

__all__ = ["report"]


def report(
    model: Path,
    folder: Path | None = None,
    /,
    *,
    out: Out = Path("report.html"),
    explain: Flag = False,
    prevalence: Annotated[float | None, Parameter(validator=Number(gt=0, lt=1))] = None,
    n_jobs: NJobs = -1,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Write an HTML report about a model on a folder of X-rays.

    Data with their audit, protocol, operating point, metrics with intervals, figures,
    subgroups, worst errors, limits, versions. The page is one HTML file that needs no network.
    Every file of the folder is opened, not only those of the split, because the audit looks for
    what the split has in common with the others.

    Parameters
    ----------
    model
        Model file of `skpneumo fit`; or a .joblib file, which runs what is in it: load only
        those you trust; or pretrained, the model that ships with the package.
    folder
        Folder with one sub-folder per class, or per split and class as the public collection.
    out
        Page to write.
    explain
        Add what the model looks at, and whether it uses a shortcut; takes minutes.
    prevalence
        Share of positive images where the model is to be used, such as 0.05: adds predictive
        values and net benefit there.
    n_jobs
        Threads that read images for the audit; -1 is one for each processor.
    force
        Overwrite the page if it exists.
    """
    import numpy as np

    from skpneumo._progress import working
    from skpneumo.audit import audit_images
    from skpneumo.cli._collections import describe, patients_given, positive_name, rows_of
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._evaluated_split import evaluated_split
    from skpneumo.cli._metrics_table import is_positive, printed
    from skpneumo.cli._model_files import (
        find_model,
        load_model,
        notice_of,
        refuse_to_overwrite,
    )
    from skpneumo.cli._worth import (
        SHOWN,
        say_what_was_seen,
        say_worth,
        seen_in_training,
    )
    from skpneumo.report import EvaluationReport

    require_source(folder, read_by, "FOLDER")
    model = find_model(model)
    refuse_the_same_file({"the model": model, "--out": out})
    refuse_to_overwrite(out, force)
    estimator = load_model(model)
    notice = notice_of(estimator)
    classes = np.asarray(estimator.classes_)
    several = len(classes) > 2
    xrays, split = evaluated_split(estimator, folder, read_by)
    positive = positive_name(xrays)
    rows = slice(None) if split is None else xrays.split == split
    say(f"{model} on {describe(xrays, rows)}", flush=True)
    evaluated_rows = rows_of(xrays, np.arange(len(xrays.target))[rows])
    seen = seen_in_training(estimator, evaluated_rows)
    say_what_was_seen(estimator, seen)
    names = dict(enumerate(xrays.target_names))
    with working(f"Auditing {len(xrays.target):,} files"):
        audited = audit_images(
            xrays.filenames,
            [names[label] for label in xrays.target],
            xrays.split,
            groups=patients_given(xrays, read_by),
            skipped=xrays.skipped,
            n_jobs=n_jobs,
        )
    with working("Evaluating, explaining and drawing" if explain else "Evaluating and drawing"):
        written = EvaluationReport.from_estimator(
            estimator,
            xrays.filenames,
            classes[xrays.target],
            split=xrays.split,
            part=split,
            groups=xrays.groups,
            pos_label=classes[is_positive(xrays)].tolist() if several else None,
            target_names=xrays.target_names,
            audit=audited,
            explain=explain,
            seen_in_training=None if seen is None else seen.either,
            description=xrays.DESCR,
            skipped=xrays.skipped,
            prevalence=prevalence,
            provenance={
                "model file": model.name,
                "SHA-256 of the model file": _checksum(model),
                **({"what the model is not": notice} if notice else {}),
            },
        )
    written.to_html(out)
    say(f"\n{printed(written.frame, positive, SHOWN)}")
    say_worth(written.frame, xrays)
    say(f"\n{written.threshold_origin}\nSaved {out}.")


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
