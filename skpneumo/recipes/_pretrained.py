"""Models that ship with the package, trained once."""

import hashlib
import json
from pathlib import Path
from typing import Any

__all__ = ["INDEX", "WEIGHTS", "load_pretrained", "pretrained_file"]

WEIGHTS = Path(__file__).with_name("weights")

INDEX = "index.json"


def load_pretrained(name: str = "kermany") -> Any:
    """Load a model that ships with the package, from paths to calibrated probabilities.

    It is not a medical device, and no diagnosis follows from it. It has seen the images of one
    collection; on those of another place, or of adults, it may be no better than chance.

    Parameters
    ----------
    name : {"kermany"}, default="kermany"
        Which one. "kermany" is the recipe "quality", trained on the collection of Kermany et al.
        [1]_: chest X-rays of children of one to five years, from one hospital.

    Returns
    -------
    model : fitted classifier
        ``predict_proba`` takes paths of X-ray files. ``predict`` decides at the threshold that
        kept the recall floor on patients whom the model had not seen. ``provenance_`` says what
        it was trained on, what it reached and what it is not (``"notice"``, ``"card"``).

    Raises
    ------
    ValueError
        If there is no such model, or its file is not the one that the package was released with.
    FileNotFoundError
        If this installation has no weights of it.

    See Also
    --------
    make_recipe : The same pipeline, not fitted.
    skpneumo.save_model : The kind of file that it is loaded from.

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
    """Find the file of a model that ships, and check its digest.

    Parameters
    ----------
    name : str, default="kermany"
        Which one.

    Returns
    -------
    path : Path
        A ``.skpneumo`` file.

    Raises
    ------
    ValueError
        If there is no such model, or its file is not the one that the package was released with.
    FileNotFoundError
        If this installation has no weights of it.

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
            f"There is no pretrained model {name!r}. This installation lists "
            f"{', '.join(known) or 'none'}."
        )
    path, digest = WEIGHTS / known[name]["file"], known[name]["sha256"]
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}, the weights of {name!r}, are missing. Install skpneumo again."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise ValueError(
            f"{path} is not the file that skpneumo was released with: its SHA-256 is not "
            f"{digest}. Install skpneumo again."
        )
    return path
