"""Whom a model was trained on, as its file remembers it: salted hashes, without names."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Seen", "TrainingRecord", "provenance_of"]

_KEY = "training record"
_DIGEST_SIZE = 8  # bytes: no two of a million images are mistaken for each other


def provenance_of(model: Any) -> dict[str, Any]:
    """Give what a model file says of where the model comes from; nothing if it says nothing."""
    provenance: dict[str, Any] = getattr(model, "provenance_", {})
    return provenance


@dataclass(frozen=True)
class Seen:
    """Which images a model was trained on: the image itself, or another of the same patient.

    ``unknown`` are those of which the latter cannot be told.
    """

    image: "NDArray[np.bool_]"
    patient: "NDArray[np.bool_]"
    unknown: "NDArray[np.bool_]"

    @property
    def either(self) -> "NDArray[np.bool_]":
        """Both together."""
        return self.image | self.patient


@dataclass(frozen=True)
class TrainingRecord:
    """What a model file remembers of its training.

    Attributes
    ----------
    images, patients : list of str
        Hashes of the files' contents, and of the names of those patients who are known. They
        are salted, so that the files of two models do not tell whether they share a patient.
    salt : str
        For both.
    n_images, n_patients : int
        How many there were.
    n_updates : int
        Updates of the weights.
    hold_out : float
        Share of the images that were held out; 0 if none were.
    useless : str
        Why the model is useless, as far as its training could tell; "" if it is not.
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
        """Remember a collection: its files, and the patients who are known."""
        contents = [_content(path) for path in xrays.filenames]
        # From the images alone, so that the same training makes the same file.
        salt = blake2b("".join(sorted(map(str, contents))).encode(), digest_size=16).hexdigest()
        return cls(
            sorted({_hashed(each, salt) for each in contents if each}),
            sorted({_hashed(each, salt) for each in _known(xrays.X)}),
            salt,
            len(xrays.filenames),
            len(set(xrays.groups.tolist())),
            n_updates,
            hold_out,
            useless,
        )

    @classmethod
    def from_dict(cls, provenance: dict[str, Any]) -> "TrainingRecord | None":
        """Read it from what a model file says; None if the file does not say."""
        known = provenance.get(_KEY)
        return None if known is None else cls(**known)

    def as_dict(self) -> dict[str, Any]:
        """Give it as a model file saves it: numbers and text."""
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
            [_is_given(each) and _hashed(str(each), self.salt) in of_patients for each in known]
        )
        # In training, too, some may not have been known.
        told = len(self.patients) >= self.n_patients
        is_unknown = np.array([not (told and _is_given(each)) for each in known])
        return Seen(is_image, is_patient, is_unknown & ~is_image & ~is_patient)


def _known(X: "pd.DataFrame") -> Iterable[str]:
    return [str(each) for each in X.get("patient", ()) if _is_given(each)]


def _is_given(patient: Any) -> bool:
    return patient is not None and patient == patient  # NaN is not


def _content(path: str) -> str:
    """Digest of a file; "" of one that cannot be read, which whoever decodes it reports."""
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).hexdigest()
    except OSError:
        return ""


def _hashed(text: str, salt: str) -> str:
    return blake2b(
        text.encode("utf-8", "surrogateescape"), key=bytes.fromhex(salt), digest_size=_DIGEST_SIZE
    ).hexdigest()
