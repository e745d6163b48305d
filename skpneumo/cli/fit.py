"""``skpneumo fit``: train a model on a folder of X-rays and save it."""

import time
import warnings
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveInt
from cyclopts.validators import Number

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
from skpneumo.cli._terminal import say

__all__ = ["fit"]

_FALSE_ALARMS = 0.01


def fit(
    folder: Path | None = None,
    /,
    *,
    out: Out = Path("model.skpneumo"),
    labels: Literal["binary", "etiology"] = "binary",
    recipe: str = "robust",
    recall: RecallFloor = None,
    size: PositiveInt | None = None,
    epochs: PositiveInt | None = None,
    weights: str = "imagenet",
    random_state: NonNegativeInt = 0,
    white: White = None,
    n_jobs: NJobs = -1,
    gate: bool = True,
    gate_false_alarms: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = _FALSE_ALARMS,
    force: Force = False,
    verbose: Verbose = False,
    read_by: ReadBy = FOLDER_ALONE,
) -> None:
    """Train a classifier on a folder of X-rays and save it.

    It trains the recommended recipe, or another one by name, and evaluates the model on patients
    that it was not trained on. If the collection has no splits, and at least ten patients of each
    class, a fifth of the patients is held out for this; --hold-out 0 trains on all of them.

    Parameters
    ----------
    folder
        Folder with one sub-folder per class, or per split and class as in the public collection.
    out
        Model file to write, for the other commands and for skpneumo.load_model in Python. It
        contains only data; with the suffix .joblib it is a pickle.
    labels
        Classes to train on: binary for NORMAL and PNEUMONIA, or etiology for NORMAL, BACTERIA and
        VIRUS.
    recipe
        robust: a small residual network, trained from scratch on random crops, shapes, exposures
        and detail. quality: a larger one on images of 128 pixels, trained longer, for a GPU.
        hog-svm: a linear model of edges, without a network; needs scikit-image, and five patients
        of each class. The networks of published studies: dense-baseline, dense-32-64-96-128,
        cnn-50-50-75, cnn-64-128-256, cnn-double-conv, cnn-undersampled, cnn-conv-pool-dropout,
        vgg16, xception. Or any backbone of keras.applications, such as DenseNet121.
    recall
        Floor of recall, such as 0.95: the threshold is the highest that keeps it, with 95 %
        confidence, on patients that were not trained on. With few patients this trains five
        models, and takes five times as long. Default: no floor; the model predicts the more
        probable class.
    size
        Side of the images given to the network, in pixels. Default: the recipe's.
    epochs
        Number of training passes over the images. Default: the recipe's.
    weights
        Initial weights of a backbone: imagenet, which is downloaded once; a .weights.h5 file
        without the top layers; or none, for random weights.
    random_state
        Seed; the same seed gives the same model.
    white
        Value of white in files of more than 8 bits that do not store it, such as 4095 if twelve
        bits were exported in 16-bit files. It is saved with the model.
    n_jobs
        Number of threads that read images; -1 is one for each processor.
    gate
        Add an input gate to the model, which predicts nothing for images unlike the training
        images.
    gate_false_alarms
        Share of new patients like those of the training data who may have an image withheld by the
        gate.
    force
        Overwrite the model file if it exists.
    verbose
        Show the loss of every epoch.
    """
    from skpneumo.cli._collections import read_training_data, two_classes
    from skpneumo.cli._default_pipeline import recipe_pipeline, with_recall_floor, with_white
    from skpneumo.cli._distinct_files import refuse_the_same_file
    from skpneumo.cli._finished import (
        duration,
        epochs_of,
        saved_at_the_end,
        say_what_is_next,
        worth_of,
    )
    from skpneumo.cli._fit_progress import fit_progress
    from skpneumo.cli._model_files import MODEL_SUFFIXES, refuse_other_formats, refuse_to_overwrite
    from skpneumo.cli._updates import fits_line, n_updates, updates_line

    require_source(folder, read_by, "FOLDER")
    refuse_the_same_file({"--table": read_by.table, "--out": out})
    refuse_other_formats(out, *MODEL_SUFFIXES)
    refuse_to_overwrite(out, force)
    if not gate and gate_false_alarms != _FALSE_ALARMS:
        raise ValueError(
            "--gate-false-alarms is for the input gate, which --no-gate leaves out. Leave out one "
            "of them."
        )
    data = read_training_data(folder, read_by, labels, hold_out_anyway=True)
    if recall is not None:
        two_classes(data.train, read_by.table or folder, "A recall floor")
    pipeline = recipe_pipeline(recipe, size, epochs, weights, random_state, n_jobs, verbose)
    with_white(pipeline, white)
    say(f"Training {recipe} on {data.describe()}")
    said = updates_line(pipeline, data.train.X, data.train.target, any_recipe=True)
    say(said, flush=True)
    updates = n_updates(pipeline, data.train.X, data.train.target)
    model = with_recall_floor(pipeline, recall)
    if recall is not None:
        say(fits_line(model, data.train), flush=True)
    start = time.perf_counter()
    from skpneumo.decision import FewPatientsWarning, InputGate

    if gate:
        model = InputGate(model, on_outlier="nan", false_alarm_rate=gate_false_alarms)
    with saved_at_the_end(data, out, updates) as trained:
        progress = fit_progress(model, f"Training {recipe}", quiet=verbose)
        with progress, warnings.catch_warnings():
            # The terms, which are printed, say the same.
            warnings.simplefilter("ignore", FewPatientsWarning)
            trained.model = model.fit(data.train.X, data.train.target)
        say(f"Trained{epochs_of(model)} in {duration(time.perf_counter() - start)}.")
        if gate:
            say(f"Input gate: {model.terms_[0].lower()}{model.terms_[1:]}")
        trained.useless = worth_of(model, data)
    say_what_is_next(data, out)
