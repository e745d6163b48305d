from ._report import EvaluationReport

__all__ = [
    "EvaluationReport",
]
