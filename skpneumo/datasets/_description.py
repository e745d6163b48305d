"""Describe a collection, and list its problems."""

import os
from collections.abc import Sequence
from pathlib import Path

from skpneumo._formatting import counted
from skpneumo._image_files import SkippedFile, describe_skipped
from skpneumo._paths import text_frame
from skpneumo._positive_class import says_its_class
from skpneumo.datasets._collection import ETIOLOGY_CLASSES, Collection, at_odds, some
from skpneumo.datasets._folders import PUBLISHED_FOLDER
from skpneumo.datasets._published import describe_published, differences, recognise


def complaints(collection: Collection) -> list[str]:
    """What the user should know before trusting the collection, a sentence or two each."""
    tree, counts = collection.tree, collection.counts()
    found = [
        f"Images in {place!r} ({n}) belong to no class of the collection and were not read."
        for place, n in tree.unread.items()
        if Path(place).name != PUBLISHED_FOLDER
    ]
    found += [
        f"The folder {folder!r} holds files, but no images." for folder in tree.without_images
    ]
    found += collection.spellings
    left_out = {os.path.basename(folder).lower() for folder in tree.left_out}
    found += [
        f"leave_out names {name!r}, and there is no folder of this name."
        for name in sorted(tree.unwanted - left_out)
    ]
    # Of two, positive_classes asks; of one, the next complaint says it.
    folders = collection.folder_classes
    if len(folders) > 2 and not collection.positive and not any(map(says_its_class, folders)):
        found.append(
            f"The names of all {some(folders, 'class folder')} are no words for "
            "classes. If they are patients, days or the like, pass the folder that holds the "
            "class folders, or read the labels from a table with load_image_table."
        )
    found += [
        f"The class {label} has no images in {repr(split) if split else repr(str(tree.root))}."
        for split, by_class in counts.items()
        for label, n in by_class.items()
        if n == 0
    ]
    if len(collection.folder_classes) == 1:
        found.append(
            f"All images are in one class folder, {collection.folder_classes[0]!r}; a classifier "
            "needs two. Pass the folder that holds the class folders."
        )
    if collection.target_names == ETIOLOGY_CLASSES:
        absent = set(range(len(ETIOLOGY_CLASSES))).difference(collection.target)
        found += [f"The class {ETIOLOGY_CLASSES[i]} has no images." for i in sorted(absent)]
    if collection.is_binary:
        odd = collection.filenames[at_odds(collection.folder, collection.etiology)]
        if len(odd):
            found.append(f"The names of {some(odd)} contradict their folders. Folders decide.")
    if collection.has_published_names and collection.synthetic_note is None:
        release = recognise(counts)
        if release and (unlike := differences(counts, release)):
            found.append(
                f"This looks like the published collection ({release.name}), but "
                f"{', '.join(unlike)}. Unpack it again unless images were left out or added on "
                "purpose."
            )
    return found


def describe(collection: Collection) -> str:
    """Where the images come from, and what was counted."""
    import pandas as pd

    tree = collection.tree
    if collection.synthetic_note is not None:
        origin = f"# Synthetic chest X-rays\n\n{collection.synthetic_note.strip()}"
    elif collection.has_published_names:
        origin = describe_published().strip()
        release = recognise(collection.counts())
        if release and not differences(collection.counts(), release):
            origin += f"\n\nAs many images were read as published: {release.name}."
        else:
            origin += (
                "\n\nThe files read are called like the published ones, but they are not as many."
            )
    else:
        origin = (
            "# A collection of chest X-rays\n\nNothing is known of its origin and terms but the "
            "folder it was read from."
        )
    rows = text_frame(
        {
            "split": pd.Categorical(collection.split, collection.splits),
            "class": collection.folder,
            "etiology": collection.etiology,
            "patient": collection.patients.ids,
        }
    )
    table = rows.groupby(["split", "class", "etiology"], observed=True)["patient"]
    in_splits = rows.groupby("patient")["split"].nunique()
    lines = [
        "",
        "## What was read",
        "",
        f"From {os.fspath(tree.root)}: {len(rows)} images of {len(in_splits)} patients, "
        f"{(in_splits > 1).sum()} of them in more than one split.",
        "",
        "| split | class | etiology | images | patients |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    lines += [
        f"| {split or '-'} | {folder} | {etiology} | {images} | {patients} |"
        for (split, folder, etiology), images, patients in table.agg(
            ["size", "nunique"]
        ).itertuples()
    ]
    lines += left_aside(tree.skipped, tree.litter, tree.left_out)
    lines += [
        f"\nNot read, as they belong to no class: images in {place} ({n})."
        for place, n in tree.unread.items()
    ]
    return "\n".join([origin, *lines, ""])


def left_aside(
    skipped: Sequence[SkippedFile], litter: Sequence[str], left_out: Sequence[str]
) -> list[str]:
    """What was not read, a paragraph each."""
    lines = []
    if skipped:
        lines += ["", f"Skipped, as they are no images that can be read: {some_of(skipped)}."]
    if litter:
        lines += ["", f"Overlooked, as machines leave it behind: {some(litter, 'item')}."]
    if left_out:
        lines += ["", f"Left out, as asked: {some(left_out, 'folder')}."]
    return lines


def some_of(skipped: Sequence[SkippedFile]) -> str:
    """Count what was skipped, and say why."""
    return f"{counted(len(skipped), 'file')}, of which {describe_skipped(skipped)}"
