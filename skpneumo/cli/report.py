"""``skpneumo report``: write an HTML report about a model on a folder of X-rays."""

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

    It covers the data and their audit, the protocol, the operating point, metrics with intervals,
    figures, subgroups, the worst errors, limits and versions, in one HTML file that needs no
    network. Every file of the folder is opened, not only those of the evaluated split, because the
    audit looks for patients and images that splits share.

    Parameters
    ----------
    model
        Model file of `skpneumo fit` or `skpneumo export`; or a .joblib file, which can run any
        code, so load only files you trust; or pretrained, the model that ships with the package.
    folder
        Folder with one sub-folder per class, or per split and class as in the public collection.
    out
        HTML file to write.
    explain
        Also show what the model looks at, and whether it uses a shortcut; takes minutes.
    prevalence
        Share of positive images where the model will be used, such as 0.05; adds predictive values
        and net benefit at this prevalence.
    n_jobs
        Number of threads that read images for the audit; -1 is one for each processor.
    force
        Overwrite the page if it exists.
    """
    from skpneumo._progress import working
    from skpneumo.cli._collections import describe, positive_name
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._evaluated_split import read_evaluated_split
    from skpneumo.cli._model_files import (
        find_model,
        load_model,
        origin_of,
        refuse_exported,
        refuse_other_formats,
        refuse_to_overwrite,
    )
    from skpneumo.cli._worth import SHOWN, say_what_was_seen, say_worth, seen_in_training

    require_source(folder, read_by, "FOLDER")
    model = find_model(model)
    refuse_the_same_file({"the model": model, "--table": read_by.table, "--out": out})
    refuse_other_formats(out, ".html", ".htm")
    refuse_to_overwrite(out, force)
    estimator = load_model(model)
    if explain:
        refuse_exported(estimator, model, "--explain")
    evaluated = read_evaluated_split(estimator, folder, read_by)
    xrays = evaluated.collection
    positive = positive_name(xrays)
    say(f"{model} on {describe(xrays, evaluated.rows)}", flush=True)
    seen = seen_in_training(estimator, evaluated.xrays)
    say_what_was_seen(estimator, seen, folder, read_by)
    steps = "auditing, evaluating, explaining" if explain else "auditing, evaluating"
    with working(f"Writing the report on {len(xrays.target):,} files: {steps}, drawing"):
        written = evaluated.report(
            estimator,
            n_jobs,
            explain=explain,
            seen_in_training=None if seen is None else seen.either,
            description=xrays.DESCR,
            # Of a table, rows may have been dropped, and files that it does not name are unknown.
            skipped=xrays.skipped if read_by.table is None else None,
            prevalence=prevalence,
            provenance=origin_of(model, estimator),
        )
    written.to_html(out)
    say(f"\n{written.frame.formatted(SHOWN, positive)}")
    say_worth(written.frame, xrays)
    say(f"\n{written.threshold_origin}\nSaved {out}.")
