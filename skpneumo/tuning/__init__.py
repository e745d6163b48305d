"""Searches that know about epochs, memory and resuming."""

from skpneumo.tuning._searches import (
    ResumableGridSearchCV,
    ResumableHalvingGridSearchCV,
    ResumableHalvingRandomSearchCV,
    ResumableRandomizedSearchCV,
)

__all__ = [
    "ResumableGridSearchCV",
    "ResumableHalvingGridSearchCV",
    "ResumableHalvingRandomSearchCV",
    "ResumableRandomizedSearchCV",
]
