"""Split a collection by patient."""

from math import ceil
from typing import TYPE_CHECKING, Any

from skpneumo._formatting import counted

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = ["split_by_patient"]


def split_by_patient(xrays: "Bunch", share: float, random_state: int) -> "tuple[Any, Any]":
    """Return the rows of most patients, and those of a share of them that is held out.

    Examples
    --------
    >>> from skpneumo import make_chest_xray
    >>> from skpneumo.cli._patient_split import split_by_patient
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> rest, held_out = split_by_patient(xrays, 0.25, random_state=0)
    >>> set(xrays.groups[rest]) & set(xrays.groups[held_out])
    set()
    """
    import numpy as np

    from skpneumo import patient_train_test_split

    n_images = len(xrays.target)
    if ceil(share * n_images) >= n_images:
        raise ValueError(
            f"--hold-out {share:g} would hold out all of {counted(n_images, 'image')}. Hold out a "
            "smaller fraction."
        )
    rest, held_out, _, _ = patient_train_test_split(
        np.arange(n_images),
        xrays.target,
        groups=xrays.groups,
        test_size=share,
        random_state=random_state,
    )
    return rest, held_out
