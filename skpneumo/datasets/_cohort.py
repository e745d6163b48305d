"""Patients of a synthetic collection: etiology, split and number."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


class Patient(NamedTuple):
    """A patient, unique by etiology and number."""

    etiology: str
    split: str
    number: int

    @property
    def class_folder(self) -> str:
        return "NORMAL" if self.etiology == "normal" else "PNEUMONIA"

    def file_name(self, k: int) -> str:
        """Name the k-th image; as published, numbers recur between series and etiologies."""
        if self.etiology != "normal":
            return f"person{self.number}_{self.etiology}_{self.number * 10 + k}.jpeg"
        series = "IM" if self.number % 2 else "NORMAL2-IM"
        return f"{series}-{(self.number + 1) // 2:04d}-{k + 1:04d}.jpeg"


def plan_cohort(
    rng: Generator,
    n_patients: int,
    weights: Sequence[float],
    val_fraction: float,
    test_fraction: float,
) -> list[Patient]:
    """Share the patients out among etiologies, and those of each class among the splits."""
    shares = _check_weights(weights)
    if val_fraction + test_fraction >= 1:
        raise ValueError(
            f"val_fraction={val_fraction} and test_fraction={test_fraction} leave no patients for "
            "training; their sum must be below 1."
        )
    fractions = {"test": test_fraction, "val": val_fraction}
    fractions = {split: fraction for split, fraction in fractions.items() if fraction > 0}
    sizes = _count_etiologies(n_patients, shares, n_splits=1 + len(fractions))
    numbers = {etiology: rng.permutation(n) + 1 for etiology, n in sizes.items()}
    patients = []
    for etiologies in (("normal",), ("bacteria", "virus")):
        # Evenly interleaved, so that any slice of them has both etiologies in proportion.
        queue = sorted(
            ((i + 0.5) / len(numbers[etiology]), etiology, int(number))
            for etiology in etiologies
            for i, number in enumerate(numbers[etiology])
        )
        patients += _divide([(etiology, number) for _, etiology, number in queue], fractions)
    return patients


def _check_weights(weights: Sequence[float]) -> NDArray[np.float64]:
    shares = np.asarray(weights, dtype=float)
    usable = np.isfinite(shares).all() and (shares >= 0).all() and shares.any()
    if shares.shape != (3,) or not usable:
        raise ValueError(
            "weights must be three shares (normal, bacteria, virus), none negative and not all "
            f"zero, got {weights!r}."
        )
    return shares


def _count_etiologies(
    n_patients: int, shares: NDArray[np.float64], n_splits: int
) -> dict[str, int]:
    """Round the shares to numbers of patients, with one of each class for every split."""
    n_classes = int(shares[0] > 0) + int(shares[1:].any())
    if n_patients < n_classes * n_splits:
        raise ValueError(
            f"n_patients={n_patients} is too few for {n_splits} splits with {n_classes} classes: "
            f"at least {n_classes * n_splits} are needed, or val_fraction=0 or test_fraction=0."
        )
    shares = shares / shares.sum()
    n_normal = round(shares[0] * n_patients)
    if n_classes == 2:
        n_normal = min(max(n_normal, n_splits), n_patients - n_splits)
    n_pneumonia = n_patients - n_normal
    n_bacteria = round(n_pneumonia * shares[1] / (shares[1:].sum() or 1))
    if shares[1:].all() and n_pneumonia > 1:
        n_bacteria = min(max(n_bacteria, 1), n_pneumonia - 1)
    return {"normal": n_normal, "bacteria": n_bacteria, "virus": n_pneumonia - n_bacteria}


def _divide(queue: Sequence[tuple[str, int]], fractions: Mapping[str, float]) -> list[Patient]:
    """Divide the patients of one class among the splits, with at least one in each."""
    patients = []
    begin = 0
    for n_served, (split, fraction) in enumerate(fractions.items(), start=1):
        n_splits_left = len(fractions) + 1 - n_served
        most = len(queue) - begin - n_splits_left
        end = begin + min(max(1, round(fraction * len(queue))), most)
        patients += [Patient(etiology, split, number) for etiology, number in queue[begin:end]]
        begin = end
    return patients + [Patient(etiology, "train", number) for etiology, number in queue[begin:]]
