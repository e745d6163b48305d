"""Each file read once: what it is, what its pixels are like, and a small copy to compare."""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image

from skpneumo._dicom_files import DICOM_START, is_dicom
from skpneumo._html import printable
from skpneumo.loading._dicom import render_dicom

__all__ = ["N_BINS", "THUMBNAIL_SIDE", "Readings", "no_readings", "read_images"]

THUMBNAIL_SIDE = 64
N_BINS = 32

# Mean spread between the colour channels, in grey levels. Grey JPEG kept as RGB stays below 1.
_COLOURED = 4.0
_COLUMNS = (
    "status", "error", "bytes", "format", "mode", "bit_depth", "width", "height", "coloured",
    "mean", "std", "p1", "p50", "p99", "content",
)  # fmt: skip


class Readings(NamedTuple):
    """What was read of n files; a row of an unreadable one holds nothing but its error."""

    frame: pd.DataFrame
    histograms: NDArray[np.float64]
    thumbnails: NDArray[np.uint8]


def read_images(paths: NDArray[np.object_], n_jobs: int | None) -> Readings:
    """Decode every file once, in threads: Pillow lets go of the interpreter while it decodes."""
    with warnings.catch_warnings():
        # What Pillow warns of (odd EXIF, many pixels) is no fault of the picture. Set once for
        # all threads, because the filters are not thread-local.
        warnings.simplefilter("ignore")
        results = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(_read)(path) for path in paths)
    records, histograms, thumbnails = zip(*results, strict=True)
    frame = _typed(pd.DataFrame(list(records), columns=list(_COLUMNS)))
    return Readings(frame, np.stack(histograms), np.stack(thumbnails))


def no_readings(n_files: int) -> Readings:
    """What there is to say of files that are not opened."""
    frame = pd.DataFrame({"status": ["not opened"] * n_files}, columns=list(_COLUMNS))
    # One of each stands for all, so that a hundred thousand files take no memory.
    histograms = np.broadcast_to(np.zeros(N_BINS), (n_files, N_BINS))
    blank = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    return Readings(_typed(frame), histograms, np.broadcast_to(blank, (n_files, *blank.shape)))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    frame["coloured"] = frame["coloured"].eq(True)
    for column in ("bytes", "bit_depth", "width", "height"):
        frame[column] = frame[column].astype("Int64")
    return frame


def _read(path: str) -> tuple[dict[str, Any], NDArray[np.float64], NDArray[np.uint8]]:
    record: dict[str, Any] = {"status": "ok", "error": ""}
    histogram = np.zeros(N_BINS)
    thumbnail = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    try:
        record["bytes"] = _size_of_file(path)
        with _opened(path) as (image, description):
            record |= description | {
                "mode": image.mode,
                "width": image.width,
                "height": image.height,
            }
            image.load()
            record["coloured"] = _is_coloured(image)
            grey = _to_grey(image)
            content = image.convert("RGB") if record["coloured"] else grey
    except Exception as error:
        # Decoders fail in many ways (OSError, SyntaxError, struct.error, ...); for an audit all
        # of them are the file's.
        record["status"] = "truncated" if "truncated" in str(error).lower() else "unreadable"
        record["error"] = printable(f"{type(error).__name__}: {error}")
        return record, histogram, thumbnail

    levels = np.arange(256)
    share = np.array(grey.histogram()) / (grey.width * grey.height)
    mean = share @ levels
    record |= {
        "mean": mean,
        "std": np.sqrt(share @ (levels - mean) ** 2),
        "content": blake2b(
            f"{content.mode} {content.size}".encode() + content.tobytes(), digest_size=16
        ).hexdigest(),
    }
    cumulative = np.cumsum(share)
    for name, quantile in (("p1", 0.01), ("p50", 0.5), ("p99", 0.99)):
        record[name] = int(np.searchsorted(cumulative, quantile))
    histogram = share.reshape(N_BINS, -1).sum(axis=1)
    small = grey.resize(
        (THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0
    )
    return record, histogram, np.asarray(small)


@contextmanager
def _opened(path: str) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
    """An image of any format, with the name of the format and the bits of a sample."""
    with open(path, "rb") as file:
        if is_dicom(file.read(DICOM_START)):
            dicom, bits = render_dicom(file)
            yield dicom, {"format": "DICOM", "bit_depth": bits}
            return
    with Image.open(path) as image:
        yield image, {"format": image.format, "bit_depth": _bit_depth(image.mode)}


def _size_of_file(path: str) -> int:
    found = os.stat(path)
    # Opening a FIFO waits for somebody to write into it, and a device may never end.
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise OSError("a pipe, socket or device, not a regular file")
    return found.st_size


def _bit_depth(mode: str) -> int:
    if mode == "1":
        return 1
    if mode.startswith("I;16"):
        return 16
    return 32 if mode in {"I", "F"} else 8


def _is_coloured(image: Image.Image) -> bool:
    if image.mode in {"1", "L", "LA", "I", "F"} or image.mode.startswith("I;"):
        return False
    small = image.convert("RGB").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.NEAREST)
    return bool(np.ptp(np.asarray(small, dtype=np.int16), axis=2).mean() > _COLOURED)


def _to_grey(image: Image.Image) -> Image.Image:
    """Eight bits of grey; deeper images keep their upper bits instead of being clipped."""
    if image.mode not in {"I", "F"} and not image.mode.startswith("I;"):
        return image.convert("L")
    values = np.asarray(image, dtype=np.float64)
    top = float(values.max(initial=0.0))
    scale = 255.0 if top <= 255 else 65535.0 if top <= 65535 else top
    return Image.fromarray(np.clip(values * (255.0 / scale), 0, 255).astype(np.uint8))
