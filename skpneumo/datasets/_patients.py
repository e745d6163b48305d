"""What the file names of the published collection say: which patient, which etiology."""

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._paths import check_paths

# Kaggle:   IM-0115-0001.jpeg, NORMAL2-IM-0383-0001.jpeg, IM-0429-0001-0002.jpeg,
#           person1_bacteria_1.jpeg, person447_virus_921_1.jpeg
# Mendeley: NORMAL-1003233-0001.jpeg, BACTERIA-1008087-0001.jpeg, VIRUS-1075146-0001.jpeg
# The suffix does not matter, so that converted copies (.png) keep their patient.
_KNOWN_NAME = re.compile(
    r"""
    (?:
        person(?P<person>\d+)_(?P<cause>bacteria|virus)(?:_\d+)+
      | (?P<series>(?:NORMAL\d*-)?IM-\d+)(?:-\d+)+
      | (?P<mendeley>NORMAL|BACTERIA|VIRUS)-(?P<number>\d+)(?:-\d+)+
    )
    (?:\.\w+)*
    """,
    re.VERBOSE | re.IGNORECASE,
)


class UnknownNamesWarning(UserWarning):
    """File names follow no known scheme, so that each file is taken for a patient of its own."""


def patient_ids(paths: Any) -> NDArray[np.object_]:
    """Tell the patient of each X-ray from its file name.

    A patient is the pair of etiology and number, never the number alone: ``person100_bacteria_*``
    and ``person100_virus_*`` are different children. A normal patient keeps the series as well,
    because ``IM-0115`` and ``NORMAL2-IM-0115`` differ.

    Parameters
    ----------
    paths : array-like of shape (n_samples,) or (n_samples, 1)
        Paths as str or :class:`os.PathLike`. Only the file names count; no file is touched.

    Returns
    -------
    patients : ndarray of shape (n_samples,), dtype object
        One str per path, such as ``"bacteria-1"`` or ``"normal-NORMAL2-IM-0383"``. Made to be
        compared, for example as the ``groups`` of a splitter.

    Warns
    -----
    UnknownNamesWarning
        Once, if there are names of no known scheme. Such a file is its own patient: images of one
        patient may then fall on both sides of a split. Pass groups of your own to the splitter if
        you know better.

    See Also
    --------
    etiologies : The cause of the pneumonia, from the same names.

    Notes
    -----
    Both published naming schemes are read: that of Kaggle and of version 2 on Mendeley Data, and
    that of version 3. The two number the same children differently, so that a patient cannot be
    followed from one release to the other.

    Examples
    --------
    >>> from skpneumo.datasets import patient_ids
    >>> patient_ids(["PNEUMONIA/person1_bacteria_1.jpeg", "PNEUMONIA/person1_bacteria_2.jpeg",
    ...              "PNEUMONIA/person1_virus_6.jpeg", "NORMAL/NORMAL2-IM-0383-0001.jpeg"])
    array(['bacteria-1', 'bacteria-1', 'virus-1', 'normal-NORMAL2-IM-0383'], dtype=object)
    """
    paths = check_paths(paths)
    patients = np.empty(len(paths), dtype=object)
    unknown = []
    for i, path in enumerate(paths):
        known = _match(path)
        if known is None:
            patients[i] = f"unknown-{path}"
            unknown.append(path)
        else:
            person, cause, series, mendeley, number = known.groups()
            if person:
                patients[i] = f"{cause.lower()}-{person}"
            elif series:
                patients[i] = f"normal-{series.upper()}"
            else:
                patients[i] = f"{mendeley.lower()}-{number}"
    if unknown:
        warnings.warn(
            f"{len(unknown)} of {len(paths)} file names follow no known scheme, the first of them "
            f"{unknown[0]!r}. Each of these files is taken for a patient of its own; if patients "
            "have several images, pass groups to the splitter instead.",
            UnknownNamesWarning,
            stacklevel=2,
        )
    return patients


def etiologies(paths: Any) -> NDArray[np.object_]:
    """Tell the etiology of each X-ray from its file name.

    Parameters
    ----------
    paths : array-like of shape (n_samples,) or (n_samples, 1)
        Paths as str or :class:`os.PathLike`. Only the file names count; no file is touched.

    Returns
    -------
    etiology : ndarray of shape (n_samples,), dtype object
        ``"normal"``, ``"bacteria"``, ``"virus"``, or ``"unknown"`` for a name of no known scheme.

    See Also
    --------
    patient_ids : The patients, from the same names.

    Examples
    --------
    >>> from skpneumo.datasets import etiologies
    >>> etiologies(["IM-0115-0001.jpeg", "VIRUS-1075146-0001.jpeg", "scan.png"])
    array(['normal', 'virus', 'unknown'], dtype=object)
    """
    paths = check_paths(paths)
    found = np.empty(len(paths), dtype=object)
    for i, path in enumerate(paths):
        known = _match(path)
        if known is None:
            found[i] = "unknown"
        else:
            found[i] = (known["cause"] or known["mendeley"] or "normal").lower()
    return found


def _match(path: str) -> re.Match[str] | None:
    # Both separators, because path lists travel between operating systems.
    return _KNOWN_NAME.fullmatch(path, max(path.rfind("/"), path.rfind("\\")) + 1)
