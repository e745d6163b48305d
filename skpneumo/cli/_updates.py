"""Count the updates of a network's weights, and compare them with the number it needs."""

from math import ceil
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import counted
from skpneumo.cli._default_pipeline import networks_of

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = ["fewest_updates", "fits_line", "n_updates", "updates_line"]

# After a tenth of these the recommended network has learned next to nothing.
_FEWEST = 1000


def n_updates(pipeline: Any, X: Any, y: Any) -> int:
    """Count the updates of the weights of one network in a fit of a recipe."""
    from sklearn.base import clone

    networks = networks_of(pipeline)
    if not networks:
        return 0
    network, n_images = networks[0], len(y)
    for _, step in pipeline.steps[:-1]:
        if hasattr(step, "fit_resample"):
            n_images = len(clone(step).fit_resample(X, y)[1])
    if network.early_stopping:
        n_images -= round(n_images * network.validation_fraction)
    updates_an_epoch = ceil(n_images / network.batch_size)
    least = getattr(network, "min_steps", 0)
    return updates_an_epoch * max(network.epochs, ceil(least / updates_an_epoch))


def fewest_updates(pipeline: Any) -> int:
    """Get the number of updates below which a network learns next to nothing; 0 if unknown."""
    convolutional = any(len(getattr(each, "filters", ())) for each in networks_of(pipeline))
    return _FEWEST if convolutional else 0


def fits_line(model: Any, xrays: "Bunch") -> str:
    """Write how many models a recall floor needs; raise if there are too few patients for it."""
    import numpy as np
    from sklearn.base import clone

    names = np.asarray(xrays.target_names)
    # Labels are replaced by names, so that an error shows the name of the class.
    floor = clone(model).set_params(pos_label=str(names[1]))
    n = floor.n_fits(xrays.X, names[np.asarray(xrays.target)])
    if n == 1:
        return (
            f"The threshold for a recall of {model.recall:g} is chosen on a third of the "
            "patients, which training leaves out."
        )
    return (
        f"A recall floor of {model.recall:g} needs {n} models, each trained without a part of the "
        f"patients: about {n} times as long as one. The threshold is chosen on the patients that "
        "each has not seen."
    )


def updates_line(pipeline: Any, X: Any, y: Any, *, any_recipe: bool = False) -> str:
    """Write the number of images and updates in one line, with a remedy if they are too few.

    With ``any_recipe`` the command has the option --recipe.
    """
    n, least = n_updates(pipeline, X, y), fewest_updates(pipeline)
    if not n:  # no network
        return f"{counted(len(y), 'image')}."
    said = f"{counted(len(y), 'image')}, {counted(n, 'update')} of the weights"
    if n >= least:
        return f"{said}" + (f" (at least {least:,} are needed)." if least else ".")
    epochs = ceil(networks_of(pipeline)[0].epochs * least / n)
    pretrained = ", or a pretrained network with --recipe DenseNet121" if any_recipe else ""
    return (
        f"{said}: too few. A network trained from scratch needs at least {least:,}. Add images, "
        f"or use --epochs {epochs}{pretrained}."
    )
