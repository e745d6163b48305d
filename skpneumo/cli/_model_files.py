"""Save a fitted model to a file, and load it with clear errors."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skpneumo._files import atomic_write
from skpneumo.cli._terminal import say
from skpneumo.cli._training_record import provenance_of

__all__ = [
    "find_model",
    "is_pickle",
    "load_model",
    "notice_of",
    "refuse_to_overwrite",
    "save_model",
]

# The model that ships with the package, where a command takes a model's file.
PRETRAINED = "pretrained"

_OF_PICKLES = {".joblib", ".pkl", ".pickle"}
_SUFFIX = ".skpneumo"
_LONGEST_NOTICE = 1000  # characters
_ZIP = b"PK\x03\x04"
_ONNX = ".onnx"


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """Raise early, before hours of training or an earlier model are lost."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file, such as one in it.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists already. Name another file, or add --force.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path.parent} to write {path.name} to; make it first."
        )


def save_model(
    model: Any,
    path: Path,
    target_names: Sequence[str],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Save the model, its class names and where it comes from, completely or not at all.

    It is a pickle where the name of the file says so by its suffix, such as ``.joblib``.
    """
    from skpneumo import persistence

    model.target_names_ = list(target_names)
    if path.suffix.lower() not in _OF_PICKLES:
        persistence.save_model(model, path, provenance=provenance)
        return
    import joblib

    model.provenance_ = dict(provenance or {})
    with atomic_write(path, "wb") as file:
        joblib.dump(model, file)


def find_model(model: Path) -> Path:
    """Find the file of a model: the one that is named, or that of the model that ships."""
    if str(model) != PRETRAINED or model.exists():
        return model
    from skpneumo.recipes import pretrained_file

    return pretrained_file()


def load_model(path: Path) -> Any:
    """Load a fitted classifier, and say where its file asks for trust or has something to say."""
    from sklearn.base import BaseEstimator, is_classifier
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    from skpneumo.cli._worth import recorded_uselessness

    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the model's file.")
    if not path.exists():
        raise FileNotFoundError(f"There is no model file {path}. `skpneumo fit` makes one.")
    if path.suffix.lower() == _ONNX:
        from skpneumo.persistence import OnnxClassifier

        model = OnnxClassifier(path).fit()
    else:
        model = _unpickled(path) if is_pickle(path) else _loaded(path)
    known = isinstance(model, BaseEstimator) and is_classifier(model)
    if not (known and hasattr(model, "predict_proba")):
        raise ValueError(
            f"{path} holds a {type(model).__name__}, not a classifier that takes X-ray files. "
            "`skpneumo fit` makes one."
        )
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise ValueError(
            f"{path} holds a {type(model).__name__} that has not been fitted. "
            "Fit it before saving it, or use `skpneumo fit`."
        ) from error
    if notice := notice_of(model):
        say(f"skpneumo: {path.name}: {notice}", file=sys.stderr)
    recorded_uselessness(model)
    return model


def notice_of(model: Any) -> str:
    """Give what a model says that it is not, in one line that no terminal obeys; "" if nothing."""
    notice = provenance_of(model).get("notice", "")
    text = notice if isinstance(notice, str) else ""
    return "".join(each if each.isprintable() else " " for each in text[:_LONGEST_NOTICE])


def is_pickle(path: Path) -> bool:
    """Whether a file is to be unpickled: never one with our suffix, whatever is in it."""
    if path.suffix.lower() == _SUFFIX or not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(_ZIP)) != _ZIP


def _loaded(path: Path) -> Any:
    from skpneumo import persistence

    return persistence.load_model(path)


def _unpickled(path: Path) -> Any:
    import joblib

    say(
        f"skpneumo: {path} is a pickle: loading it runs whatever its writer put into it. Load it "
        f"only if you trust them. `skpneumo fit` writes {_SUFFIX} files, which run nothing.",
        file=sys.stderr,
    )
    try:
        return joblib.load(path)
    except OSError:
        raise
    except Exception as error:  # unpickling a wrong file can raise anything
        raise ValueError(
            f"{path} is not a model file, or was saved with other versions of the packages "
            f"({type(error).__name__}). `skpneumo fit` makes one."
        ) from error
