from ._recall_first import recall_first
from ._searches import (
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
    "recall_first",
]
