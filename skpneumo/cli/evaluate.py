"""``skpneumo evaluate``: evaluate a model on a folder of X-rays."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from skpneumo.cli._options import FOLDER_ALONE, Force, ReadBy, require_source
from skpneumo.cli._tables import write_frame
from skpneumo.cli._terminal import say

__all__ = ["evaluate"]


def evaluate(
    model: Path,
    folder: Path | None = None,
    /,
    *,
    threshold: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None,
    force: Force = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Evaluate a model on a folder of X-rays, with confidence intervals.

    Recall is that of the positive class, which is printed: PNEUMONIA, or the class given by
    --positive. Evaluate on patients that the model was not trained on: the test split, or those
    that `skpneumo fit` held out with the same --hold-out. The intervals take into account that
    images of one patient are similar. They are valid for new patients like these, not for those of
    another hospital.

    Parameters
    ----------
    model
        Model file of `skpneumo fit` or `skpneumo export`; or a .joblib file, which can run any
        code, so load only files you trust; or pretrained, the model that ships with the package.
    folder
        Folder with one sub-folder per class, or per split and class as in the public collection.
    threshold
        Probability from which an X-ray is classified as positive. Default: the model's own.
    out
        Also write the metrics to this CSV file.
    force
        Overwrite the CSV file if it exists.
    """
    from skpneumo._progress import working
    from skpneumo.cli._collections import describe, positive_name
    from skpneumo.cli._collections_for_models import read_for
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._metrics_table import evaluated
    from skpneumo.cli._model_files import (
        find_model,
        load_model,
        refuse_other_formats,
        refuse_to_overwrite,
    )
    from skpneumo.cli._worth import say_what_was_seen, say_worth, seen_in_training

    require_source(folder, read_by, "FOLDER")
    model = find_model(model)
    refuse_the_same_file({"the model": model, "--table": read_by.table, "--out": out})
    if out is not None:
        refuse_other_formats(out, ".csv")
        refuse_to_overwrite(out, force)
    estimator = load_model(model)
    xrays = read_for(estimator, folder, read_by, "test", "held out")
    positive = positive_name(xrays)
    say(f"{model} on {describe(xrays)}", flush=True)
    say_what_was_seen(estimator, seen_in_training(estimator, xrays), folder, read_by)
    with working("Evaluating"):
        frame = evaluated(estimator, xrays, threshold)
    say(f"\n{frame.formatted(positive=positive)}")
    say_worth(frame, xrays)
    if out is not None:
        write_frame(frame, out)
        say(f"\nSaved {out}.")
