"""The images a report shows: a sample of what was evaluated, and the worst errors."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo.evaluation.displays import ErrorGalleryDisplay, ImageGridDisplay
from skpneumo.evaluation.report._case import Case
from skpneumo.evaluation.report._markup import left_out
from skpneumo.evaluation.report._wording import NBSP
from skpneumo.pages import thumbnails

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["sample_images", "worst_errors"]

_N_SAMPLE = 12
_N_ERRORS = 6


def sample_images(case: Case) -> str:
    """A few evaluated images of each class, as they are."""
    if reason := _why_not(case):
        return left_out(reason)
    names = [case.label_names[label] for label in case.labels.tolist()]
    display = ImageGridDisplay.from_images(
        case.collection.evaluated(),
        names,
        n_images=_N_SAMPLE,
        random_state=case.settings.random_state,
        ax=_unseen(),
    )
    captions = [", ".join(reversed(lines)) for lines in display.captions or ()]
    return (
        "<p>Drawn at random from each class, at their own grey levels and proportions.</p>"
        f"{_shown(display.images, captions)}"
    )


def worst_errors(case: Case) -> str:
    """The misses and the false alarms of the highest confidence."""
    if case.predictions.score is None:
        return left_out("the model has no scores to tell the worst by.")
    if reason := _why_not(case):
        return left_out(reason)
    names = np.array(case.names, dtype=object)
    display = ErrorGalleryDisplay.from_predictions(
        case.collection.evaluated(),
        names[case.predictions.positive.astype(int)],
        case.predictions.score,
        names[case.predictions.predicted.astype(int)],
        n_images=_N_ERRORS,
        pos_label=case.names[1],
        ax=_unseen(),
    )
    parts = [
        "<p>Those the model was surest about, the worst first. Do they share a border, a "
        "letter in the corner, a wrong label?</p>"
    ]
    for what, n, images, captions in (
        ("misses", display.n_misses, display.misses, display.miss_captions),
        (
            "false alarms",
            display.n_false_alarms,
            display.false_alarms,
            display.false_alarm_captions,
        ),
    ):
        heading = f"{len(images)} of {n:,} {what}" if n else f"No {what}"
        parts.append(f"<h3>{heading}</h3>")
        if n:
            parts.append(_shown(images, [_in_a_line(lines) for lines in captions]))
    return "".join(parts)


def _why_not(case: Case) -> str:
    """Why the images cannot be shown; empty if they can."""
    X = case.collection.X
    if getattr(X, "ndim", 1) == 4:
        return "" if X.dtype == np.uint8 else f"the images are of {X.dtype}, not of uint8."
    return "" if case.collection.filenames is not None else "the data are no images."


def _in_a_line(lines: list[str]) -> str:
    name, said = lines
    return f"{name}, {said.replace(' = ', f'{NBSP}={NBSP}')}"


def _shown(images: NDArray[Any], captions: list[str]) -> str:
    return thumbnails(images[..., 0] if images.shape[-1] == 1 else images, captions)


def _unseen() -> "Axes":
    """Axes of a figure that nobody renders: the display is asked for its images alone."""
    from matplotlib.figure import Figure

    return Figure().subplots()
