"""Say in plain words how good a model is, in red if it is useless."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from skpneumo._formatting import counted, printable
from skpneumo.cli._terminal import say
from skpneumo.evaluation import why_useless

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.utils import Bunch

    from skpneumo.cli._options import CollectionOptions
    from skpneumo.cli._training_record import Seen, TrainingRecord

__all__ = [
    "SHOWN",
    "files_seen_in_training",
    "in_words",
    "reason_of_uselessness",
    "recorded_uselessness",
    "say_in_red",
    "say_useless",
    "say_what_was_seen",
    "say_worth",
    "seen_in_training",
]

_GUESSING = 0.5
# With an interval wider than this, a model may be good or poor.
_WIDE = 0.15
SHOWN = ("recall", "specificity", "balanced_accuracy", "roc_auc")


def say_in_red(text: str, file: TextIO | None = None) -> None:
    """Print a line, in red on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file or sys.stdout, soft_wrap=True, highlight=False)
    console.print(Text(printable(text), style="bold red"))


def reason_of_uselessness(frame: "pd.DataFrame", xrays: "Bunch") -> str:
    """Explain why a model is useless, with the names of the classes; "" if it is not."""
    return why_useless(frame, names=_names(xrays))


def say_worth(frame: "pd.DataFrame", xrays: "Bunch") -> str:
    """Print in words how good a model is; return why it is useless, "" if it is not."""
    useless = reason_of_uselessness(frame, xrays)
    if useless:
        say_useless(useless, frame)
    elif words := in_words(frame, _names(xrays)):
        say(words)
    return useless


def in_words(frame: "pd.DataFrame", names: tuple[str, str]) -> str:
    """Write how many of 100 images of each class a model gets wrong.

    Parameters
    ----------
    frame : DataFrame
        As from ``evaluate``.
    names : tuple of two str
        The negative and the positive class.

    Returns
    -------
    sentence : str
        "" if the images are of one class.
    """
    rows = frame[frame["subgroup"].eq("all")].set_index("metric")
    recall, specificity = (rows.loc[name] for name in ("recall", "specificity"))
    if recall[["value", "low"]].isna().any() or specificity[["value", "low"]].isna().any():
        return ""
    negative, positive = names
    text = (
        f"In words: of 100 {positive} images it misses about {_errors(recall)}, and of 100 "
        f"{negative} images it classifies about {_errors(specificity)} as {positive}."
    )
    if max(row["high"] - row["low"] for row in (recall, specificity)) > _WIDE:
        text += (
            " These numbers are imprecise: there were only "
            f"{counted(int(recall['n_patients']), 'patient')} with {positive} and "
            f"{specificity['n_patients']} with {negative} images."
        )
    return text


def _errors(row: "pd.Series[Any]") -> str:
    value, low, high = (round(100 * (1 - row[name])) for name in ("value", "high", "low"))
    return f"{value} ({low} to {high})"


def _names(xrays: "Bunch") -> tuple[str, str]:
    """Name the negative and the positive class."""
    from skpneumo.cli._collections import positive_name
    from skpneumo.cli._metrics_table import is_positive

    marked = zip(xrays.target_names, is_positive(xrays), strict=True)
    return " or ".join(name for name, positive in marked if not positive), positive_name(xrays)


def say_useless(reason: str, frame: "pd.DataFrame | None" = None) -> None:
    """Print in red that a model is useless, and what may help, if there is a reason."""
    if reason:
        say_in_red(f"This model is useless. {reason}{_remedy(frame)}")


def _remedy(frame: "pd.DataFrame | None") -> str:
    """Suggest a remedy according to the scores."""
    if frame is None:
        return ""
    auc = frame[frame["subgroup"].eq("all")].set_index("metric")["low"].get("roc_auc", 0.0)
    if auc > _GUESSING:
        return (
            " Its scores do separate the classes (ROC AUC), so another threshold may make it "
            "useful. `skpneumo fit --recall FLOOR` chooses one: the lower the floor, the higher "
            "the threshold."
        )
    return " Train it on more images or for more epochs, or use a pretrained network."


def recorded_uselessness(model: Any) -> None:
    """Print in red on standard error that a model was useless when it was trained."""
    record = _record_of(model)
    if record is not None and record.useless:
        say_in_red(f"This model was found useless when trained. {record.useless}", sys.stderr)


