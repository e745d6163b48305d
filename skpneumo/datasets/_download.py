"""Where the published archive can be had, and the getting of it."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from skpneumo.datasets._archive import check_space


class Mirror(NamedTuple):
    """One place an archive can be had from, and how to know that it is the archive."""

    name: str
    url: str
    sha256: str
    n_bytes: int
    version: str


# ChestXRay2017.zip of doi 10.17632/rscbjbr9sj.2. The publisher prints no checksum; three projects
# that downloaded the file state this one, two of them this size. Tried in order.
SHA256 = "13efc055629733dbab07877f8b3c9f81097840dbcdaa326a8542322c2281ce36"
N_BYTES = 1_235_512_464
MIRRORS = (
    Mirror(
        "Mendeley Data",
        "https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
        "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded",
        SHA256,
        N_BYTES,
        "2",
    ),
    Mirror(
        "Mendeley Data, older address",
        "https://data.mendeley.com/datasets/rscbjbr9sj/2/files/"
        "f12eaf6d-6023-432f-acc9-80c9d7393433/ChestXRay2017.zip?dl=1",
        SHA256,
        N_BYTES,
        "2",
    ),
)

_CHUNK = 1 << 20


def download(mirrors: Sequence[Mirror], folder: Path, n_retries: int, delay: float) -> Path:
    """The archive, from the first mirror that gives it."""
    from requests.exceptions import HTTPError, RequestException

    archive = folder / "archive.zip"
    failures = []
    reached = False
    for mirror in mirrors:
        check_space(folder, mirror.n_bytes)
        for tries_left in range(n_retries, -1, -1):
            try:
                _transfer(mirror.url, archive)
            except RequestException as error:
                response = error.response if isinstance(error, HTTPError) else None
                refused = response is not None and response.status_code < 500
                reached |= refused
                if refused or tries_left == 0:
                    failures.append(f"{mirror.name} ({mirror.url}): {error}")
                    break
                time.sleep(delay)
            else:
                if not (wrong := _differs(archive, mirror)):
                    return archive
                reached = True
                failures.append(f"{mirror.name} ({mirror.url}): {wrong}")
                break
    report = "The chest X-rays could not be downloaded.\n- " + "\n- ".join(failures)
    if reached:
        raise OSError(
            f"{report}\nWhat was served is not the archive. Download it by hand from "
            "https://doi.org/10.17632/rscbjbr9sj.2, unpack it and use load_chest_xray, or pass "
            "url= and sha256= of a copy."
        )
    raise ConnectionError(
        f"{report}\nCheck the connection and the proxy settings, or pass url= of a copy."
    )


def _transfer(url: str, archive: Path) -> None:
    import pooch

    with _progress_bar() as bar:
        pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK)(url, os.fspath(archive), None)


def _differs(archive: Path, mirror: Mirror) -> str | None:
    """In words, how a file is not the archive; None if it is."""
    import pooch

    sha256 = pooch.file_hash(os.fspath(archive), alg="sha256")
    if sha256 == mirror.sha256:
        return None
    return f"{archive.stat().st_size} bytes of SHA-256 {sha256}, expected {mirror.sha256}"


@contextmanager
def _progress_bar() -> Iterator[Any]:
    """A bar for pooch on a terminal; in a pipe, nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield False
        return
    columns = ("chest X-rays", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield _PoochBar(progress)


class _PoochBar:
    """What pooch asks of a progress bar: a settable total and three methods."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("download", total=None)

    @property
    def total(self) -> float | None:
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, n_bytes: int) -> None:
        if n_bytes:  # 0 where the server does not tell
            self._progress.update(self._task, total=n_bytes)

    def update(self, n_bytes: int) -> None:
        self._progress.update(self._task, advance=n_bytes)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.refresh()
