"""Save a fitted model to a file, and load it with clear errors."""

import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

from skpneumo._files import atomic_write, is_device, require_writable_folder
from skpneumo._image_files import UNKNOWN_KIND, beginning_of, format_of, kind_of_file
from skpneumo.cli._terminal import say, text_of
from skpneumo.cli._training_record import provenance_of

__all__ = [
    "MODEL_SUFFIXES",
    "checksum",
    "find_model",
    "is_pickle",
    "load_model",
    "notice_of",
    "origin_of",
    "refuse_exported",
    "refuse_other_formats",
    "refuse_to_overwrite",
    "save_model",
]

# Word for the model that ships with the package, in place of a model file.
PRETRAINED = "pretrained"

_OF_PICKLES = {".joblib", ".pkl", ".pickle"}
_SUFFIX = ".skpneumo"
_LONGEST_NOTICE = 1000  # characters
_ZIP = b"PK\x03\x04"
# Pickles that begin like other files: compressed by gzip or zlib, or of the protocols 0 and 1,
# which begin with a class or a mark, in text.
_LIKE_OTHER_FILES = re.compile(rb"\x1f\x8b|x[\x01^\x9c\xda]|c[\w.]+\n[\w.]+\n|\(")
_ONNX = ".onnx"
MODEL_SUFFIXES = (_SUFFIX, *sorted(_OF_PICKLES))
_SUFFIXES = {
    *MODEL_SUFFIXES, _ONNX, ".keras", ".h5", ".hdf5", ".pt", ".pth", ".html", ".htm", ".md",
    ".pdf", ".docx", ".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xls", ".xlsx", ".ods",
}  # fmt: skip


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """Raise early if a file cannot be written, before hours of training are lost."""
    if path.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder, but the output is a file. Name a file, for example one in it."
        )
    if str(path) == "-":
        raise ValueError("This command does not write to standard output. Name a file.")
    if is_device(path):
        return
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists already. Name another file, or add --force.")
    if path.is_file() and _is_image(path):
        raise FileExistsError(
            f"{path} is an image, which is never overwritten. Name another file."
        )
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path.parent} to write {path.name} to. Create it first, or name "
            "another."
        )
    require_writable_folder(path.parent, path.name)


def _is_image(path: Path) -> bool:
    return format_of(beginning_of(path)) is not None


def refuse_other_formats(path: Path, *own: str, remedy: str = "") -> None:
    """Raise if the suffix of an output file is that of a format which it would not be in.

    Parameters
    ----------
    path : Path
        The file.
    *own : str
        The suffixes of what is written.
    remedy : str, default=""
        What can be done besides naming another file, such as "choose the format with --format".
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES or suffix in own:
        return
    also = ""
    if own == MODEL_SUFFIXES:
        also = " `skpneumo export` writes .onnx and .html files from it."
    *others, last = own
    written = f"{', '.join(others)} or {last}" if others else last
    named = "one of these suffixes" if others else "that suffix"
    raise ValueError(
        f"{path} would not be a {suffix} file: this command writes {written}. Name a file with "
        f"{named}{', or ' * bool(remedy)}{remedy}.{also}"
    )


def save_model(
    model: Any,
    path: Path,
    target_names: Sequence[str],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Save the model, its class names and its provenance, completely or not at all.

    Suffixes of pickles, such as ``.joblib``, select a pickle. If the file cannot be written, the
    model is saved in the folder for temporary files, because its training may have taken hours.
    """
    model.target_names_ = list(target_names)
    try:
        _write_model(model, path, provenance)
    except OSError as error:
        place = _saved_elsewhere(model, path.name, provenance)
        if place is None:
            raise
        text = f"{text_of(error)}. The model is saved as {place} instead: move it from there."
        raise OSError(error.errno, text) from error


def _saved_elsewhere(model: Any, name: str, provenance: Mapping[str, Any] | None) -> Path | None:
    """Save a model in the folder for temporary files; None if that fails too."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="skpneumo-"))
    except OSError:
        return None
    try:
        _write_model(model, folder / name, provenance)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return folder / name


def _write_model(model: Any, path: Path, provenance: Mapping[str, Any] | None) -> None:
    from skpneumo import persistence

    if path.suffix.lower() not in _OF_PICKLES:
        persistence.save_model(model, path, provenance=provenance)
        return
    import joblib

    model.provenance_ = dict(provenance or {})
    with atomic_write(path, "wb") as file:
        joblib.dump(model, file)


def find_model(model: Path) -> Path:
    """Find the file of a model: the one named, or that of the model that ships."""
    if str(model) != PRETRAINED or model.exists():
        return model
    from skpneumo.recipes import pretrained_file

    return pretrained_file()


def load_model(path: Path) -> Any:
    """Load a fitted classifier, and print the warnings that its file calls for."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, but a model is a file. Name the model file.")
    if not path.exists():
        raise FileNotFoundError(
            f"There is no model file {path}. Check the path, or create one with `skpneumo fit`."
        )
    from skpneumo.cli._labels import other_positive
    from skpneumo.cli._worth import recorded_uselessness

    if path.suffix.lower() == _ONNX:
        from skpneumo.persistence import OnnxClassifier

        model = OnnxClassifier(path).fit()
    else:
        model = _load_pickle(path) if is_pickle(path) else _load_without_pickle(path)
    _require_fitted_classifier(model, path)
    if notice := notice_of(model):
        say(f"skpneumo: {path.name}: {notice}", file=sys.stderr)
    if other := other_positive(model):
        say(
            f"skpneumo: {path.name}: the threshold of this model is on the probability of "
            f"{other}, which Python takes for the positive class. The commands take the illness.",
            file=sys.stderr,
        )
    recorded_uselessness(model)
    return model


