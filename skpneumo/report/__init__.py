"""The whole evaluation of a fitted model on one page, to be kept and handed on."""

from skpneumo.report._report import EvaluationReport

__all__ = ["EvaluationReport"]
