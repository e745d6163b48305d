"""Save a fitted model to a file, and load it with clear errors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skpneumo._files import atomic_write
from skpneumo.cli._quiet_start import start_keras

__all__ = ["load_model", "refuse_to_overwrite", "save_model"]

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


def save_model(model: Any, path: Path, target_names: Sequence[str]) -> None:
    """Save the model and its class names, completely or not at all."""
    import joblib

    model.target_names_ = list(target_names)
    with atomic_write(path, "wb") as file:
        joblib.dump(model, file)


def load_model(path: Path) -> Any:
    """Load a fitted classifier.

    What does not end in ``.onnx`` is a pickle, so load only trusted files.
    """
    import joblib
    from sklearn.base import BaseEstimator, is_classifier
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the model's file.")
    if not path.exists():
        raise FileNotFoundError(f"There is no model file {path}. `skpneumo fit` makes one.")
    if path.suffix.lower() == _ONNX:
        from skpneumo.persistence import OnnxClassifier

        return OnnxClassifier(path).fit()
    start_keras()  # a saved network needs it
    try:
        model = joblib.load(path)
    except OSError:
        raise
    except Exception as error:  # unpickling a wrong file can raise anything
        raise ValueError(
            f"{path} is not a model file, or was saved with other versions of the packages "
            f"({type(error).__name__}). `skpneumo fit` makes one."
        ) from error
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
    return model
