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
]
