"""Inverted and rotated images, told by what most of the collection looks like."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo.audit._findings import Finding

__all__ = ["FEWEST_IMAGES", "pose_findings"]

# The majority of fewer images says little.
FEWEST_IMAGES = 10

_SIDE = 16

# Correlations with the median image. Below the least of these the collection has no usual image;
# a turned image must agree with it about as well as others do, and much better than as it is.
_USUAL = 0.4
_AS_OTHERS = 0.75
_GAIN = 0.35
# Half a turn leaves a chest much the same, so that only what changes its sign is compared: of
# 1,200 radiographs the lowest was -0.2, and one in twenty was below 0.31.
_ON_ITS_HEAD = -0.3


def pose_findings(frame: pd.DataFrame, thumbnails: NDArray[np.uint8]) -> list[Finding]:
    """Find images that resemble the usual one only when they are inverted or turned.

    Parameters
    ----------
    frame : DataFrame of n rows
        ``path``, ``status`` and ``std`` of each file.
    thumbnails : ndarray of uint8, shape (n, side, side)
        Small copies.

    Returns
    -------
    findings : list of Finding
        One for each image.
    """
    rows = np.flatnonzero(frame["status"].eq("ok").to_numpy())
    if len(rows) < FEWEST_IMAGES:
        return []
    images = _standardized(_coarse(thumbnails[rows]))
    usual = _usual(images)
    as_is = _correlation(images, usual)
    typical = float(np.median(as_is))
    if typical < _USUAL:
        return []
    right, left = (_correlation(np.rot90(images, k, axes=(1, 2)), usual) for k in (1, 3))
    odd = _standardized(images - np.rot90(images, 2, axes=(1, 2)))
    upright = _correlation(odd, _usual(odd))
    paths = frame["path"].to_numpy()[rows]
    found: dict[str, NDArray[np.float64]] = {
        "inverted": -as_is,
        "turned to the right": right,
        "turned to the left": left,
    }
    best = np.max(list(found.values()), axis=0)
    enough = np.maximum(_AS_OTHERS * typical, as_is + _GAIN)
    findings = [
        Finding(
            "inverted" if how == "inverted" else "rotated",
            [paths[i]],
            f"{how}: resembles the others by {as_is[i]:.2f} as it is, else by {other[i]:.2f}",
        )
        for how, other in found.items()
        for i in np.flatnonzero((other > enough) & (other == best))
    ]
    on_its_head = (upright < _ON_ITS_HEAD) & (best <= enough) & (as_is > 0)
    on_its_head &= np.median(upright) > _USUAL
    findings += [
        Finding("rotated", [paths[i]], f"on its head: upright by {upright[i]:.2f} of 1")
        for i in np.flatnonzero(on_its_head)
    ]
    return findings


def _usual(images: NDArray[np.float64]) -> NDArray[np.float64]:
    return _standardized(np.median(images, axis=0)[np.newaxis])[0]


def _coarse(thumbnails: NDArray[np.uint8]) -> NDArray[np.float64]:
    n, side, _ = thumbnails.shape
    blocks = thumbnails.reshape(n, _SIDE, side // _SIDE, _SIDE, side // _SIDE)
    return blocks.mean(axis=(2, 4))


def _standardized(images: NDArray[np.float64]) -> NDArray[np.float64]:
    images = images - images.mean(axis=(1, 2), keepdims=True)
    deviation = images.std(axis=(1, 2), keepdims=True)
    return np.divide(images, deviation, out=np.zeros_like(images), where=deviation > 0)


def _correlation(images: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    return (images * usual).mean(axis=(1, 2))
