"""Evaluate and save a model that ``fit`` or ``tune`` has trained, and say how to continue."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import based_on, hours_and_minutes, with_interval
from skpneumo.cli._collections import TrainingData, positive_name, rows_of
from skpneumo.cli._signals import received_signal
from skpneumo.cli._terminal import say, text_of

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.utils import Bunch

__all__ = [
    "duration",
    "epochs_of",
    "saved_at_the_end",
    "say_what_is_next",
    "worth_of",
]

# Training images to check whether a model has learned even these.
_MOST_CHECKED = 500


def duration(seconds: float) -> str:
    """Format a duration: "4 s", "12 minutes", "2 hours 5 minutes"."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return hours_and_minutes(round(seconds / 60))


def epochs_of(model: Any) -> str:
    """Write the epochs of each network: " for 1 epoch", " for 12 + 15 epochs"; "" for none."""
    from skpneumo.fitted import classifiers_of

    trained = [each.classifier for each in classifiers_of(model)]
    counts = [each.n_iter_ for each in trained if hasattr(each, "history_")]
    epochs = f" for {' + '.join(map(str, counts))} epoch{'s' * (counts != [1])}"
    return epochs if counts else ""


@dataclass
class TrainedModel:
    """What to save: the model, None until it is trained, and why it is useless, if known.

    ``difference`` says in words what else was asked for than this model.
    """

    model: Any = None
    useless: str = ""
    difference: str = ""


@contextmanager
def saved_at_the_end(data: TrainingData, out: Path, n_updates: int) -> Iterator[TrainedModel]:
    """Save the model that the block has trained at its end, also if the block fails later.

    Training has taken hours, and what is said about it may fail: a held-out file cannot be read,
    the reader of standard output is gone, or somebody interrupts.
    """
    trained = TrainedModel()
    try:
        yield trained
    finally:
        if trained.model is not None:
            interrupted = received_signal() or isinstance(sys.exception(), KeyboardInterrupt)
            try:
                _save(trained, data, out, n_updates)
            except OSError as error:
                if interrupted:  # which ends the command without its errors
                    say(f"skpneumo: {text_of(error)}", file=sys.stderr)
                raise


def _save(trained: TrainedModel, data: TrainingData, out: Path, n_updates: int) -> None:
    from skpneumo.cli._model_files import save_model
    from skpneumo.cli._training_record import TrainingRecord

    record = TrainingRecord.of(
        data.train, n_updates=n_updates, hold_out=data.share, useless=trained.useless
    )
    save_model(trained.model, out, data.train.target_names, provenance=record.as_dict())
    say(f"Saved {out}{trained.difference}.")


def say_what_is_next(data: TrainingData, out: Path) -> None:
    """Say how to evaluate the model that was saved."""
    file = shlex.quote(str(out))
    if data.held_out is None:
        say(
            f'To evaluate it on the split "test": skpneumo evaluate {file} {data.source}'
            if data.source
            else "To evaluate it on patients it has not seen: skpneumo evaluate "
            f"{file} FOLDER, or train it again with --hold-out 0.2."
        )
    else:
        say(
            f"For a report on the held-out patients: skpneumo report {file} {data.source} "
            f"--hold-out {data.share:g}"
        )


def worth_of(model: Any, data: TrainingData) -> str:
    """Print how good a model is, and return why it is useless; "" if it is not.

    It is evaluated on the held-out patients, or else on training images.
    """
    from skpneumo.cli._metrics_table import evaluated
    from skpneumo.cli._worth import SHOWN, reason_of_uselessness, say_useless, say_worth

    if not _knows_positive_class(data.train):
        say(
            "It is not known which class is the illness, so recall is not reported. Name it with "
            "--positive."
        )
        return ""
    reasons = [_worth_of_floor(model, data.train)]
    if data.held_out is not None:
        frame = evaluated(model, data.held_out)
        say("On the held-out patients:")
        say(frame.formatted(SHOWN, positive_name(data.held_out)))
        reasons.append(say_worth(frame, data.held_out))
    if data.held_out is not None or reasons[0]:
        return next(filter(None, reasons), "")
    frame = _on_training_images(model, data.train)
    own = reason_of_uselessness(frame, data.train)
    if own:
        reasons.append(f"Even on the images that it was trained on: {own}")
        say_useless(reasons[-1], frame)
    return next(filter(None, reasons), "")


def _knows_positive_class(xrays: "Bunch") -> bool:
    from skpneumo._positive_class import UndecidedPositiveError

    try:
        positive_name(xrays)
    except UndecidedPositiveError:
        return False
    return True


def _worth_of_floor(model: Any, xrays: "Bunch") -> str:
    """Print how well a recall floor did out of fold; return why it is useless, if it is."""
    from skpneumo import RecallFloorClassifier
    from skpneumo.cli._worth import say_useless
    from skpneumo.evaluation import why_useless_rates
    from skpneumo.fitted import threshold_of

    threshold = threshold_of(model)  # looks through an input gate
    model = threshold.chosen_by if threshold is not None else None
    if not isinstance(model, RecallFloorClassifier):
        return ""
    rates = {
        f"recall of {positive_name(xrays)}": (
            model.recall_, model.recall_interval_, model.n_positive_,
        ),
        "specificity": (model.specificity_, model.specificity_interval_, model.n_negative_),
    }  # fmt: skip
    say(f"At the threshold for a recall of {model.recall:g}, on patients not trained on:")
    for name, (value, interval, n) in rates.items():
        say(f"  {name} {with_interval(value, *interval)} ({based_on(None, n)})")
    say(f"  {model.guarantee_terms_}")
    reason = why_useless_rates(
        model.recall_,
        model.recall_interval_,
        model.specificity_,
        model.specificity_interval_,
        names=tuple(xrays.target_names),
    )
    say_useless(reason)
    return reason


def _on_training_images(model: Any, xrays: "Bunch") -> "pd.DataFrame":
    """Evaluate a model on its training images, or on some of each class if there are many."""
    import numpy as np

    from skpneumo.cli._metrics_table import evaluated

    rng = np.random.default_rng(0)
    n_each = _MOST_CHECKED // len(xrays.target_names)
    rows = [
        rng.permutation(np.flatnonzero(xrays.target == label))[:n_each]
        for label in np.unique(xrays.target)
    ]
    return evaluated(model, rows_of(xrays, np.sort(np.concatenate(rows))))
