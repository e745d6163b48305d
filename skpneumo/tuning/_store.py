"""Results on disk, a file for each candidate and fold, there whole or not at all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import joblib

from skpneumo._files import atomic_write

__all__ = ["ResultStore", "TrainedStates"]


class ResultStore:
    """Records of evaluations by key, in a folder that any number of processes share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> dict[str, Any] | None:
        """Give the record of a key; None if there is none."""
        path = self._path(key)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"{path} is not a record of a search ({error}). Remove it; that fit is repeated."
            ) from error

    def write(self, key: str, record: dict[str, Any]) -> None:
        """Keep a record."""
        text = json.dumps(record, indent=1).encode()
        with _written_whole(self._path(key)) as file:
            file.write(text)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


class TrainedStates:
    """Estimators on their way from rung to rung, by candidate and fold and what they have run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def highest(self, key: str, rungs: list[int]) -> tuple[int, Any]:
        """Find the estimator that got furthest; 0 and None if there is none."""
        for rung in sorted(rungs, reverse=True):
            try:
                return rung, joblib.load(self._path(key, rung))
            except FileNotFoundError:
                continue
        return 0, None

    def keep(self, key: str, rung: int, estimator: Any) -> None:
        """Keep an estimator that has reached a rung."""
        with _written_whole(self._path(key, rung)) as file:
            joblib.dump(estimator, file)

    def drop(self, key: str, rung: int) -> None:
        """Remove what has been gone on from."""
        self._path(key, rung).unlink(missing_ok=True)

    def _path(self, key: str, rung: int) -> Path:
        return self._folder / f"{key}-{rung}.joblib"


@contextmanager
def _written_whole(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        yield file
