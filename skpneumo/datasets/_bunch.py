"""Build the Bunch that all loaders return."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skpneumo._formatting import printable
from skpneumo._image_files import SkippedFile
from skpneumo._paths import text_frame
from skpneumo.datasets._file_names import Patients

__all__ = ["make_bunch"]


def make_bunch(
    *,
    filenames: NDArray[np.object_],
    target: NDArray[np.int64],
    target_names: Sequence[str],
    positive: Sequence[str],
    patients: Patients,
    etiology: NDArray[np.object_],
    split: NDArray[np.object_],
    root: str,
    descr: str,
    skipped: Sequence[SkippedFile] = (),
    extra_columns: Mapping[str, Any] | None = None,
) -> Bunch:
    """Put the columns of a collection into a Bunch with a frame and an X.

    ``extra_columns`` are added to the frame, after the columns that every collection has.
    """
    columns = {
        "filenames": filenames,
        "target": target,
        "groups": patients.ids,
        "etiology": etiology,
        "split": split,
    }
    X = {"path": filenames}
    if patients.known.any():
        X["patient"] = patients.ids.copy()
        X["patient"][~patients.known] = None
    return Bunch(
        X=text_frame(X),
        **columns,
        target_names=list(target_names),
        positive=list(positive),
        frame=text_frame({**columns, **(extra_columns or {})}),
        root=root,
        skipped=text_frame(
            {
                "path": [each.path for each in skipped],
                "reason": [each.reason for each in skipped],
            }
        ),
        DESCR=printable(descr),
    )
