from ._cnn import CNNClassifier
from ._transfer import TransferClassifier

__all__ = [
    "CNNClassifier",
    "TransferClassifier",
]