def _require_fitted_classifier(model: Any, path: Path) -> None:
    """Raise if what a file contains cannot predict probabilities of classes."""
    from sklearn.base import BaseEstimator, is_classifier
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    from skpneumo._responses import how_to_get_probabilities

    known = isinstance(model, BaseEstimator) and is_classifier(model)
    if known and not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{path} contains a {type(model).__name__} that has no predict_proba, but the "
            f"commands need probabilities. {how_to_get_probabilities(model)}"
        )
    if not known:
        raise ValueError(
            f"{path} contains a {type(model).__name__}, not a classifier of X-ray files. Create "
            "one with `skpneumo fit`."
        )
    if _is_of_numbers(model):
        raise ValueError(
            f"{path} contains a {type(model).__name__} that was fitted on arrays or images, but "
            "the commands pass it X-ray files. Save a pipeline that begins with an ImageLoader, "
            "or create a model with `skpneumo fit`."
        )
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise ValueError(
            f"{path} contains a {type(model).__name__} that has not been fitted. Create a fitted "
            "model with `skpneumo fit`."
        ) from error
    if _begins_with_columns(model):
        raise ValueError(
            f"{path} contains a {type(model).__name__} that begins with a ColumnTransformer, "
            "which takes columns of a frame, but the commands pass only the paths of X-ray files. "
            "Use it in Python, or save a pipeline that begins with an ImageLoader."
        )


def _begins_with_columns(model: Any) -> bool:
    """Tell whether a fitted classifier, or one inside, begins with a choice of columns."""
    from sklearn.compose import ColumnTransformer

    from skpneumo.fitted import classifiers_of

    first = [each.transformers[0] for each in classifiers_of(model) if each.transformers]
    return any(isinstance(each, ColumnTransformer) for each in first)


def _is_of_numbers(model: Any) -> bool:
    """Tell whether a classifier was fitted on several columns, and loads no files."""
    from skpneumo.loading import ImageLoader

    columns = getattr(model, "feature_names_in_", ())
    if getattr(model, "n_features_in_", 1) == 1 or "path" in columns:
        return False
    return not any(isinstance(each, ImageLoader) for each in model.get_params().values())


def refuse_exported(model: Any, path: Path, what: str) -> None:
    """Raise if a model is an ONNX file, for what needs more than its predictions."""
    from skpneumo.persistence import OnnxClassifier

    if isinstance(model, OnnxClassifier):
        raise ValueError(
            f"{path} is an ONNX file, which can only predict; {what} needs the model that it was "
            f"exported from. Name that {_SUFFIX} file."
        )


def notice_of(model: Any) -> str:
    """Get a model's notice of what it is not for, in one line without control characters."""
    notice = provenance_of(model).get("notice", "")
    text = notice if isinstance(notice, str) else ""
    return "".join(each if each.isprintable() else " " for each in text[:_LONGEST_NOTICE])


def checksum(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def origin_of(path: Path, model: Any) -> dict[str, str]:
    """Describe where a loaded model comes from, for a report or a card."""
    origin = {"model file": path.name, "SHA-256 of the model file": checksum(path)}
    if notice := notice_of(model):
        origin["what the model is not"] = notice
    return origin


def is_pickle(path: Path) -> bool:
    """Tell whether to unpickle a file: never one with our suffix, whatever its contents."""
    if path.suffix.lower() == _SUFFIX or not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(_ZIP)) != _ZIP


def _load_without_pickle(path: Path) -> Any:
    from skpneumo import persistence

    return persistence.load_model(path)


def _load_pickle(path: Path) -> Any:
    import joblib

    if kind := _other_kind(path):
        raise ValueError(
            f"{path} is {kind}, not a model. Name a model file, or create one with `skpneumo fit`."
        )
    say(
        f"skpneumo: {path} is a pickle: loading it can run any code. Load it only if you trust "
        f"its author. `skpneumo fit` writes {_SUFFIX} files, which run no code.",
        file=sys.stderr,
    )
    try:
        return joblib.load(path)
    except OSError:
        raise
    except Exception as error:  # unpickling a wrong file can raise anything
        raise ValueError(
            f"{path} is not a model file, or was saved with other versions of the packages "
            f"({type(error).__name__}). Create one with `skpneumo fit`."
        ) from error


def _other_kind(path: Path) -> str:
    """Name what a file is that is certainly no pickle, by its first bytes; "" for others.

    Packages can register more ways to compress pickles, so an unknown beginning may be a pickle's.
    """
    start = beginning_of(path)
    if format_of(start):
        return "an image"
    if _LIKE_OTHER_FILES.match(start):
        return ""
    kind = kind_of_file(start)
    return "" if kind == UNKNOWN_KIND else kind
