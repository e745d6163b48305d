"""Warnings of the loaders."""

import warnings
from collections.abc import Iterable

__all__ = [
    "CollectionWarning",
    "SharedPatientsWarning",
    "SkippedFilesWarning",
    "UnknownPatientsWarning",
    "warn_of",
]


class CollectionWarning(UserWarning):
    """A collection was read, but is not as expected.

    Examples
    --------
    As an error, it ends a script before anything is computed from a doubtful collection:

    >>> import warnings
    >>> from skpneumo.datasets import CollectionWarning, patient_ids
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CollectionWarning)
    ...     try:
    ...         patient_ids(["P7-a.png", "p7-b.png"], pattern="([Pp][0-9]+)")
    ...     except CollectionWarning as warning:
    ...         print(warning)
    The paths write 1 patient in several ways, 'P7' and 'p7': ...
    """


class SharedPatientsWarning(CollectionWarning):
    """Patients have images in several splits of a collection.

    Examples
    --------
    It says that the splits cannot be used as they are. Split again by patient:

    >>> import warnings
    >>> from skpneumo import load_image_table, make_chest_xray, patient_train_test_split
    >>> from skpneumo.datasets import SharedPatientsWarning
    >>> drawn = make_chest_xray(n_patients=6, size=64, random_state=0)
    >>> table = drawn.X.assign(label=drawn.target, split="train")
    >>> table.loc[0, "split"] = "test"  # an image of a patient who has more
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", SharedPatientsWarning)
    ...     xrays = load_image_table(table)
    >>> X_train, X_test, y_train, y_test = patient_train_test_split(
    ...     xrays.X, xrays.target, test_size=0.5, random_state=0)
    >>> set(X_train["patient"]) & set(X_test["patient"])
    set()
    """


class SkippedFilesWarning(UserWarning):
    """Files of a collection were skipped because they are not readable images.

    Examples
    --------
    The table ``skipped`` of the collection has all of them:

    >>> import warnings
    >>> from pathlib import Path
    >>> from skpneumo import load_chest_xray, make_chest_xray
    >>> from skpneumo.datasets import SkippedFilesWarning
    >>> folder = make_chest_xray(n_patients=6, size=64, random_state=0).root
    >>> _ = Path(folder, "train", "NORMAL", "notes.txt").write_text("Not an image.")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", SkippedFilesWarning)
    ...     xrays = load_chest_xray(folder)
    >>> xrays.skipped["reason"].tolist()
    ['text']
    """


class UnknownPatientsWarning(UserWarning):
    """The patients of some images are unknown or uncertain.

    Examples
    --------
    It does not appear if ``groups`` or the column ``patient`` of ``X`` names the patients. Silence
    it only if each image is of another patient:

    >>> import warnings
    >>> from skpneumo import PatientKFold
    >>> from skpneumo.datasets import UnknownPatientsWarning
    >>> paths, y = ["a1.png", "a2.png", "b1.png", "c1.png"], [0, 0, 1, 0]
    >>> paths, y = [*paths, "d1.png"], [*y, 1]
    >>> patients = ["a", "a", "b", "c", "d"]
    >>> len(list(PatientKFold(2).split(paths, y, groups=patients)))
    2
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", UnknownPatientsWarning)
    ...     n_folds = len(list(PatientKFold(2).split(paths, y)))
    """


def warn_of(*remarks: tuple[type[Warning], Iterable[str]]) -> None:
    """Warn of each remark, in the line that has called the function that calls this one."""
    for category, found in remarks:
        for remark in found:
            warnings.warn(remark, category, stacklevel=3)
