"""Read a collection from the folders of its images."""

import os
import warnings
from collections.abc import Sequence

from sklearn.utils import Bunch

from skpneumo._messages import by_interface
from skpneumo._paths import refuse_empty_path
from skpneumo._sklearn import StrOptions, validate_parameter_constraints
from skpneumo.datasets._bunch import make_bunch
from skpneumo.datasets._collection import Collection, Labels, Positive, read_collection
from skpneumo.datasets._description import count_skipped, describe, find_problems
from skpneumo.datasets._file_names import remarks_on_shared_patients
from skpneumo.datasets._folders import TopFolders
from skpneumo.datasets._warnings import (
    CollectionWarning,
    SharedPatientsWarning,
    SkippedFilesWarning,
    UnknownPatientsWarning,
    warn_of,
)

LABELS = StrOptions({"binary", "etiology"})


def load_chest_xray(
    root: str | os.PathLike[str],
    *,
    split: str | Sequence[str] | None = None,
    labels: Labels = "binary",
    positive: Positive = None,
    patient_pattern: str | None = None,
    top_folders: TopFolders | None = None,
    leave_out: str | Sequence[str] = (),
) -> Bunch:
    """Read a collection of chest X-rays from its folders.

    Three arrangements are understood:

    - ``root/{train,val,test}/{NORMAL,PNEUMONIA}``, as the published images come from Kaggle (also
      where the archive nests ``chest_xray`` folders) and, without ``val``, from Mendeley Data;
    - the same with other class folders;
    - class folders right below ``root``, without splits.

    Rows are sorted by split, class and path, so that their order is the same on every machine.
    Files with the suffix of an image are not opened; other files are recognised as images by
    their first bytes. Files that are not images are skipped, counted and named, in one warning
    and in ``skipped``. Files that systems leave behind, such as ``__MACOSX`` and ``.DS_Store``,
    are ignored, and counted in ``DESCR``. Links to folders are followed.

    Parameters
    ----------
    root : str or path-like
        The folder of the collection, or a folder that contains nothing else.
    split : {"train", "val", "test"}, list of these or None, default=None
        The splits to read; None reads all of them. If the splits are folders with other names,
        name these: ``["Training", "Validation"]`` become ``"train"`` and ``"val"``.
    labels : {"binary", "etiology"}, default="binary"
        With ``"binary"`` the class is the folder: 0 for NORMAL and 1 for PNEUMONIA, in any case,
        and for other folder names their position in the sorted list, in which the healthy class
        (``healthy``, ``non-covid``, ``no finding``) comes first. With ``"etiology"`` it is read
        from the file name: 0 for NORMAL, 1 for BACTERIA, 2 for VIRUS.
    positive : str, list of str or None, default=None
        The class folder of the illness, in upper or lower case, or several. These become 1 and
        all others 0. None decides by the names of all folders together.
    patient_pattern : str or None, default=None
        How to read the patient from a path, as the ``pattern`` of :func:`patient_ids`.
    top_folders : {"class", "split", "site"} or None, default=None
        What the folders in ``root`` are if they all contain the same folders: with ``"site"`` (a
        hospital, for example) or ``"split"`` the folders in them are the classes. None raises an
        error that asks.
    leave_out : str or list of str, default=()
        Names of folders not to read, at any level, such as ``"masks"``.

    Returns
    -------
    xrays : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with

        X : :class:`pandas.DataFrame` of shape (n_samples, 2)
            ``path`` and ``patient``, for fitting and splitting: patients stay with their rows.
            ``patient`` is None where it is unknown, and the column is absent if all are unknown.
        filenames : ndarray of shape (n_samples,), dtype object
            Paths as str, beginning with ``root`` as it was given.
        target : ndarray of shape (n_samples,), dtype int64
            The class of each image, a position in ``target_names``.
        target_names : list of str
            The classes of the whole collection, whichever split is read.
        positive : list of str
            Those of ``target_names`` that are the illness, whose recall counts. Empty if the names
            of three or more classes do not tell.
        groups : ndarray of shape (n_samples,), dtype object
            Patients, as from :func:`patient_ids`.
        etiology : ndarray of shape (n_samples,), dtype object
            ``"normal"``, ``"bacteria"``, ``"virus"`` or ``"unknown"``: from the file name, or else
            from a class folder named normal.
        split : ndarray of shape (n_samples,), dtype object
            ``"train"``, ``"val"`` or ``"test"``, or the name of another folder; ``""`` in a
            collection without splits.
        frame : :class:`pandas.DataFrame`
            ``filenames``, ``target``, ``groups``, ``etiology`` and ``split`` as columns, and
            ``site`` with ``top_folders="site"``.
        root : str
            The folder that contains the splits or, without splits, the classes.
        skipped : :class:`pandas.DataFrame`
            ``path`` and ``reason`` of each file that cannot be read as an image.
        DESCR : str
            Where the images come from, as far as is known, and what was read and skipped.

    Raises
    ------
    FileNotFoundError
        If ``root`` does not exist or holds no images.
    NotADirectoryError
        If ``root`` is a file.
    ValueError
        If a split does not exist, if images lie in ``root`` without class folders, if the folders
        may be splits, sites or kinds of files rather than classes, if the names of two classes do
        not tell which is the illness, or if ``labels="etiology"`` and a file name does not tell
        the etiology or contradicts its folder.

    Warns
    -----
    CollectionWarning
        If a class has no images, if a copy of the published collection has other numbers of
        images, if images lie outside the class folders, if names contradict their folders, or if
        a class or a patient has several spellings.
    SharedPatientsWarning
        If patients have images in several splits; it is a CollectionWarning.
    SkippedFilesWarning
        If files were skipped.
    UnknownPatientsWarning
        If the file names do not tell the patients.

    See Also
    --------
    load_image_table : Read labels and patients from a table instead.
    fetch_chest_xray : Download the published images first.
    make_chest_xray : Generate synthetic images.

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
            "positive": [str, list, tuple, None],
            "patient_pattern": [str, None],
            "top_folders": [StrOptions({"class", "split", "site"}), None],
            "leave_out": [str, list, tuple],
        },
        locals(),
        caller_name="load_chest_xray",
    )
    refuse_empty_path(root, "root")
    collection = read_collection(
        root,
        split,
        labels,
        positive=positive,
        patient_pattern=patient_pattern,
        top_folders=top_folders,
        leave_out=[leave_out] if isinstance(leave_out, str) else leave_out,
    )
    patients = collection.patients
    warn_of(
        (CollectionWarning, find_problems(collection)),
        (SharedPatientsWarning, remarks_on_shared_patients(patients, collection.split)),
        (CollectionWarning, patients.spellings),
        (UnknownPatientsWarning, patients.remarks),
    )
    if skipped := collection.tree.skipped:
        warnings.warn(
            f"Skipped {count_skipped(skipped)}. "
            + by_interface(python="The table `skipped`", shell="`skpneumo audit`")
            + " lists all of them with their reasons. Convert images of other formats to PNG; "
            "allow reading what cannot be opened; move what belongs elsewhere.",
            SkippedFilesWarning,
            stacklevel=2,
        )
    return to_bunch(collection)


def to_bunch(collection: Collection) -> Bunch:
    """Convert a collection to the Bunch that users get."""
    return make_bunch(
        filenames=collection.filenames,
        target=collection.target,
        target_names=collection.target_names,
        positive=collection.positive,
        patients=collection.patients,
        etiology=collection.etiology,
        split=collection.split,
        root=os.fspath(collection.tree.root),
        descr=describe(collection),
        skipped=collection.tree.skipped,
        extra_columns={"site": collection.site} if any(collection.site) else None,
    )