def _record_of(model: Any) -> "TrainingRecord | None":
    from skpneumo.cli._training_record import TrainingRecord, provenance_of

    return TrainingRecord.from_dict(provenance_of(model))


def seen_in_training(model: Any, xrays: "Bunch") -> "Seen | None":
    """Find which images of a collection a model was trained on; None without a record."""
    record = _record_of(model)
    return None if record is None else record.seen(xrays.filenames, xrays.X.get("patient"))


def files_seen_in_training(
    model: Any, paths: Sequence[str], folder: Path | None, options: "CollectionOptions"
) -> "Seen | None":
    """Find which files a model was trained on, with patients of the table or of file names."""
    import pandas as pd

    from skpneumo.cli._collections import patients_in_table
    from skpneumo.datasets import UnknownPatientsWarning, patient_ids

    record = _record_of(model)
    if record is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownPatientsWarning)
        ids = patient_ids(paths, pattern=options.patient_pattern)
    of_table = patients_in_table(folder, options)
    known = [
        of_table.get(path) if of_table else None if each.startswith("unknown-") else each
        for path, each in zip(paths, ids, strict=True)
    ]
    return record.seen(paths, pd.Series(known, dtype=object))


def say_what_was_seen(
    model: Any, seen: "Seen | None", folder: Path | None, options: "CollectionOptions"
) -> None:
    """Say how many of the images the model was trained on, in red if any.

    Parameters
    ----------
    model : fitted classifier
        The model.
    seen : Seen or None
        Which of the images it was trained on; None if it has no training record.
    folder : Path or None
        Folder that the command reads.
    options : CollectionOptions
        How it reads the folder or a table.
    """
    record = _record_of(model)
    if seen is None or record is None:
        say(
            "This model file does not record which patients it was trained on, so it may have "
            "seen these."
        )
        return
    n, n_seen, n_images = len(seen.image), int(seen.either.sum()), int(seen.image.sum())
    if not n_seen:
        say(_about_unseen(n, int(seen.unknown.sum())))
        return
    others = n_seen - n_images
    text = f"The model was trained on {n_images:,} of these {n:,} images"
    if n == n_images == 1:
        text = "The model was trained on this image"
    if others:
        text += f", and on other images of the patients of {others} more"
    text += f". Figures on {'it' if n == 1 else 'them'} are too good."
    if add := _options_for_unseen_patients(model, record, folder, options):
        text += f" Add {add} to use only patients that it was not trained on."
    say_in_red(text)


def _about_unseen(n: int, n_unknown: int) -> str:
    """Write that a model was trained on none of some images, and on their patients, if known."""
    if n == 1:
        trained, whose = "The model was not trained on this image", "its patient"
        unknown = "It is not known whether it was trained on others of its patient, because the "
        unknown += "patient is unknown"
    else:
        trained, whose = f"The model was trained on none of these {n:,} images", "their patients"
        unknown = f"It is not known for {n_unknown:,} of them whether it was trained on others of "
        unknown += "their patients, because the patients are unknown"
    if not n_unknown:
        return f"{trained}, nor on others of {whose}."
    return (
        f"{trained}. {unknown}, here or in training. Name patients with --patient or "
        "--patient-pattern, in both."
    )


def _options_for_unseen_patients(
    model: Any, record: "TrainingRecord", folder: Path | None, options: "CollectionOptions"
) -> str:
    """Find the options to add for patients that the model has not seen; "" if there are none.

    What --hold-out selects depends on the collection and on --part, and both may differ from
    those of training. So the selection is made, and looked up in the training record.
    """
    from skpneumo.cli._collections_for_models import read_for

    if not record.hold_out or options.hold_out or (folder is None and options.table is None):
        return ""
    names_a_split = options.part or (options.table is None and options.split)
    for part in (options.part,) if names_a_split else (None, "all"):
        held_out = replace(options, part=part, hold_out=record.hold_out)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # reading the X-rays has shown them already
                xrays = read_for(model, folder, held_out, "test", "held out")
        except (ValueError, OSError):  # such as a file, or a folder without classes
            continue
        if not record.seen(xrays.filenames, xrays.X.get("patient")).either.any():
            return f"--part {part} " * (part != options.part) + f"--hold-out {record.hold_out:g}"
    return ""
