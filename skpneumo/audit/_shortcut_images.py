"""Show where the images of a class differ from the others."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo.audit._shortcuts import source_of

__all__ = ["shortcut_images"]

_DIMMED = 0.3  # brightness outside the region, as a share


def shortcut_images(
    finding: pd.Series,
    frame: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    regions: dict[str, NDArray[np.bool_]],
) -> tuple[NDArray[np.uint8], list[str]]:
    """Compute the mean image of the class and of the others, dark outside the region of a source.

    Parameters
    ----------
    finding : Series
        Of the kind "shortcut": its ``paths`` are the files of the class.
    frame : DataFrame
        ``path``, ``status`` and ``label`` of each file.
    thumbnails : ndarray of uint8, shape (n_files, side, side)
        Thumbnails of the files.
    regions : dict of str to ndarray of bool, shape (side, side)
        Where the sources lie. A source without a region covers the whole image, or is of the file.

    Returns
    -------
    images : ndarray of uint8, shape (3, side, side)
        Mean of the class, mean of the others, and their difference: grey where they are equal,
        white where the class is brighter, stretched to the whole range.
    captions : list of str
    """
    source = source_of(finding["detail"])
    readable = frame["status"].eq("ok") & frame["label"].notna()
    of_class = frame["path"].isin(finding["paths"])
    here, there = (
        thumbnails[np.flatnonzero(readable & rows)].mean(axis=0) for rows in (of_class, ~of_class)
    )
    region = regions.get(source, np.ones(here.shape, dtype=bool))
    light = np.where(region, 1.0, _DIMMED)
    difference = np.where(region, here - there, 0.0)
    largest = np.abs(difference).max() or 1.0
    images = np.stack([here * light, there * light, 127.5 * (1 + difference / largest)])
    captions = [
        f"mean of the class: {source}",
        f"mean of the others: {source}",
        f"where they differ, by {largest:.0f} grey levels at most",
    ]
    return np.rint(images).astype(np.uint8), captions
