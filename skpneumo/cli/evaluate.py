"""``skpneumo evaluate``: a model, a folder, a table with intervals."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from skpneumo._tables import write_frame
from skpneumo.cli._options import FOLDER_ALONE, Force, ReadBy, require_source

__all__ = ["evaluate"]


def evaluate(
    model: Path,
    folder: Path | None = None,
    /,
    *,
    threshold: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None,
    out: Annotated[Path | None, Parameter(name=("--out", "--output", "-o"))] = None,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Print how good a model is on a folder of X-rays, with intervals.

    Recall is that of the illness, which is named: PNEUMONIA, or what --positive says. Judge by
    patients the model was not fitted on: the split test, or those that `skpneumo fit` held out
    with the same --hold-out. The intervals respect that images of one patient are
    alike. They describe new patients like these, not another hospital's.

    Parameters
    ----------
    model
        Model file, of `skpneumo fit` or joblib. It is a pickle: trust where it comes from.
    folder
        Folder with one sub-folder per class, or per split and class as the public collection.
    threshold
        Probability from which on an X-ray is called positive. Default: the model's own.
    out
        Table to write as well, as CSV.
    force
        Overwrite that table if it exists.
    """
    from skpneumo.cli._collections import describe, positive_name, read_for
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._metrics_table import evaluated, printed
    from skpneumo.cli._model_files import load_model, refuse_to_overwrite

    require_source(folder, read_by, "FOLDER")
    refuse_the_same_file({"the model": model, "--out": out})
    if out is not None:
        refuse_to_overwrite(out, force)
    estimator = load_model(model)
    xrays = read_for(estimator, folder, read_by, "test", "held out")
    positive = positive_name(xrays)
    print(f"{model} on {describe(xrays)}\n", flush=True)
    frame = evaluated(estimator, xrays, threshold)
    print(printed(frame, positive))
    if out is not None:
        write_frame(frame, out)
        print(f"\nKept {out}.")
