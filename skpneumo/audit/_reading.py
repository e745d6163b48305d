"""Read each file once, as the loader reads it: its format, its pixels and a thumbnail."""

import os
import warnings
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image

from skpneumo._formatting import printable
from skpneumo.audit._header_facts import header_facts
from skpneumo.audit._image_statistics import image_statistics
from skpneumo.loading._decoding import check_regular_file, decode_whole
from skpneumo.loading._resizing import DecodedImage, resize_image, turned

__all__ = ["N_BINS", "THUMBNAIL_SIDE", "Readings", "no_readings", "read_images"]

THUMBNAIL_SIDE = 64
N_BINS = 32

# Mean spread between the colour channels, in grey levels. Grey JPEG saved as RGB stays below 1.
_COLOURED = 4.0
_COLUMNS = (
    "status", "error", "bytes", "format", "mode", "bit_depth", "width", "height", "coloured",
    "mean", "std", "p1", "p50", "p99", "lowest", "highest", "white", "flat_tail", "content",
    "sharpness", "local_contrast", "noise", "jpeg_table", "device",
    "compression",
)  # fmt: skip


class Readings(NamedTuple):
    """The results for n files; for an unreadable file there is only the error."""

    frame: pd.DataFrame
    histograms: NDArray[np.float64]
    thumbnails: NDArray[np.uint8]


def read_images(paths: NDArray[np.object_], n_jobs: int | None) -> Readings:
    """Decode every file once, in threads, because Pillow releases the GIL while it decodes."""
    with warnings.catch_warnings():
        # Pillow warns about odd EXIF or many pixels, which are not faults of the image. Set once
        # for all threads, because the filters are not thread-local.
        warnings.simplefilter("ignore")
        results = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(_read)(path) for path in paths)
    records, histograms, thumbnails = zip(*results, strict=True)
    frame = _typed(pd.DataFrame(list(records), columns=list(_COLUMNS)))
    return Readings(frame, np.stack(histograms), np.stack(thumbnails))


def no_readings(n_files: int) -> Readings:
    """Return empty readings for files that are not opened."""
    frame = pd.DataFrame({"status": ["not opened"] * n_files}, columns=list(_COLUMNS))
    # Broadcast, so that a hundred thousand files take no memory.
    histograms = np.broadcast_to(np.zeros(N_BINS), (n_files, N_BINS))
    blank = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    return Readings(_typed(frame), histograms, np.broadcast_to(blank, (n_files, *blank.shape)))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    frame["coloured"] = frame["coloured"].eq(True)
    for column in ("device", "compression"):
        frame[column] = frame[column].astype(object).where(frame[column].notna(), "")
    for column in ("sharpness", "local_contrast", "noise", "jpeg_table"):
        frame[column] = frame[column].astype(float)
    for column in ("bytes", "bit_depth", "width", "height", "flat_tail"):
        frame[column] = frame[column].astype("Int64")
    return frame


def _read(path: str) -> tuple[dict[str, Any], NDArray[np.float64], NDArray[np.uint8]]:
    record: dict[str, Any] = {"status": "ok", "error": ""}
    histogram = np.zeros(N_BINS)
    thumbnail = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    try:
        check_regular_file(path)
        record["bytes"] = os.stat(path).st_size
        decoded = decode_whole(path)
        image = _upright(decoded)
        record |= {
            "format": decoded.format,
            "mode": decoded.mode,
            "bit_depth": decoded.bits,
            "width": image.width,
            "height": image.height,
            "coloured": _is_coloured(image),
        }
        grey = image.convert("L")
        content = image if record["coloured"] else grey
        record |= _levels(decoded, grey)
    except (OSError, ValueError, ImportError, MemoryError) as error:
        record["status"] = "truncated" if "truncated" in str(error).lower() else "unreadable"
        record["error"] = printable(f"{type(error).__name__}: {_reason(error)}")
        return record, histogram, thumbnail

    share = np.array(grey.histogram()) / (grey.width * grey.height)
    digest = blake2b(f"{content.mode} {content.size}".encode() + content.tobytes(), digest_size=16)
    record |= {"content": digest.hexdigest(), "flat_tail": _flat_tail(np.asarray(grey))}
    record |= _level_statistics(share) | image_statistics(grey) | header_facts(path)
    histogram = share.reshape(N_BINS, -1).sum(axis=1)
    small = grey.resize(
        (THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0
    )
    return record, histogram, np.asarray(small)


def _level_statistics(share: NDArray[np.float64]) -> dict[str, float]:
    """Compute mean, standard deviation and percentiles from the shares of 256 grey levels."""
    levels = np.arange(256)
    mean = float(share @ levels)
    statistics = {"mean": mean, "std": float(np.sqrt(share @ (levels - mean) ** 2))}
    cumulative = np.cumsum(share)
    for name, quantile in (("p1", 0.01), ("p50", 0.5), ("p99", 0.99)):
        statistics[name] = int(np.searchsorted(cumulative, quantile))
    return statistics


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _upright(decoded: DecodedImage) -> Image.Image:
    """Return the whole image, turned upright, as the loader does: grey or colour of 8 bits."""
    width, height = decoded.image.size
    size = turned((height, width), decoded.orientation)
    return Image.fromarray(resize_image(decoded, size, "stretch"))


def _is_coloured(image: Image.Image) -> bool:
    if image.mode != "RGB":
        return False
    small = image.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.NEAREST)
    return bool(np.ptp(np.asarray(small, dtype=np.int16), axis=2).mean() > _COLOURED)


def _levels(decoded: DecodedImage, grey: Image.Image) -> dict[str, float]:
    """Return the lowest value, the highest and white, in units of the file if it is deep."""
    deep = decoded.image.mode == "F"
    values = np.asarray(decoded.image if deep else grey)
    return {
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "white": max(decoded.black, decoded.white) if deep else 255.0,
    }


def _flat_tail(pixels: NDArray[np.uint8]) -> int:
    """Count the last rows that have one grey level, unless the first row has it as well."""
    flat = (pixels == pixels[-1, -1]).all(axis=1)
    return 0 if flat[0] else int(np.argmin(flat[::-1]))
