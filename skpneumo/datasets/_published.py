"""The published collection: what it holds, where that is written, and how to recognise it."""

from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

Counts = Mapping[str, Mapping[str, int]]  # split -> class -> images


class Release(NamedTuple):
    """One published arrangement of the images."""

    name: str
    counts: Counts


# The paper states the pool and the test split (Kermany et al., Cell 172, 2018: 1,349 + 3,883
# images to train on, 234 + 390 to test). Mendeley Data holds them so arranged, Kaggle moved 8 + 8
# images of the pool into a split of their own. Counted on the files of both.
RELEASES = (
    Release(
        "Kaggle, paultimothymooney/chest-xray-pneumonia",
        {
            "train": {"NORMAL": 1341, "PNEUMONIA": 3875},
            "val": {"NORMAL": 8, "PNEUMONIA": 8},
            "test": {"NORMAL": 234, "PNEUMONIA": 390},
        },
    ),
    Release(
        "Mendeley Data, doi 10.17632/rscbjbr9sj, versions 2 and 3",
        {
            "train": {"NORMAL": 1349, "PNEUMONIA": 3883},
            "test": {"NORMAL": 234, "PNEUMONIA": 390},
        },
    ),
)

# A count this close to the published one is a damaged or patched copy of it, rather than somebody
# else's collection in the same folders. The 8 images of a split are too few to tell.
_CLOSE = 0.1
_ENOUGH = 100


def describe_published() -> str:
    """The description of the published images that comes with the package."""
    return files("skpneumo.datasets").joinpath("descr", "chest_xray.md").read_text("utf-8")


def recognise(counts: Counts) -> Release | None:
    """The release that a collection is a copy of, whole or not quite; None if it is neither."""
    alike = [release for release in RELEASES if _is_like(counts, release)]
    return min(alike, key=lambda release: _distance(counts, release), default=None)


def differences(counts: Counts, release: Release) -> list[str]:
    """In words, where the counts are not the published ones; splits not loaded are left out."""
    return [
        f"{split}/{label} holds {counts[split].get(label, 0)} images instead of {published}"
        for split, labels in release.counts.items()
        if split in counts
        for label, published in labels.items()
        if counts[split].get(label, 0) != published
    ]


def _is_like(counts: Counts, release: Release) -> bool:
    return set(counts) <= set(release.counts) and any(
        published >= _ENOUGH and abs(counts[split].get(label, 0) - published) <= _CLOSE * published
        for split in counts
        for label, published in release.counts[split].items()
    )


def _distance(counts: Counts, release: Release) -> int:
    return sum(
        abs(counts[split].get(label, 0) - published)
        for split in counts
        for label, published in release.counts[split].items()
    )
