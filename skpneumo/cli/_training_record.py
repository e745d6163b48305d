"""Record in a model file, as salted hashes without names, what the model was trained on."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from skpneumo._spellings import folded

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Seen", "TrainingRecord", "provenance_of"]

_KEY = "training record"
_DIGEST_SIZE = 8  # bytes: enough to tell a million images apart


def provenance_of(model: Any) -> dict[str, Any]:
    """Get the provenance that is saved with a model; empty if there is none."""
    provenance: dict[str, Any] = getattr(model, "provenance_", {})
    return provenance


@dataclass(frozen=True)
class Seen:
    """Masks of the images that a model was trained on, and of those of the same patients.

    ``unknown`` is the mask of the images whose patients are not known.
    """

    image: "NDArray[np.bool_]"
    patient: "NDArray[np.bool_]"
    unknown: "NDArray[np.bool_]"

    @property
    def either(self) -> "NDArray[np.bool_]":
        """Images that were trained on, or whose patient was."""
        return self.image | self.patient


@dataclass(frozen=True)
class TrainingRecord:
    """Record of a model's training data.

    Attributes
    ----------
    images, patients : list of str
        Hashes of the contents of the files, and of the names of the known patients, without case,
        spaces and leading zeros, which another table may write differently. They are salted, so
        that the files of two models do not reveal whether they share a patient.
    salt : str
        Salt of both.
    n_images, n_patients : int
        Number of images and of patients.
    n_updates : int
        Number of updates of the weights.
    hold_out : float
        Share of the images that were held out; 0 if none were.
    useless : str
        Why the model is useless, as far as was known after training; "" if it is not.
    """

    images: list[str]
    patients: list[str]
    salt: str
    n_images: int
    n_patients: int
    n_updates: int
    hold_out: float
    useless: str = ""

    @classmethod
    def of(cls, xrays: Any, *, n_updates: int, hold_out: float, useless: str) -> "TrainingRecord":
        """Record a collection: its files and its known patients."""
        contents = [_content(path) for path in xrays.filenames]
        # Computed from the images, so that the same training writes the same file.
        salt = blake2b("".join(sorted(map(str, contents))).encode(), digest_size=16).hexdigest()
        return cls(
            images=sorted({_hashed(each, salt) for each in contents if each}),
            patients=sorted({_hashed(folded(each), salt) for each in _known(xrays.X)}),
            salt=salt,
            n_images=len(xrays.filenames),
            n_patients=len(set(xrays.groups.tolist())),
            n_updates=n_updates,
            hold_out=hold_out,
            useless=useless,
        )

    @classmethod
    def from_dict(cls, provenance: dict[str, Any]) -> "TrainingRecord | None":
        """Read the record from a model's provenance; None if it has none."""
        known = provenance.get(_KEY)
        return None if known is None else cls(**known)

    def as_dict(self) -> dict[str, Any]:
        """Convert the record to numbers and text for a model file."""
        return {_KEY: asdict(self)}

    def seen(self, paths: Sequence[str], patients: "pd.Series[Any] | None") -> Seen:
        """Find which of these images, or their patients, the model was trained on."""
        import numpy as np

        images, of_patients = set(self.images), set(self.patients)
        contents = (_content(path) for path in paths)
        known = [None] * len(paths) if patients is None else patients.tolist()
        is_image = np.array(
            [each != "" and _hashed(each, self.salt) in images for each in contents]
        )
        is_patient = np.array(
            [_is_given(each) and not of_patients.isdisjoint(self._hashes(each)) for each in known]
        )
        # In training, too, some may not have been known.
        told = len(self.patients) >= self.n_patients
        is_unknown = np.array([not (told and _is_given(each)) for each in known])
        return Seen(is_image, is_patient, is_unknown & ~is_image & ~is_patient)

    def _hashes(self, patient: Any) -> set[str]:
        # The model that ships records the names as they are.
        return {_hashed(each, self.salt) for each in (folded(patient), str(patient))}


def _known(X: "pd.DataFrame") -> Iterable[str]:
    return [str(each) for each in X.get("patient", ()) if _is_given(each)]


def _is_given(patient: Any) -> bool:
    return patient is not None and patient == patient  # NaN is not


def _content(path: str) -> str:
    """Hash the contents of a file; "" if it cannot be read, which decoding it reports."""
    if not os.path.isfile(path):  # opening a pipe waits for a writer, and devices have no end
        return ""
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).hexdigest()
    except (OSError, MemoryError):
        return ""


def _hashed(text: str, salt: str) -> str:
    return blake2b(
        text.encode("utf-8", "surrogateescape"), key=bytes.fromhex(salt), digest_size=_DIGEST_SIZE
    ).hexdigest()
