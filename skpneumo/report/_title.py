"""Write the title of a report: the model, the data and the date."""

from typing import Any

from skpneumo._formatting import counted
from skpneumo._paths import collection_and_split
from skpneumo.fitted import classifiers_of
from skpneumo.report._context import ReportContext

__all__ = ["title_of"]


def title_of(context: ReportContext) -> str:
    """Write the title, such as "CNNClassifier on chest_xray (test), 2026-03-01"."""
    model = _model(context.estimator)
    if file := context.settings.provenance.get("model file"):
        model = f"{file} ({model})"
    data, folder = _data(context)
    split = context.collection.part or folder
    part = f" ({split})" if split else ""
    return f"{model} on {data}{part}, {context.settings.date}"


def _model(estimator: Any) -> str:
    """Name a model by its outer estimator and its classifiers; pipelines by their last step."""
    names = dict.fromkeys(type(each.classifier).__name__ for each in classifiers_of(estimator))
    outer = type(estimator).__name__
    inner = " and ".join(names)
    if not inner or outer in names:
        return outer
    return inner if outer.endswith("Pipeline") else f"{outer} of {inner}"


def _data(context: ReportContext) -> tuple[str, str]:
    """Name the data by the folder of the collection, or else by the number of rows; and the split.

    If all files are of one split or class, its folder is not the name of the collection.
    """
    collection = context.collection
    if collection.filenames is None:
        return counted(len(collection.rows), "row"), ""
    inner = {*map(str, collection.split), *context.label_names.values()}
    one_class = len(set(collection.labels.tolist())) == 1
    name, split = collection_and_split(collection.filenames.tolist(), inner, one_class)
    return name or counted(len(collection.rows), "image"), split
