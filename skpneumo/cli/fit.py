"""``skpneumo fit``: from a folder of X-rays to a model file."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveInt
from cyclopts.validators import Number

from skpneumo.cli._options import FOLDER_ALONE, Force, Out, ReadBy, Verbose, require_source

__all__ = ["fit"]


def fit(
    folder: Path | None = None,
    /,
    *,
    out: Out = Path("model.skpneumo"),
    labels: Literal["binary", "etiology"] = "binary",
    recipe: str = "robust",
    size: PositiveInt | None = None,
    epochs: PositiveInt | None = None,
    weights: str = "imagenet",
    random_state: NonNegativeInt = 0,
    n_jobs: int = -1,
    gate: bool = True,
    gate_false_alarms: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.01,
    force: Force = False,
    verbose: Verbose = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Train a classifier on a folder of X-rays and save it.

    It trains a recipe: the recommended one, or another by name.

    Parameters
    ----------
    folder
        Folder with one sub-folder per class, or per split and class as the public collection.
    out
        Model file to write, for the other commands and for skpneumo.load_model. It holds data
        alone; with the suffix .joblib it is a pickle.
    labels
        NORMAL and PNEUMONIA, or NORMAL, BACTERIA and VIRUS.
    recipe
        robust: a small residual network, trained from scratch on random crops, shapes,
        exposures and detail. hog-svm: a linear model of edges, without a network; needs
        scikit-image. The networks of published studies: dense-baseline, dense-32-64-96-128,
        cnn-50-50-75, cnn-64-128-256, cnn-double-conv, cnn-undersampled, cnn-conv-pool-dropout,
        vgg16, xception. Or any backbone of keras.applications, such as DenseNet121.
    size
        Side of the images given to the network, in pixels. Default: the recipe's.
    epochs
        Passes over the images. Default: the recipe's.
    weights
        Initial weights of a backbone: imagenet, which is downloaded once; a .weights.h5 file
        without the top; or none, for random weights.
    random_state
        Seed: the same one gives the same model.
    n_jobs
        Threads that read images; -1 is one for each processor.
    gate
        Put an input gate around the model: it answers nothing about images unlike those of
        training.
    gate_false_alarms
        Share of patients like those of training who may have an image withheld by the gate.
    force
        Overwrite the model file if it exists.
    verbose
        Show the loss of every epoch.
    """
    from skpneumo._progress import fit_progress
    from skpneumo.cli._collections import describe, read_collection
    from skpneumo.cli._default_pipeline import recipe_pipeline
    from skpneumo.cli._gate import gated, without_what_its_terms_say
    from skpneumo.cli._model_files import refuse_to_overwrite, save_model
    from skpneumo.fitted import classifiers_of

    require_source(folder, read_by, "FOLDER")
    refuse_to_overwrite(out, force)
    xrays = read_collection(folder, read_by, "train", "rest", labels)
    pipeline = recipe_pipeline(recipe, size, epochs, weights, random_state, n_jobs, verbose)
    print(f"Training {recipe} on {describe(xrays)}.", flush=True)
    start = time.perf_counter()
    # scikit-learn's VotingClassifier does not pass a progress bar on to its members.
    depth = int(hasattr(pipeline[-1], "set_callbacks"))
    model = gated(pipeline, gate_false_alarms if gate else None)
    with fit_progress(model, depth=depth + 2 * gate), without_what_its_terms_say():
        model.fit(xrays.X, xrays.target)
    minutes = (time.perf_counter() - start) / 60
    save_model(model, out, xrays.target_names)
    networks = [
        each.classifier for each in classifiers_of(model) if hasattr(each.classifier, "history_")
    ]
    trained = f"{_epochs([each.n_iter_ for each in networks])}, " if networks else ""
    print(f"Saved {out} after {trained}{minutes:.1f} minutes.")
    if gate:
        print(f"Input gate: {model.terms_}")
    print("Next, evaluate it on patients it has not seen: skpneumo evaluate.")


def _epochs(counts: list[int]) -> str:
    """Write the epochs of each network: "1 epoch", "15 epochs", "12 + 15 epochs"."""
    return f"{' + '.join(map(str, counts))} epoch{'s' * (counts != [1])}"
