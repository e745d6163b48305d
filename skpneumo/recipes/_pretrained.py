"""Load the pretrained models that ship with the package."""

import hashlib
import json
from pathlib import Path
from typing import Any

__all__ = ["INDEX", "WEIGHTS", "load_pretrained", "pretrained_file"]

WEIGHTS = Path(__file__).with_name("weights")

INDEX = "index.json"


def load_pretrained(name: str = "kermany") -> Any:
    """Load a model that ships with the package, from paths to calibrated probabilities.

    It is not a medical device, and must not be used for diagnosis. It was trained on the images of
    one collection; on images from another place, or of adults, it may be no better than chance.

    Parameters
    ----------
    name : {"kermany"}, default="kermany"
        Name of the model. "kermany" is the recipe "quality", trained on the collection of Kermany
        et al. [1]_: chest X-rays of children of one to five years, from one hospital.

    Returns
    -------
    model : fitted classifier
        The input of ``predict_proba`` is paths of image files. ``predict`` uses the threshold that
        kept the recall floor on patients that the model was not trained on. ``provenance_``
        describes its training data, its results and its limits (``"notice"``, ``"card"``).

    Raises
    ------
    ValueError
        If there is no such model, or its file differs from the released one.
    FileNotFoundError
        If the file of its weights is missing.

    See Also
    --------
    make_recipe : Makes the same pipeline, not fitted.
    skpneumo.save_model : Saves models in the same kind of file.

    References
    ----------
    .. [1] D. Kermany et al., "Identifying medical diagnoses and treatable diseases by image-based
       deep learning", Cell 172 (2018), 1122-1131.

    Examples
    --------
    >>> from skpneumo.recipes import load_pretrained
    >>> load_pretrained("another")
    Traceback (most recent call last):
    ValueError: There is no pretrained model 'another'. ...
    """
    from skpneumo.persistence import load_model

    return load_model(pretrained_file(name))


def pretrained_file(name: str = "kermany") -> Path:
    """Find the file of a pretrained model, and check its digest.

    Parameters
    ----------
    name : str, default="kermany"
        Name of the model.

    Returns
    -------
    path : Path
        A ``.skpneumo`` file.

    Raises
    ------
    ValueError
        If there is no such model, or its file differs from the released one.
    FileNotFoundError
        If the file of its weights is missing.

    Examples
    --------
    >>> from skpneumo.recipes import pretrained_file
    >>> pretrained_file("another")
    Traceback (most recent call last):
    ValueError: There is no pretrained model 'another'. ...
    """
    known: dict[str, dict[str, Any]] = json.loads((WEIGHTS / INDEX).read_text(encoding="utf-8"))
    if name not in known:
        raise ValueError(
            f"There is no pretrained model {name!r}. This installation has "
            f"{', '.join(known) or 'none'}."
        )
    path, digest = WEIGHTS / known[name]["file"], known[name]["sha256"]
    if not path.is_file():
        raise FileNotFoundError(
            f"The weights of {name!r}, {path}, are missing. Install skpneumo again."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise ValueError(
            f"{path} differs from the released file, whose SHA-256 is {digest}. Install skpneumo "
            "again."
        )
    return path
