"""Describe a collection and list its problems."""

import os
from collections.abc import Sequence
from pathlib import Path

from skpneumo._formatting import counted
from skpneumo._image_files import SkippedFile, describe_skipped
from skpneumo._paths import text_frame
from skpneumo._positive_class import says_its_class
from skpneumo.datasets._collection import (
    ETIOLOGY_CLASSES,
    Collection,
    contradicts_folder,
    with_examples,
)
from skpneumo.datasets._folders import PUBLISHED_FOLDER, Tree
from skpneumo.datasets._mixed_folders import remarks_on_folders
from skpneumo.datasets._published import describe_published, differences, recognise


def find_problems(collection: Collection) -> list[str]:
    """List, in words, what the user should know before trusting the collection."""
    return [
        *_folder_problems(collection.tree),
        *_class_problems(collection),
        *remarks_on_folders(collection),
    ]


def _folder_problems(tree: Tree) -> list[str]:
    """List problems of the folders."""
    found = [
        f"Images in {place!r} ({n}) belong to no class of the collection and were not read."
        for place, n in tree.unread.items()
        if Path(place).name != PUBLISHED_FOLDER
    ]
    found += [
        f"The folder {folder!r} holds files, but no images." for folder in tree.without_images
    ]
    left_out = {os.path.basename(folder).lower() for folder in tree.left_out}
    found += [
        f"leave_out names {name!r}, but there is no folder of this name."
        for name in sorted(tree.unwanted - left_out)
    ]
    return found


def _class_problems(collection: Collection) -> list[str]:
    """List problems of the classes and of the numbers of images in them."""
    found = list(collection.spellings)
    counts = collection.counts()
    # positive_classes asks about two folders, and a single folder is reported below.
    folders = collection.folder_classes
    if len(folders) > 2 and not collection.positive and not any(map(says_its_class, folders)):
        found.append(
            f"None of the {with_examples(folders, 'class folder')} has the name of a known "
            "class. If they are patients, dates or the like, pass the folder that contains the "
            "class folders, or read the labels from a table with load_image_table."
        )
    found += [
        f"The class {label} has no images in {split or str(collection.tree.root)!r}."
        for split, by_class in counts.items()
        for label, n in by_class.items()
        if n == 0
    ]
    if len(collection.folder_classes) == 1:
        found.append(
            f"All images are in one class folder, {collection.folder_classes[0]!r}; a classifier "
            "needs two. Pass the folder that contains the class folders."
        )
    if collection.target_names == ETIOLOGY_CLASSES:
        absent = set(range(len(ETIOLOGY_CLASSES))).difference(collection.target)
        found += [f"The class {ETIOLOGY_CLASSES[i]} has no images." for i in sorted(absent)]
    if collection.is_binary:
        contrary = collection.filenames[contradicts_folder(collection.folder, collection.etiology)]
        if len(contrary):
            found.append(
                f"The names of {with_examples(contrary)} contradict their folders. The folders "
                "decide."
            )
    if collection.has_published_names and collection.synthetic_note is None:
        release = recognise(counts)
        if release and (different := differences(counts, release)):
            found.append(
                f"This looks like the published collection ({release.name}), but "
                f"{', '.join(different)}. Unpack it again unless images were left out or added on "
                "purpose."
            )
    return found


def describe(collection: Collection) -> str:
    """Describe where the images come from and how many were read."""
    tree = collection.tree
    if collection.synthetic_note is not None:
        origin = f"# Synthetic chest X-rays\n\n{collection.synthetic_note.strip()}"
    elif collection.has_published_names:
        origin = describe_published().strip()
        release = recognise(collection.counts())
        if release and not differences(collection.counts(), release):
            origin += f"\n\nAs many images were read as published: {release.name}."
        else:
            origin += "\n\nThe files are named like the published ones, but their number differs."
    else:
        origin = (
            "# A collection of chest X-rays\n\nNothing is known about its origin and terms of use "
            "except the folder it was read from."
        )
    return "\n".join(
        [
            origin,
            *_describe_counts(collection),
            *_describe_unread(tree.skipped, tree.litter, tree.left_out),
            *(
                f"\nNot read, because they belong to no class: images in {place} ({n})."
                for place, n in tree.unread.items()
            ),
            "",
        ]
    )


def _describe_counts(collection: Collection) -> list[str]:
    """Tabulate the numbers of images and patients."""
    import pandas as pd

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
        f"From {os.fspath(collection.tree.root)}: {len(rows)} images of {len(in_splits)} "
        f"patients, {(in_splits > 1).sum()} of them in more than one split.",
        "",
        "| split | class | etiology | images | patients |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    return [
        *lines,
        *(
            f"| {split or '-'} | {folder} | {etiology} | {images} | {patients} |"
            for (split, folder, etiology), images, patients in table.agg(
                ["size", "nunique"]
            ).itertuples()
        ),
    ]


def _describe_unread(
    skipped: Sequence[SkippedFile], litter: Sequence[str], left_out: Sequence[str]
) -> list[str]:
    """Write a paragraph for each kind of file that was not read."""
    lines = []
    if skipped:
        lines += ["", f"Skipped, because they cannot be read as images: {count_skipped(skipped)}."]
    if litter:
        ignored = with_examples(litter, "item")
        lines += ["", f"Ignored, because other programs leave them behind: {ignored}."]
    if left_out:
        lines += ["", f"Left out, as requested: {with_examples(left_out, 'folder')}."]
    return lines


def count_skipped(skipped: Sequence[SkippedFile]) -> str:
    """Count the skipped files, and say why they were skipped."""
    return f"{counted(len(skipped), 'file')}, of which {describe_skipped(skipped)}"
