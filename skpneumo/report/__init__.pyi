from ._model_card import model_card
from ._report import EvaluationReport

__all__ = [
    "EvaluationReport",
    "model_card",
]
