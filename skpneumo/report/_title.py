"""Write the title of a report: the model, the data and the date."""

from typing import Any

from skpneumo._formatting import counted
from skpneumo._paths import collection_name
from skpneumo.fitted import classifiers_of
from skpneumo.report._context import ReportContext

__all__ = ["title_of"]


def title_of(context: ReportContext) -> str:
    """Write the title, such as "CNNClassifier on chest_xray (test), 2026-03-01"."""
    collection = context.collection
    part = f" ({collection.part})" if collection.part else ""
    model = _model(context.estimator)
    if file := context.settings.provenance.get("model file"):
        model = f"{file} ({model})"
    return f"{model} on {_data(context)}{part}, {context.settings.date}"


def _model(estimator: Any) -> str:
    """Name a model by its outer estimator and its classifiers; pipelines by their last step."""
    names = dict.fromkeys(type(each.classifier).__name__ for each in classifiers_of(estimator))
    outer = type(estimator).__name__
    inner = " and ".join(names)
    if not inner or outer in names:
        return outer
    return inner if outer.endswith("Pipeline") else f"{outer} of {inner}"


def _data(context: ReportContext) -> str:
    """Name the data by the folder of the collection, or else by the number of rows."""
    filenames = context.collection.filenames
    if filenames is None:
        return counted(len(context.collection.rows), "row")
    # If all files are of one split or class, its folder is not the name of the collection.
    inner = {*map(str, context.collection.split), *context.label_names.values()}
    return collection_name(filenames.tolist(), inner) or counted(
        len(context.collection.rows), "image"
    )
