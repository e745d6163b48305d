"""``skpneumo evaluate``: a model, a folder, a table with intervals."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from skpneumo._tables import write_frame
from skpneumo.cli._options import Force

__all__ = ["evaluate"]


def evaluate(
    model: Path,
    folder: Path,
    /,
    *,
    split: str | None = None,
    threshold: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None,
    out: Annotated[Path | None, Parameter(name=("--out", "--output", "-o"))] = None,
    force: Force = False,
) -> None:
    """Print how good a model is on a folder of X-rays, with intervals.

    Pneumonia is the class to be found. The intervals respect that images of one patient are
    alike. They describe new patients like these, not another hospital's.

    Parameters
    ----------
    model
        Model file, of `skpneumo fit` or joblib. It is a pickle: trust where it comes from.
    folder
        Folder with one sub-folder per class, or per split and class as the public collection.
    split
        Split to evaluate on, of patients the model was not fitted on; "all" takes every file.
        Default: test, or all of a folder without splits.
    threshold
        Probability from which on an X-ray is called PNEUMONIA. Default: the model's own.
    out
        Table to write as well, as CSV.
    force
        Overwrite that table if it exists.
    """
    from skpneumo.cli._collections import describe, read_for, split_to_read
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._metrics_table import evaluated, printed
    from skpneumo.cli._model_files import load_model, refuse_to_overwrite

    refuse_the_same_file({"the model": model, "--out": out})
    if out is not None:
        refuse_to_overwrite(out, force)
    estimator = load_model(model)
    xrays = read_for(estimator, folder, split_to_read(folder, split, "test"))
    print(f"{model} on {describe(xrays)}\n", flush=True)
    frame = evaluated(estimator, xrays, threshold)
    print(printed(frame))
    if out is not None:
        write_frame(frame, out)
        print(f"\nKept {out}.")
