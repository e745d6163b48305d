"""Download the published archive from one of its mirrors."""

import time
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

from skpneumo._progress import byte_progress
from skpneumo.datasets._archive import check_space


class Mirror(NamedTuple):
    """A mirror of an archive, with its checksum."""

    name: str
    url: str
    sha256: str
    n_bytes: int


# ChestXRay2017.zip of doi 10.17632/rscbjbr9sj.2. The publisher prints no checksum; three projects
# that downloaded the file state this one, two of them this size. Tried in order.
SHA256 = "13efc055629733dbab07877f8b3c9f81097840dbcdaa326a8542322c2281ce36"
N_BYTES = 1_235_512_464
MIRRORS = tuple(
    Mirror(name, f"https://data.mendeley.com/{path}", SHA256, N_BYTES)
    for name, path in (
        (
            "Mendeley Data",
            "public-files/datasets/rscbjbr9sj/files/f12eaf6d-6023-432f-acc9-80c9d7393433/"
            "file_downloaded",
        ),
        (
            "Mendeley Data, older address",
            "datasets/rscbjbr9sj/2/files/f12eaf6d-6023-432f-acc9-80c9d7393433/"
            "ChestXRay2017.zip?dl=1",
        ),
    )
)

_CHUNK = 1 << 20
_TIMEOUT = 30.0  # seconds without a byte

# A server that sends less than this rate over this time is given up.
_RATE_WINDOW = 60.0  # seconds
_MIN_RATE = 10_000  # bytes per second, at which the archive would take a day and a half


class _WrongArchiveError(Exception):
    """A server sends something other than the expected archive."""


def download(mirrors: Sequence[Mirror], folder: Path, n_retries: int, delay: float) -> Path:
    """Download the archive from the first mirror that has it."""
    from requests.exceptions import HTTPError, RequestException

    archive = folder / "archive.zip"
    failures = []
    reached = False
    for mirror in mirrors:
        check_space(folder, mirror.n_bytes)
        for tries_left in range(n_retries, -1, -1):
            try:
                _transfer(mirror, archive)
                _check_content(archive, mirror)
                return archive
            except _WrongArchiveError as error:
                reached = True
                failures.append(f"{mirror.name} ({mirror.url}): {error}")
                break
            except RequestException as error:
                response = error.response if isinstance(error, HTTPError) else None
                refused = response is not None and response.status_code < 500
                reached |= refused
                if refused or tries_left == 0:
                    failures.append(f"{mirror.name} ({mirror.url}): {error}")
                    break
                time.sleep(delay)
    report = "The chest X-rays could not be downloaded.\n- " + "\n- ".join(failures)
    if reached:
        raise OSError(
            f"{report}\nWhat the server sent is not the archive. Download it by hand from "
            "https://doi.org/10.17632/rscbjbr9sj.2, unpack it and use load_chest_xray, or pass "
            "url= and sha256= of a copy."
        )
    raise ConnectionError(
        f"{report}\nCheck the connection and the proxy settings, or pass url= of a copy."
    )


def _transfer(mirror: Mirror, archive: Path) -> None:
    """Download a file; give up if it exceeds the size of the archive or is far too slow."""
    import requests

    plain = {"Accept-Encoding": "identity"}
    with requests.get(mirror.url, stream=True, timeout=_TIMEOUT, headers=plain) as response:
        response.raise_for_status()
        announced = int(response.headers.get("Content-Length", 0))
        if announced and mirror.n_bytes and announced != mirror.n_bytes:
            raise _WrongArchiveError(
                f"{announced} bytes, expected {mirror.n_bytes} of SHA-256 {mirror.sha256}"
            )
        n_bytes = mirror.n_bytes or announced
        received = 0
        with open(archive, "wb") as file, byte_progress("chest X-rays", n_bytes) as advance:
            for chunk in _chunks(response.raw):
                received += len(chunk)
                if n_bytes and received > n_bytes:
                    raise _WrongArchiveError(f"more than {n_bytes} bytes")
                file.write(chunk)
                advance(len(chunk))
        if received < n_bytes:
            raise requests.ConnectionError(
                f"the connection ended after {received} of {n_bytes} bytes"
            )


def _chunks(stream: Any) -> Iterator[bytes]:
    """Yield bytes as they arrive, so that a slow server is noticed within a chunk."""
    import requests
    import urllib3

    begin, in_window = time.monotonic(), 0
    try:
        while chunk := stream.read1(_CHUNK):
            yield chunk
            in_window += len(chunk)
            if (elapsed := time.monotonic() - begin) > _RATE_WINDOW:
                if in_window < _MIN_RATE * elapsed:
                    raise requests.ConnectionError(
                        f"{in_window / elapsed:,.0f} bytes per second; less than "
                        f"{_MIN_RATE:,} would take days"
                    )
                begin, in_window = time.monotonic(), 0
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _check_content(archive: Path, mirror: Mirror) -> None:
    with open(archive, "rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    if sha256 != mirror.sha256:
        raise _WrongArchiveError(
            f"{archive.stat().st_size} bytes of SHA-256 {sha256}, expected {mirror.sha256}"
        )
