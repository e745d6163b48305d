"""The networks as scikit-learn classifiers."""

from skpneumo.classifiers._cnn import CNNClassifier
from skpneumo.classifiers._transfer import TransferClassifier

__all__ = ["CNNClassifier", "TransferClassifier"]
