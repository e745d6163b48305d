"""The collection of a report, and the split of it that is evaluated."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from skpneumo._paths import carried_patients, filenames_of
from skpneumo._patients import find_patients, find_patients_and_warn
from skpneumo._sklearn import _safe_indexing
from skpneumo._typing import ArrayLike
from skpneumo.datasets import etiologies

if TYPE_CHECKING:
    import pandas as pd

    from skpneumo.audit import ImageAudit

__all__ = ["Collection"]


@dataclass(frozen=True)
class Collection:
    """A labelled collection, and which of its rows are evaluated.

    Attributes
    ----------
    X : array-like of length n_images
        Paths, images or features.
    labels : ndarray of shape (n_images,)
        The given labels.
    split : ndarray of str, shape (n_images,)
        Split of each row; "" if there are no splits.
    patients : ndarray of shape (n_images,)
        Patient of each row; unknown ones count as one patient each.
    filenames : ndarray of str, shape (n_images,), or None
    patients_from : str
        Where the patients are known from.
    part : str or None
        The evaluated split; None for all rows.
    known : ndarray of bool, shape (n_images,)
        Whether the patient of each row is known.
    """

    X: Any
    labels: NDArray[Any]
    split: NDArray[np.object_]
    patients: NDArray[Any]
    filenames: NDArray[np.object_] | None
    patients_from: str
    part: str | None
    known: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        X: Any,
        y: ArrayLike,
        split: ArrayLike | None,
        groups: ArrayLike | None,
        part: str | None,
    ) -> "Collection":
        """Check that there is a label for each row, and that the split has rows."""
        labels: NDArray[Any] = column_or_1d(y)
        check_consistent_length(X, labels, split, groups)
        parts = np.full(len(labels), "", dtype=object)
        if split is not None:
            parts[:] = [str(each) for each in column_or_1d(split)]
        if split is None or not any(parts):
            part = None
        elif part is not None and part not in parts:
            raise ValueError(
                f"split has no {part!r}, the part to evaluate. Pass one of {sorted(set(parts))} "
                "as part, or None for all rows."
            )
        filenames = filenames_of(X)
        patients, known = find_patients_and_warn(X, len(labels), groups)
        patients_from = _source_of_patients(X, patients, known, groups, filenames)
        if not known.any():
            patients_from = "unknown: each row counts as one"
        elif not known.all():
            patients_from += f"; unknown of {np.sum(~known)}, each of which counts as one"
        return cls(
            X=X,
            labels=labels,
            split=parts,
            patients=patients,
            filenames=filenames,
            patients_from=patients_from,
            part=part,
            known=known,
        )

    @property
    def n_unknown_patients(self) -> int:
        """Number of rows whose patient is not known."""
        return int(np.sum(~self.known))

    @property
    def is_evaluated(self) -> NDArray[np.bool_]:
        """Whether each row is evaluated."""
        if self.part is None:
            return np.ones(len(self.labels), dtype=bool)
        return self.split == self.part

    @property
    def rows(self) -> NDArray[np.intp]:
        """The evaluated rows."""
        return np.flatnonzero(self.is_evaluated)

    def evaluated(self) -> Any:
        """Select the evaluated rows of X."""
        return self.X if self.part is None else _safe_indexing(self.X, self.rows)

    def counts(self, names: dict[Any, str]) -> "pd.DataFrame":
        """Count images and patients by split, class and etiology."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "split": self.split,
                "class": [names[label] for label in self.labels.tolist()],
                "etiology": "unknown" if self.filenames is None else etiologies(self.filenames),
                "patient": self.patients,
            }
        )
        known = [
            column
            for column in ("split", "class", "etiology")
            if column == "class" or not frame[column].isin(["", "unknown"]).all()
        ]
        frame["split"] = pd.Categorical(frame["split"], sorted(set(self.split), key=_order))
        grouped = frame.groupby(known, observed=True)
        return grouped.agg(
            images=("patient", "size"), patients=("patient", "nunique")
        ).reset_index()

    def relations(self, audit: "ImageAudit | None") -> "pd.DataFrame":
        """Describe the splits, and what each has in common with the evaluated one."""
        import pandas as pd

        tested = self.is_evaluated
        records = []
        for part in sorted(set(self.split), key=_order):
            members = self.split == part
            record: dict[str, Any] = {
                "part": part or "(no split)",
                "role": "evaluated here" if tested[members].all() else "not evaluated here",
                "images": int(members.sum()),
                "patients": len(np.unique(self.patients[members])),
            }
            if not tested.all():
                other = not tested[members].all()
                record["patients shared"] = (
                    _common(self.patients, members, tested) if other else None
                )
                if audit is not None:
                    record["identical images shared"] = (
                        _common(audit.frame["content"].to_numpy(object), members, tested)
                        if other
                        else None
                    )
            records.append(record)
        return pd.DataFrame(records).convert_dtypes()

    def shared_patients(self) -> int:
        """Count the evaluated patients who also have images in another split."""
        return _common(self.patients, ~self.is_evaluated, self.is_evaluated)


def _source_of_patients(
    X: Any,
    patients: NDArray[Any],
    known: NDArray[np.bool_],
    groups: ArrayLike | None,
    filenames: NDArray[np.object_] | None,
) -> str:
    """Tell where the patients are known from; loaders also read them from file names."""
    given = groups is not None or carried_patients(X) is not None
    if given and filenames is not None:
        read, readable, _ = find_patients(filenames, len(filenames), None)
        given = not (np.array_equal(known, readable) and _same_partition(patients, read))
    return "given with the data" if given else "read from the file names"


def _same_partition(some: NDArray[Any], others: NDArray[Any]) -> bool:
    """Tell whether two arrays of names group the rows in the same way."""
    pairs = len(set(zip(some.tolist(), others.tolist(), strict=True)))
    return pairs == len(set(some.tolist())) == len(set(others.tolist()))


def _common(values: NDArray[Any], some: NDArray[np.bool_], others: NDArray[np.bool_]) -> int:
    """Count the values that both sets of rows have."""
    both = set(values[some].tolist()) & set(values[others].tolist())
    return sum(each is not None and each == each for each in both)


def _order(part: str) -> tuple[int, str]:
    known = ("train", "val", "test")
    return (known.index(part) if part in known else len(known), part)
