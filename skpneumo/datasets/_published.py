"""The published collection: its numbers of images, its description, and how to recognise it."""

from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

Counts = Mapping[str, Mapping[str, int]]  # split -> class -> images


class Release(NamedTuple):
    """One published arrangement of the images."""

    name: str
    counts: Counts


# The paper states the pool and the test split (Kermany et al., Cell 172, 2018: 1,349 + 3,883
# images to train on, 234 + 390 to test). Mendeley Data has this arrangement; Kaggle moved 8 + 8
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

# A count this close to the published one means an incomplete or modified copy, rather than another
# collection in the same folders. The 8 images of a split are too few to tell.
_CLOSE = 0.1
_ENOUGH = 100


def describe_published() -> str:
    """Read the description of the published images that comes with the package."""
    return files("skpneumo.datasets").joinpath("descr", "chest_xray.md").read_text("utf-8")


def recognise(counts: Counts) -> Release | None:
    """Find the release of which a collection is a complete or nearly complete copy, or None."""
    alike = [release for release in RELEASES if _is_like(counts, release)]
    return min(alike, key=lambda release: _distance(counts, release), default=None)


def differences(counts: Counts, release: Release) -> list[str]:
    """Describe where the counts differ from the published ones, in the splits that were loaded."""
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
