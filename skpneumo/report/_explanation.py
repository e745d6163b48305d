"""Write the section about what the model looks at."""

import numpy as np

from skpneumo.report._context import ReportContext
from skpneumo.report._explained import section_html
from skpneumo.report._markup import Section

__all__ = ["explanation"]


def explanation(context: ReportContext) -> list[Section]:
    """Write the section, if it was asked for."""
    explained = context.explained
    if explained is None:
        return []
    body = section_html(
        context.estimator,
        context.collection.evaluated(),
        explained.model,
        explained.images,
        context.predictions,
        threshold=context.rule.threshold,
        target_name=context.names[1],
        truth=[context.label_names[label] for label in np.asarray(context.labels).tolist()],
        random_state=context.settings.random_state,
    )
    return [Section("explanation", "What the model looks at", body)]
