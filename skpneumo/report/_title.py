"""The title of a report: the model, the data, and the day."""

from typing import Any

from skpneumo._formatting import counted
from skpneumo._paths import collection_name
from skpneumo.fitted import classifiers_of
from skpneumo.report._context import ReportContext

__all__ = ["title_of"]


def title_of(context: ReportContext) -> str:
    """The title in a line, such as "CNNClassifier on chest_xray (test), 2026-03-01"."""
    collection = context.collection
    part = f" ({collection.part})" if collection.part else ""
    model = _model(context.estimator)
    if file := context.settings.provenance.get("model file"):
        model = f"{file} ({model})"
    return f"{model} on {_data(context)}{part}, {context.settings.date}"


def _model(estimator: Any) -> str:
    """What decides, and what it decides by: a pipeline is called by its last step."""
    names = dict.fromkeys(type(each.classifier).__name__ for each in classifiers_of(estimator))
    outer = type(estimator).__name__
    inner = " and ".join(names)
    if not inner or outer in names:
        return outer
    return inner if outer.endswith("Pipeline") else f"{outer} of {inner}"


def _data(context: ReportContext) -> str:
    """The folder of the collection, else how many rows are evaluated."""
    filenames = context.collection.filenames
    if filenames is None:
        return counted(len(context.collection.rows), "row")
    inner = {*map(str, context.collection.split), *context.label_names.values()}
    return collection_name(filenames.tolist(), inner) or counted(
        len(context.collection.rows), "image"
    )
