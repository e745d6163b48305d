"""Reading a collection from the folders that its images lie in."""

import os
import warnings
from collections.abc import Sequence

from sklearn.utils import Bunch

from skpneumo._sklearn import StrOptions, validate_parameter_constraints
from skpneumo.datasets._collection import Collection, Labels, read_collection
from skpneumo.datasets._description import complaints, describe

LABELS = StrOptions({"binary", "etiology"})


class CollectionWarning(UserWarning):
    """A collection was read, but it is not what it should be."""


def load_chest_xray(
    root: str | os.PathLike[str],
    *,
    split: str | Sequence[str] | None = None,
    labels: Labels = "binary",
) -> Bunch:
    """Read a collection of chest X-rays from its folders.

    Three arrangements are understood:

    - ``root/{train,val,test}/{NORMAL,PNEUMONIA}``, as the published images come from Kaggle (also
      where the archive nests ``chest_xray`` folders) and, without ``val``, from Mendeley Data;
    - the same with other class folders;
    - class folders right below ``root``, without splits.

    No image is opened. Rows are sorted by split, class and path, so that they come in the same
    order on every machine. Litter such as ``__MACOSX`` and ``.DS_Store`` is overlooked; other
    files that are no images are counted in ``DESCR``.

    Parameters
    ----------
    root : str or path-like
        The folder of the collection, or one that holds nothing but it.
    split : {"train", "val", "test"}, list of these or None, default=None
        The splits to read; None reads all there are.
    labels : {"binary", "etiology"}, default="binary"
        With ``"binary"`` the class is the folder: 0 for NORMAL and 1 for PNEUMONIA, in any case,
        and for other folder names their position in the sorted list, in which a healthy class
        (``healthy``, ``negative``, ``control``, ``no finding``) comes first. With
        ``"etiology"`` it is read from the file name: 0 for NORMAL, 1 for BACTERIA, 2 for VIRUS.

    Returns
    -------
    xrays : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with

        filenames : ndarray of shape (n_samples,), dtype object
            Paths as str, beginning with ``root`` as it was given.
        target : ndarray of shape (n_samples,), dtype int64
            The class of each image, a position in ``target_names``.
        target_names : list of str
            The classes of the whole collection, whichever split is read.
        groups : ndarray of shape (n_samples,), dtype object
            Patients as :func:`patient_ids` tells them.
        etiology : ndarray of shape (n_samples,), dtype object
            ``"normal"``, ``"bacteria"``, ``"virus"`` or ``"unknown"``: from the file name, else
            from a class folder called normal.
        split : ndarray of shape (n_samples,), dtype object
            ``"train"``, ``"val"`` or ``"test"``; ``""`` in a collection without splits.
        frame : :class:`pandas.DataFrame`
            ``filenames``, ``target``, ``groups``, ``etiology`` and ``split`` as columns.
        root : str
            The folder in which the splits, or else the classes, were found.
        DESCR : str
            Where the images come from as far as is known, and what was counted and skipped.

    Raises
    ------
    FileNotFoundError
        If ``root`` does not exist or holds no images.
    NotADirectoryError
        If ``root`` is a file.
    ValueError
        If a split is not there, if images lie in ``root`` without class folders, or if
        ``labels="etiology"`` and a file name is silent or at odds with its folder.

    Warns
    -----
    CollectionWarning
        If a class has no images, if what is plainly meant to be the published collection has
        other counts, if images lie outside the class folders, or if names are at odds with
        folders.
    UnknownNamesWarning
        If patients cannot be told from the file names.

    See Also
    --------
    fetch_chest_xray : Download the published images first.
    make_chest_xray : Draw synthetic ones.

    Examples
    --------
    >>> from skpneumo.datasets import load_chest_xray, make_chest_xray
    >>> folder = make_chest_xray(n_patients=12, random_state=0).root
    >>> train = load_chest_xray(folder, split="train")
    >>> train.target_names
    ['NORMAL', 'PNEUMONIA']
    >>> sorted(set(train.split))
    ['train']
    """
    validate_parameter_constraints(
        {
            "root": [str, os.PathLike],
            "split": [str, list, tuple, None],
            "labels": [LABELS],
        },
        {"root": root, "split": split, "labels": labels},
        caller_name="load_chest_xray",
    )
    collection = read_collection(root, split, labels)
    for complaint in complaints(collection):
        warnings.warn(complaint, CollectionWarning, stacklevel=2)
    return to_bunch(collection)


def to_bunch(collection: Collection) -> Bunch:
    """Bring a collection to the form that users get."""
    import pandas as pd

    columns = {
        "filenames": collection.filenames,
        "target": collection.target,
        "groups": collection.groups,
        "etiology": collection.etiology,
        "split": collection.split,
    }
    return Bunch(
        **columns,
        target_names=collection.target_names,
        frame=pd.DataFrame(columns),
        root=os.fspath(collection.tree.root),
        DESCR=describe(collection),
    )
