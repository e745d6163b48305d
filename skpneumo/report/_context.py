"""Compute everything that the sections of a report need."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo._formatting import class_name, require_one_name_each
from skpneumo._predictions import Predictions
from skpneumo._responses import reasons_to_withhold
from skpneumo.evaluation import DominantPatientWarning, why_useless
from skpneumo.fitted import classes_of
from skpneumo.report._collection import Collection
from skpneumo.report._decisions import DecisionRule, predict_and_find_rule
from skpneumo.report._evaluation import Estimate, evaluation_of, read_subgroups
from skpneumo.report._explained import ExplainedModel, require_both_classes

if TYPE_CHECKING:
    import pandas as pd

    from skpneumo.audit import ImageAudit

__all__ = ["N_BINS", "ReportContext", "Settings"]

N_BINS = 10
"""Number of bins of the calibration error and of its figure."""


@dataclass(frozen=True)
class Settings:
    """Settings that the author of a report chose."""

    confidence_level: float
    n_resamples: int
    random_state: int
    date: str
    description: str
    provenance: Mapping[str, str]
    prevalence: float | None = None
    threshold_probability: float | None = None
    subgroups: Any = "etiology"
    skipped: "pd.DataFrame | None" = None
    seen_in_training: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class ReportContext:
    """A model, a collection, and the model's predictions for it.

    Attributes
    ----------
    names : tuple of two str
        Names of the negative and the positive class.
    label_names : dict of label to str
    found : dict of str to Estimate
        Metrics of all images.
    frame : pandas.DataFrame
        Metrics of all images and of subgroups, as returned by ``evaluate``.
    explained : ExplainedModel or None
        The model and images to explain, if any.
    dominant : str
        Warning about a patient who has most of the images; empty if there is none.
    withheld : ndarray of str or None
        Why the model's input gate withholds each image, empty for images that pass; None without a
        gate.
    """

    estimator: Any
    collection: Collection
    predictions: Predictions
    rule: DecisionRule
    names: tuple[str, str]
    label_names: dict[Any, str]
    found: dict[str, Estimate]
    frame: "pd.DataFrame"
    audit: "ImageAudit | None"
    settings: Settings
    explained: "ExplainedModel | None"
    dominant: str
    withheld: NDArray[np.object_] | None

    @classmethod
    def of(
        cls,
        estimator: Any,
        collection: Collection,
        settings: Settings,
        *,
        pos_label: Any,
        threshold: float | None,
        target_names: Sequence[str] | None,
        audit: "ImageAudit | bool",
        explain: bool = False,
    ) -> "ReportContext":
        """Predict, evaluate and audit."""
        rows = collection.rows
        label_names = _label_names(estimator, collection.labels, target_names)
        predictor, X = estimator, collection.evaluated()
        explained = None
        if explain:
            # Predicts from the images that are explained, so that files are read only once.
            explained = ExplainedModel.of(estimator, X, pos_label)
            predictor, X = explained.predictor, explained.predictor_input
        predictions, rule = predict_and_find_rule(
            predictor,
            X,
            collection.labels[rows],
            groups=collection.patients[rows],
            pos_label=pos_label,
            threshold=threshold,
        )
        if explained is not None:
            require_both_classes(predictions.positive)
            predictions = replace(
                predictions,
                filenames=None if collection.filenames is None else collection.filenames[rows],
            )
        withheld = reasons_to_withhold(estimator, collection.evaluated())
        frame, dominant = _evaluated(predictions, settings, rows, withheld)
        overall = frame[frame["subgroup"].eq("all")].drop(columns="subgroup")
        found = {row["metric"]: Estimate.from_row(row) for row in overall.to_dict("records")}
        positives = pos_label if isinstance(pos_label, list | tuple) else [predictions.pos_label]
        return cls(
            estimator=estimator,
            collection=collection,
            predictions=predictions,
            rule=rule,
            names=_sides(label_names, classes_of(estimator), positives),
            label_names=label_names,
            found=found,
            frame=frame,
            audit=_audited(collection, label_names, audit, settings.date),
            settings=settings,
            explained=explained,
            dominant=dominant,
            withheld=withheld,
        )

    @property
    def labels(self) -> NDArray[Any]:
        """The given labels of the evaluated images."""
        return self.collection.labels[self.collection.rows]

    @property
    def useless(self) -> str:
        """The reason why the model is useless; "" if it is not."""
        return why_useless(self.frame, names=self.names)

    def in_no_subgroup(self) -> dict[str, int]:
        """Count the evaluated images without an entry in each column of subgroups."""
        given = _of_rows(self.settings.subgroups, self.collection.rows)
        if given is None or isinstance(given, str):
            return {}
        columns = map(str, getattr(given, "columns", ["subgroup"]))
        names = read_subgroups(given, None, None)
        return {
            column: int((of_column == "").sum())
            for column, of_column in zip(columns, names, strict=True)
        }

    def subgroups(self) -> "pd.DataFrame":
        """Select the rows of ``frame`` that are about subgroups."""
        return self.frame[self.frame["subgroup"].ne("all")]


def _evaluated(
    predictions: Predictions,
    settings: Settings,
    rows: NDArray[np.intp],
    withheld: NDArray[np.object_] | None,
) -> tuple["pd.DataFrame", str]:
    """Evaluate the predictions; return the frame, and the warning about a dominant patient."""
    with warnings.catch_warnings(record=True) as caught:
        # The page itself explains undefined metrics and a dominant patient.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.simplefilter("always", DominantPatientWarning)
        frame = evaluation_of(
            replace(
                predictions,
                pos_label=True,
                withheld=None if withheld is None else np.asarray(withheld != "", dtype=bool),
            ),
            subgroups=_of_rows(settings.subgroups, rows),
            prevalence=settings.prevalence,
            threshold_probability=settings.threshold_probability,
            confidence_level=settings.confidence_level,
            n_resamples=settings.n_resamples,
            n_bins=N_BINS,
            random_state=settings.random_state,
        )
    return frame, _dominant_patient_warning(caught)


def _of_rows(subgroups: Any, rows: NDArray[np.intp]) -> Any:
    """Select the subgroups of some rows, if they are given by row."""
    if subgroups is None or isinstance(subgroups, str):
        return subgroups
    if hasattr(subgroups, "iloc"):
        return subgroups.iloc[rows]
    return np.asarray(subgroups, dtype=object)[rows]


def _dominant_patient_warning(caught: list[warnings.WarningMessage]) -> str:
    """Get the warning about a dominant patient, and issue all other warnings again."""
    said = ""
    for each in caught:
        if issubclass(each.category, DominantPatientWarning):
            said = str(each.message)
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return said


def _label_names(
    estimator: Any, labels: NDArray[Any], target_names: Sequence[str] | None
) -> dict[Any, str]:
    classes = classes_of(estimator)
    if target_names is None:
        return {label: class_name(label) for label in [*classes, *np.unique(labels).tolist()]}
    require_one_name_each(target_names, classes)
    unnamed = {label: class_name(label) for label in np.unique(labels).tolist()}
    return unnamed | dict(zip(classes, map(str, target_names), strict=True))


def _sides(
    label_names: dict[Any, str], classes: list[Any], positives: Sequence[Any]
) -> tuple[str, str]:
    """Join the names of the negative classes, and of the positive ones."""
    negative = [label_names[label] for label in classes if label not in positives]
    return " or ".join(negative), " or ".join(label_names[label] for label in positives)


def _audited(
    collection: Collection, label_names: dict[Any, str], audit: "ImageAudit | bool", date: str
) -> "ImageAudit | None":
    from skpneumo.audit import ImageAudit, audit_images

    if isinstance(audit, ImageAudit):
        if len(audit.frame) != len(collection.labels):
            raise ValueError(
                f"The audit has {len(audit.frame)} files, but X has {len(collection.labels)} "
                "rows. Pass an audit of the same collection, or audit=True."
            )
        return audit
    if not audit or collection.filenames is None:
        return None
    groups = None
    if collection.known.any() and not collection.patients_from.startswith("read"):
        groups = collection.patients.astype(object)
        groups[~collection.known] = None
    return audit_images(
        collection.filenames,
        [label_names[label] for label in collection.labels.tolist()],
        collection.split,
        groups=groups,
        date=date,
    )
