"""``skpneumo fit``: from a folder of X-rays to a model file."""

import time
from pathlib import Path
from typing import Literal

from cyclopts.types import NonNegativeInt, PositiveInt

from skpneumo.cli._options import Force, Out, Verbose

__all__ = ["fit"]


def fit(
    folder: Path,
    /,
    *,
    out: Out = Path("model.joblib"),
    split: str = "train",
    labels: Literal["binary", "etiology"] = "binary",
    size: PositiveInt = 64,
    epochs: PositiveInt = 15,
    random_state: NonNegativeInt = 0,
    n_jobs: int = -1,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Train a classifier on a folder of X-rays and keep it.

    A residual network, trained from scratch on images that are changed a little and anew each
    epoch, at a learning rate that falls to nothing.

    Parameters
    ----------
    folder
        Folder with one sub-folder per class, or per split and class as the public collection.
    out
        Model file to write. It is a pickle, for the other commands and for joblib.load.
    split
        Split to train on; "all" takes every file.
    labels
        NORMAL and PNEUMONIA, or NORMAL, BACTERIA and VIRUS.
    size
        Side of the images given to the network, in pixels.
    epochs
        Passes over the images.
    random_state
        Seed: the same one gives the same model.
    n_jobs
        Threads that read images; -1 is one for each processor.
    force
        Overwrite the model file if it exists.
    verbose
        Show the loss of every epoch.
    """
    from skpneumo.cli._collections import describe, read_collection
    from skpneumo.cli._default_pipeline import default_pipeline
    from skpneumo.cli._model_files import keep_model, refuse_to_overwrite
    from skpneumo.cli._progress import fit_progress

    refuse_to_overwrite(out, force)
    xrays = read_collection(folder, split, labels)
    print(f"Training on {describe(xrays)}.", flush=True)
    pipeline = default_pipeline(size, epochs, random_state, n_jobs, verbose)
    start = time.perf_counter()
    with fit_progress(pipeline[-1]):
        pipeline.fit(xrays.filenames, xrays.target)
    minutes = (time.perf_counter() - start) / 60
    keep_model(pipeline, out, xrays.target_names)
    print(f"Kept {out} after {pipeline[-1].n_iter_} epochs, {minutes:.1f} minutes.")
    print("How good it is: skpneumo evaluate, on patients it has not seen.")
