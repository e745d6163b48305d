"""Show images in a report: a sample of the evaluated ones, and the worst errors."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._html import thumbnails
from skpneumo._loader_of import loader_of
from skpneumo.evaluation.displays import ErrorGalleryDisplay, ImageGridDisplay
from skpneumo.report._context import ReportContext
from skpneumo.report._markup import left_out
from skpneumo.report._wording import NBSP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["sample_images", "worst_errors"]

_N_SAMPLE = 12
_N_ERRORS = 6


def sample_images(context: ReportContext) -> str:
    """Show a few evaluated images of each class."""
    if reason := _why_not(context):
        return left_out(reason)
    names = [context.label_names[label] for label in context.labels.tolist()]
    display = ImageGridDisplay.from_images(
        context.collection.evaluated(),
        names,
        n_images=_N_SAMPLE,
        random_state=context.settings.random_state,
        loader=loader_of(context.estimator),
        ax=_hidden_axes(),
    )
    captions = [", ".join(reversed(lines)) for lines in display.captions or ()]
    return (
        "<p>A random sample of each class, with original grey levels and "
        f"proportions.</p>{_shown(display.images, captions)}"
    )


def worst_errors(context: ReportContext) -> str:
    """Show the most confident false negatives and false positives."""
    if context.predictions.score is None:
        return left_out("the model has no scores to find the worst errors by.")
    if reason := _why_not(context):
        return left_out(reason)
    names = np.array(context.names, dtype=object)
    display = ErrorGalleryDisplay.from_predictions(
        context.collection.evaluated(),
        names[context.predictions.positive.astype(int)],
        context.predictions.score,
        names[context.predictions.predicted.astype(int)],
        n_images=_N_ERRORS,
        pos_label=context.names[1],
        loader=loader_of(context.estimator),
        ax=_hidden_axes(),
    )
    parts = [
        "<p>The errors with the highest confidence, worst first. Do they share a border, a letter "
        "in the corner, or a wrong label?</p>"
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


def _why_not(context: ReportContext) -> str:
    """Explain why the images cannot be shown; empty if they can."""
    X = context.collection.X
    if getattr(X, "ndim", 1) == 4:
        return "" if X.dtype == np.uint8 else f"the images have dtype {X.dtype}, not uint8."
    return "" if context.collection.filenames is not None else "the data are not images."


def _in_a_line(lines: list[str]) -> str:
    name, said = lines
    return f"{name}, {said.replace(' = ', f'{NBSP}={NBSP}')}"


def _shown(images: NDArray[Any], captions: list[str]) -> str:
    return thumbnails(images[..., 0] if images.shape[-1] == 1 else images, captions)


def _hidden_axes() -> "Axes":
    """Make axes of a figure that is not rendered, as only the display's images are used."""
    from matplotlib.figure import Figure

    return Figure().subplots()
