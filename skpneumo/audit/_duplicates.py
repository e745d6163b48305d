"""Find images that are in the collection more than once, identical or similar."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.utils import gen_batches

from skpneumo._formatting import counted
from skpneumo.audit._findings import Finding

__all__ = ["can_hash", "duplicates", "group_identical", "group_similar"]

_HASH_SIDE = 16

# Pairs of images that are compared at a time, which take up to 80 bytes each.
_PAIRS = 2**20


def can_hash() -> bool:
    """Return whether perceptual hashes can be computed, which needs ImageHash."""
    return find_spec("imagehash") is not None


def group_identical(frame: pd.DataFrame) -> pd.Series:
    """Number the groups of files whose decoded pixels are the same; missing for the others."""
    return _number(frame["content"].where(frame.duplicated("content", keep=False)))


def group_similar(frame: pd.DataFrame, thumbnails: NDArray[np.uint8], distance: int) -> pd.Series:
    """Number the groups of files whose perceptual hashes differ in few of 256 bits.

    The hash describes the low spatial frequencies: compression, resizing or brightness hardly
    change it, but a crop or a rotation does. A mirrored copy is found by the hash of the mirrored
    image. Groups contain at least two different contents, and are chained: each file is similar
    to at least one other of its group.
    """
    try:
        import imagehash
    except ImportError as error:
        raise ImportError(
            "Near duplicates are found by perceptual hashes, which need ImageHash; it is not "
            'installed. Run `pip install "skpneumo[audit]"`, or pass near_duplicates=False.'
        ) from error
    # Blank images have no meaningful hash; copies of the same content need only one.
    rows = frame.index[frame["status"].eq("ok") & frame["std"].gt(0)]
    rows = rows[~frame.loc[rows, "content"].duplicated()]
    groups = pd.Series(pd.NA, index=frame.index, dtype="Int64")
    if len(rows) < 2:
        return groups
    images = thumbnails[rows]
    hashes, mirrored_hashes = (
        np.stack(
            [
                imagehash.phash(Image.fromarray(image), hash_size=_HASH_SIDE).hash.ravel()
                for image in turned
            ]
        )
        for turned in (images, images[:, :, ::-1])
    )
    component = _chained(hashes, mirrored_hashes, distance)
    component_of = dict(zip(frame.loc[rows, "content"], component, strict=True))
    components = frame["content"].map(component_of)
    n_contents = frame["content"].groupby(components).transform("nunique")
    return _number(components.where(n_contents.gt(1)))


def duplicates(frame: pd.DataFrame) -> list[Finding]:
    """Report identical and similar images, with a finding for each fault of a group.

    Similar images of one patient are not a finding, because repeated images of a child look alike.
    """
    findings = []
    for column, word in (("duplicate_group", "identical"), ("near_duplicate_group", "similar")):
        if column not in frame:
            continue
        for _, group in frame.groupby(column):
            labels = sorted(group["label"].dropna().astype(str).unique())
            splits = sorted(group["split"].unique())
            n_patients = group["patient"].nunique()
            kinds = ["conflicting_labels"] if len(labels) > 1 else []
            if len(splits) > 1:
                kinds.append("duplicate_across_splits")
            if not kinds and word == "identical":
                kinds.append("duplicate")
            elif not kinds and n_patients > 1:
                kinds.append("near_duplicate")
            detail = f"{len(group)} {word} files, label {' and '.join(labels) or 'missing'}"
            if any(splits):
                detail += f", split {' and '.join(split or 'none' for split in splits)}"
            detail += f", {counted(n_patients, 'patient')}"
            findings += [Finding(kind, group["path"].tolist(), detail) for kind in kinds]
    return findings


def _chained(
    hashes: NDArray[np.bool_], mirrored_hashes: NDArray[np.bool_], distance: int
) -> NDArray[np.intp]:
    """Label the components of similar images, without the graph of all pairs in memory."""
    # For vectors of -1 and 1, the product is the number of bits less twice those that differ.
    signs, mirrored_signs = (
        np.where(each, 1, -1).astype(np.float32) for each in (hashes, mirrored_hashes)
    )
    n_images, n_bits = signs.shape
    least = n_bits - 2 * distance
    component = np.arange(n_images)
    for rows in gen_batches(n_images, max(1, _PAIRS // n_images)):
        near = signs[rows] @ signs.T >= least
        near |= signs[rows] @ mirrored_signs.T >= least
        near &= component[rows, np.newaxis] != component  # not linked already
        first, second = np.nonzero(near)
        links = (component[rows][first], component[second])
        graph = coo_array((np.ones(len(first)), links), shape=(n_images, n_images))
        _, merged = connected_components(graph, directed=False)
        component = merged[component]
    return component


def _number(keys: pd.Series) -> pd.Series:
    codes, _ = pd.factorize(keys)
    return pd.Series(codes, index=keys.index, dtype="Int64").where(codes >= 0)
