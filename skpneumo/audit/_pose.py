"""Find inverted and rotated images by comparison with most of the collection."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo.audit._findings import Finding

__all__ = ["FEWEST_IMAGES", "pose_findings"]

# With fewer images, the majority is not reliable.
FEWEST_IMAGES = 10

_SIDE = 16

# Correlations with the median image. If the typical one is below the first, the collection is too
# varied to compare; an image, once turned, must correlate with the median about as well as others
# do, and much better than before.
_MIN_TYPICAL = 0.4
_MIN_SHARE_OF_TYPICAL = 0.75
_MIN_GAIN = 0.35
# A half turn changes a chest little, so only the part that changes its sign is compared: of 1,200
# radiographs the lowest correlation was -0.2, and one in twenty was below 0.31.
_UPSIDE_DOWN = -0.3


def pose_findings(frame: pd.DataFrame, thumbnails: NDArray[np.uint8]) -> list[Finding]:
    """Find images that resemble the median image only when they are inverted or turned."""
    rows = np.flatnonzero(frame["status"].eq("ok").to_numpy())
    if len(rows) < FEWEST_IMAGES:
        return []
    images = _standardized(_coarse(thumbnails[rows]))
    median = _median_image(images)
    as_is = _correlation(images, median)
    typical = float(np.median(as_is))
    if typical < _MIN_TYPICAL:
        return []
    right, left = (_correlation(np.rot90(images, k, axes=(1, 2)), median) for k in (1, 3))
    odd = _standardized(images - np.rot90(images, 2, axes=(1, 2)))
    upright = _correlation(odd, _median_image(odd))
    paths = frame["path"].to_numpy()[rows]
    found: dict[str, NDArray[np.float64]] = {
        "inverted": -as_is,
        "turned to the right": right,
        "turned to the left": left,
    }
    best = np.max(list(found.values()), axis=0)
    enough = np.maximum(_MIN_SHARE_OF_TYPICAL * typical, as_is + _MIN_GAIN)
    findings = [
        Finding(
            "inverted" if how == "inverted" else "rotated",
            [paths[i]],
            f"{how}: correlation with the median image {as_is[i]:.2f}, corrected {other[i]:.2f}",
        )
        for how, other in found.items()
        for i in np.flatnonzero((other > enough) & (other == best))
    ]
    upside_down = (upright < _UPSIDE_DOWN) & (best <= enough) & (as_is > 0)
    upside_down &= np.median(upright) > _MIN_TYPICAL
    findings += [
        Finding("rotated", [paths[i]], f"upside down: uprightness {upright[i]:.2f}, from -1 to 1")
        for i in np.flatnonzero(upside_down)
    ]
    return findings


def _median_image(images: NDArray[np.float64]) -> NDArray[np.float64]:
    return _standardized(np.median(images, axis=0)[np.newaxis])[0]


def _coarse(thumbnails: NDArray[np.uint8]) -> NDArray[np.float64]:
    n, side, _ = thumbnails.shape
    blocks = thumbnails.reshape(n, _SIDE, side // _SIDE, _SIDE, side // _SIDE)
    return blocks.mean(axis=(2, 4))


def _standardized(images: NDArray[np.float64]) -> NDArray[np.float64]:
    images = images - images.mean(axis=(1, 2), keepdims=True)
    deviation = images.std(axis=(1, 2), keepdims=True)
    return np.divide(images, deviation, out=np.zeros_like(images), where=deviation > 0)


def _correlation(images: NDArray[np.float64], median: NDArray[np.float64]) -> NDArray[np.float64]:
    return (images * median).mean(axis=(1, 2))
