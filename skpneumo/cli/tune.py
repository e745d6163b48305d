"""``skpneumo tune``: search for the best network and save it."""

import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveInt
from cyclopts.validators import Number

from skpneumo._formatting import counted
from skpneumo.cli._options import (
    FOLDER_ALONE,
    Force,
    NJobs,
    Out,
    ReadBy,
    RecallFloor,
    Verbose,
    White,
    require_source,
)
from skpneumo.cli._tables import write_frame
from skpneumo.cli._terminal import say

__all__ = ["tune"]


def tune(
    folder: Path | None = None,
    /,
    *,
    out: Out = Path("model.skpneumo"),
    results: Path | None = None,
    store: Path | None = None,
    candidates: PositiveInt | None = None,
    recall: RecallFloor = None,
    folds: Annotated[int, Parameter(validator=Number(gte=2))] = 3,
    size: PositiveInt = 64,
    epochs: PositiveInt = 15,
    random_state: NonNegativeInt = 0,
    white: White = None,
    n_jobs: NJobs = -1,
    force: Force = False,
    verbose: Verbose = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Search for the best network by recall, in patient-grouped folds.

    The grid has 8 candidates: the network of `skpneumo fit` with dropout of 0 or 0.2, a weight
    penalty of 0 or 0.0001, and a learning rate of 0.001 or 0.003. Each is scored by
    cross-validation. Of those whose balanced accuracy is within one standard error of the best,
    the one with the highest recall is fitted on all images and saved.

    Parameters
    ----------
    folder
        Folder with one sub-folder per class, or per split and class as in the public collection.
    out
        Model file to write, for the other commands and for skpneumo.load_model in Python. It
        contains only data; with the suffix .joblib it is a pickle.
    results
        CSV file to write with a row for each candidate: recall and specificity over all folds,
        with 95 % intervals and the number of images and patients. Default: model-candidates.csv
        beside the model.
    store
        Folder for the result of each fit, from which the same command continues after an
        interruption. Default: nothing is saved before the search is complete.
    candidates
        Number of candidates to choose at random. Default: the whole grid.
    recall
        Floor of recall, such as 0.95: the chosen network gets the highest threshold that keeps it,
        with 95 % confidence, on patients that were not trained on. With few patients this trains
        five models. Default: no floor; the model predicts the more probable class.
    folds
        Number of folds of the cross-validation.
    size
        Side of the images given to the network, in pixels.
    epochs
        Number of training passes over the images.
    random_state
        Seed of the folds, the choice of candidates and every fit.
    white
        Value of white in files of more than 8 bits that do not store it, such as 4095 if twelve
        bits were exported in 16-bit files. It is saved with the model.
    n_jobs
        Number of threads that read images; -1 is one for each processor.
    force
        Overwrite the model file and the table if they exist.
    verbose
        Show every candidate's score in every fold.
    """
    from sklearn.base import clone

    from skpneumo.cli._collections import positive_name, read_training_data, two_classes
    from skpneumo.cli._default_pipeline import recipe_pipeline, with_recall_floor, with_white
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._finished import (
        duration,
        saved_at_the_end,
        say_what_is_next,
        worth_of,
    )
    from skpneumo.cli._fit_progress import fit_progress
    from skpneumo.cli._model_files import MODEL_SUFFIXES, refuse_other_formats, refuse_to_overwrite
    from skpneumo.cli._search import GRID, recall_search, table_of, useless_out_of_fold
    from skpneumo.cli._updates import fits_line, n_updates, updates_line
    from skpneumo.cli._worth import say_useless

    results = results or out.with_name(f"{out.stem}-candidates.csv")
    require_source(folder, read_by, "FOLDER")
    refuse_the_same_file({"--table": read_by.table, "--out": out, "--results": results})
    refuse_other_formats(out, *MODEL_SUFFIXES)
    refuse_other_formats(results, ".csv")
    refuse_to_overwrite(out, force)
    refuse_to_overwrite(results, force)
    data = read_training_data(folder, read_by)
    two_classes(data.train, read_by.table or folder)
    X, y = data.train.X, data.train.target
    pipeline = recipe_pipeline(
        "robust", size, epochs, "imagenet", random_state, n_jobs, verbose=False
    )
    with_white(pipeline, white)
    say(f"Searching on {data.describe()}")
    say(f"Each fit of the final model: {updates_line(pipeline, X, y)}", flush=True)
    updates = n_updates(pipeline, X, y)
    if recall is not None:  # too few patients are reported before the search
        say(f"After the search: {fits_line(with_recall_floor(pipeline, recall), data.train)}")
    search = recall_search(pipeline, GRID, folds, candidates, random_state, store)
    search.set_params(verbose=3 if verbose else 0)
    start = time.perf_counter()
    with saved_at_the_end(data, out, updates) as trained:
        with fit_progress(search, "Searching", quiet=verbose):
            search.fit(X, y, groups=data.train.groups)
        trained.model = search.best_estimator_
        if recall is not None:  # until that model is fitted
            trained.difference = ", the best model of the search, without the recall floor"
        table = table_of(search, data.train)
        written = _is_written(table, results)
        say(
            f"Compared {counted(len(table), 'candidate')} on {folds} folds in "
            f"{duration(time.perf_counter() - start)}."
        )
        if search.n_restored_:
            say(f"{search.n_restored_} of {len(table) * folds} fits were already in {store}.")
        _say_best(search.best_params_, table.iloc[0], positive_name(data.train))
        trained.useless = useless_out_of_fold(search, data.train)
        say_useless(trained.useless)
        if recall is not None:
            floor = with_recall_floor(clone(search.best_estimator_), recall)
            with fit_progress(floor, "Fitting the best with a recall floor", quiet=verbose):
                trained.model = floor.fit(X, y)
            trained.difference = ""
        trained.useless = worth_of(trained.model, data) or trained.useless
    say_what_is_next(data, out)
    if not written:
        write_frame(table, results)
    say(f"All candidates: {results}")


def _is_written(table: Any, results: Path) -> bool:
    """Write the table if possible; an error must not lose the model, which is saved later."""
    try:
        write_frame(table, results)
    except OSError:
        return False
    return True


def _say_best(parameters: dict[str, Any], row: Any, positive: str) -> None:
    """Print the parameters of the chosen candidate and its row of the table."""
    from skpneumo.cli._search import metric_with_interval

    say(f"Best: {', '.join(f'{key} {value}' for key, value in parameters.items())}")
    say("In cross-validation, over all folds, with 95 % intervals over patients:")
    say(f"  recall of {positive} {metric_with_interval(row, 'recall')}")
    say(f"  specificity {metric_with_interval(row, 'specificity')}")
    say("Both are slightly optimistic, because the model was chosen by them.")
