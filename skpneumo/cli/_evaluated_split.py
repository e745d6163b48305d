"""Audit and evaluate the split of a collection that a report or a card is about."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skpneumo.cli._collections import patients_given, rows_of, split_called
from skpneumo.cli._collections_for_models import read_for
from skpneumo.cli._options import CollectionOptions, asked_split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.utils import Bunch

    from skpneumo.report import EvaluationReport

__all__ = ["EvaluatedSplit", "read_evaluated_split"]


@dataclass(frozen=True)
class EvaluatedSplit:
    """A whole collection, and which of its splits is evaluated.

    Attributes
    ----------
    collection : Bunch
        All splits, because the audit looks for what the evaluated one shares with the others.
    split : str or None
        The split to evaluate; None evaluates all images.
    options : CollectionOptions
        How the collection was read.
    """

    collection: "Bunch"
    split: str | None
    options: CollectionOptions

    @property
    def rows(self) -> "NDArray[np.bool_]":
        """Mask of the images to evaluate."""
        import numpy as np

        if self.split is None:
            return np.full(len(self.collection.target), True)
        return self.collection.split == self.split

    @property
    def xrays(self) -> "Bunch":
        """The images to evaluate."""
        return rows_of(self.collection, self.rows)

    def labels(self, classes: Any) -> "NDArray[Any]":
        """Give the labels of the whole collection as a model has them."""
        import numpy as np

        return np.asarray(classes)[self.collection.target]

    def positives(self, classes: Any) -> list[Any]:
        """List the labels of the positive classes."""
        import numpy as np

        from skpneumo.cli._metrics_table import is_positive

        return np.asarray(classes)[is_positive(self.collection)].tolist()

    def report(self, estimator: Any, n_jobs: int | None, **options: Any) -> "EvaluationReport":
        """Audit the collection, and evaluate a model on the split.

        Parameters
        ----------
        estimator : fitted classifier
            The model.
        n_jobs : int or None
            Threads that read images for the audit.
        **options : dict
            Further parameters of :meth:`EvaluationReport.from_estimator`.
        """
        import numpy as np

        from skpneumo.audit import audit_images
        from skpneumo.report import EvaluationReport

        xrays = self.collection
        classes = np.asarray(estimator.classes_)
        positives = self.positives(classes)
        names = np.array(xrays.target_names, dtype=object)
        audited = audit_images(
            xrays.filenames,
            names[xrays.target].tolist(),
            xrays.split,
            groups=patients_given(xrays, self.options),
            skipped=xrays.skipped,
            n_jobs=n_jobs,
        )
        return EvaluationReport.from_estimator(
            estimator,
            xrays.filenames,
            self.labels(classes),
            split=xrays.split,
            part=self.split,
            groups=xrays.groups,
            pos_label=positives if len(classes) > 2 else positives[0],
            target_names=xrays.target_names,
            audit=audited,
            **options,
        )


def read_evaluated_split(
    estimator: Any, folder: Path | None, options: CollectionOptions
) -> EvaluatedSplit:
    """Read a whole collection, and find the split of it to evaluate.

    Raises
    ------
    ValueError
        If there is no such split.
    """
    everything = options
    wanted = None
    if not options.hold_out:
        column = None if options.table is None else options.split
        everything = replace(options, part="all", split=column)
        wanted = asked_split(options)
    xrays = read_for(estimator, folder, everything, "all", "both")
    asked = wanted or ("test" if any(xrays.split) else "all")
    if asked == "all":
        return EvaluatedSplit(xrays, None, options)
    split = split_called(asked, xrays)
    if split is None:
        there = ", ".join(sorted(map(repr, set(xrays.split) - {""}))) or "none"
        raise ValueError(f"There is no split {asked!r} to evaluate on; the splits are {there}.")
    return EvaluatedSplit(xrays, split, options)
