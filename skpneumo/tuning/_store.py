"""Store results on disk: one file per candidate and fold, written completely or not at all."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from skpneumo._files import atomic_write, require_writable_folder
from skpneumo.tuning._fitted_state import fitted_state, restore_fitted_state
from skpneumo.tuning._predictions import FoldPredictions

__all__ = ["ResultStore", "TrainedStates"]

# Measures in the result of each fit, besides its scores.
_NUMBERS = ("n_test_samples", "fit_time", "score_time", "peak_memory_mb")


class ResultStore:
    """Store of evaluations by key, in a folder that any number of processes can share.

    Reading it never runs code: records are JSON, and predictions are arrays that are read without
    pickle.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(
        self, key: str, *, with_predictions: bool = False, with_train_scores: bool = False
    ) -> dict[str, Any] | None:
        """Return the record of a key, with predictions if required; None if there is none.

        Raises
        ------
        ValueError
            If it is damaged, or was changed so that a search cannot use it.
        """
        path = self._path(key, "json")
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(record, dict):
                raise ValueError("it is not a JSON object")
            _check_record(record, with_train_scores)
            if with_predictions:
                arrays = _read_arrays(self._path(key, "npz"))
                record["result"]["predictions"] = FoldPredictions(**arrays)
        except FileNotFoundError:
            return None
        except (EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"{path} or the .npz file next to it is not the record of a search ({reason}). "
                "Remove both files; that fit is repeated."
            ) from error
        return record

    def require_writable(self) -> None:
        """Raise if a result could not be saved, before it is computed."""
        require_writable_folder(self._folder, "the results of the search")

    def write(self, key: str, record: dict[str, Any]) -> None:
        """Save the predictions of a record and then the record, so that none is incomplete."""
        predictions = record["result"].get("predictions")
        if predictions is not None:
            arrays = predictions.arrays()
            with _atomic_file(self._path(key, "npz")) as file:
                np.savez_compressed(file, **arrays)
            result = {k: v for k, v in record["result"].items() if k != "predictions"}
            record = {**record, "result": result}
        text = json.dumps(record, indent=1).encode()
        with _atomic_file(self._path(key, "json")) as file:
            file.write(text)

    def _path(self, key: str, suffix: str) -> Path:
        return self._folder / f"{key}.{suffix}"


def _check_record(record: dict[str, Any], with_train_scores: bool) -> None:
    """Raise if a record lacks something that a search uses, as after an edit by hand."""
    result = record["result"]
    numbers = [record["fold"], *(result[name] for name in _NUMBERS)]
    for name in ("test_scores", "train_scores")[: 1 + with_train_scores]:
        scores = result[name]
        numbers += scores.values() if isinstance(scores, dict) else [scores]
    if not all(isinstance(each, (int, float)) for each in numbers):
        raise ValueError("a score or measure in it is not a number")
    if result["fit_error"] is not None or not isinstance(record["parameters"], dict):
        raise ValueError("it has the error of a fit, or no parameters")


def _read_arrays(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


class TrainedStates:
    """Store of the fitted states of candidates on folds, by key and rung."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def highest(self, key: str, rungs: list[int]) -> int:
        """Find the highest of these rungs that has a state; 0 if there is none."""
        return max((rung for rung in rungs if self._path(key, rung).exists()), default=0)

    def restore(self, key: str, rung: int, estimator: Any) -> None:
        """Restore an estimator to its saved state.

        Raises
        ------
        ValueError
            If the file is not a fitted state.
        """
        path = self._path(key, rung)
        try:
            restore_fitted_state(estimator, _read_arrays(path))
        except (EOFError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} is not the state of a search ({error}). Remove it; that candidate is "
                "trained again."
            ) from error

    def save(self, key: str, rung: int, estimator: Any) -> None:
        """Save the state of an estimator after a rung."""
        arrays: dict[str, Any] = fitted_state(estimator)
        with _atomic_file(self._path(key, rung)) as file:
            np.savez(file, **arrays)

    def remove(self, key: str, rung: int) -> None:
        """Remove the state after a rung."""
        self._path(key, rung).unlink(missing_ok=True)

    def _path(self, key: str, rung: int) -> Path:
        return self._folder / f"{key}-{rung}.npz"


@contextmanager
def _atomic_file(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        yield file
