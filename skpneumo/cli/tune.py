"""``skpneumo tune``: search, then save the best."""

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveInt
from cyclopts.validators import Number

from skpneumo._tables import write_frame
from skpneumo.cli._options import FOLDER_ALONE, Force, Out, ReadBy, Verbose, require_source

__all__ = ["tune"]


def tune(
    folder: Path | None = None,
    /,
    *,
    out: Out = Path("model.skpneumo"),
    results: Path | None = None,
    store: Path | None = None,
    candidates: PositiveInt | None = None,
    folds: Annotated[int, Parameter(validator=Number(gte=2))] = 3,
    size: PositiveInt = 64,
    epochs: PositiveInt = 15,
    random_state: NonNegativeInt = 0,
    n_jobs: int = -1,
    force: Force = False,
    verbose: Verbose = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Search for the best network by recall, in patient-grouped folds.

    The grid has 8 candidates: the network of `skpneumo fit` with dropout of 0 or 0.2, a weight
    penalty of 0 or 0.0001, and a learning rate of 0.001 or 0.003. Each is scored by
    cross-validation. Of those whose balanced accuracy is within one standard error of the best,
    the one with the highest recall is fitted again on all images and saved.

    Parameters
    ----------
    folder
        Folder with one sub-folder per class, or per split and class as the public collection.
    out
        Model file to write, for the other commands and for skpneumo.load_model. It holds data
        alone; with the suffix .joblib it is a pickle.
    results
        Table of all candidates to write: recall and specificity over all folds, with 95 %
        intervals and the number of images and patients. Default: model-candidates.csv beside
        the model.
    store
        Folder for the result of each fit. The same command continues there after an
        interruption. Default: nothing is saved before the search is done.
    candidates
        Number of candidates to sample at random. Default: the whole grid.
    folds
        Folds of the cross-validation.
    size
        Side of the images given to the network, in pixels.
    epochs
        Passes over the images.
    random_state
        Seed of the folds, of the choice of candidates and of every fit.
    n_jobs
        Threads that read images; -1 is one for each processor.
    force
        Overwrite the model file and the table if they exist.
    verbose
        Show every candidate's score in every fold.
    """
    from skpneumo._progress import fit_progress
    from skpneumo.cli._collections import (
        describe,
        positive_name,
        read_collection,
        two_classes,
    )
    from skpneumo.cli._default_pipeline import default_pipeline
    from skpneumo.cli._model_files import refuse_to_overwrite, save_model
    from skpneumo.cli._search import GRID, figure_of, recall_search, table_of

    results = results or out.with_name(f"{out.stem}-candidates.csv")
    require_source(folder, read_by, "FOLDER")
    refuse_to_overwrite(out, force)
    refuse_to_overwrite(results, force)
    xrays = read_collection(folder, read_by, "train", "rest")
    two_classes(xrays, read_by.table or folder)
    print(f"Searching on {describe(xrays)}.", flush=True)
    pipeline = default_pipeline(size, epochs, random_state, n_jobs, verbose=False)
    search = recall_search(pipeline, GRID, folds, candidates, random_state, store)
    search.set_params(verbose=3 if verbose else 0)
    start = time.perf_counter()
    with fit_progress(search):
        search.fit(xrays.X, xrays.target, groups=xrays.groups)
    minutes = (time.perf_counter() - start) / 60
    table = table_of(search, xrays)
    write_frame(table, results)
    save_model(search.best_estimator_, out, xrays.target_names)
    best = table.iloc[0]
    print(f"Compared {len(table)} candidates on {folds} folds in {minutes:.1f} minutes.")
    if search.n_restored_:
        print(f"{search.n_restored_} of {len(table) * folds} fits were already in {store}.")
    print(f"Best: {', '.join(f'{key} {value}' for key, value in search.best_params_.items())}")
    print("In cross-validation, over all folds, with 95 % intervals over patients:")
    print(f"  recall of {positive_name(xrays)} {figure_of(best, 'recall')}")
    print(f"  specificity {figure_of(best, 'specificity')}")
    print("Both are slightly optimistic, because they chose the model. Next: skpneumo evaluate.")
    print(f"Saved {out} and {results}.")
