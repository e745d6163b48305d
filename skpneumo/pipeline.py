"""The pipeline: imbalanced-learn's, handed on because its steps may resample."""

from imblearn.pipeline import Pipeline, make_pipeline

__all__ = ["Pipeline", "make_pipeline"]
