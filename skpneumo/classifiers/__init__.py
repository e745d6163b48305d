"""The networks as scikit-learn classifiers."""

from skpneumo.classifiers._cnn import CNNClassifier

__all__ = ["CNNClassifier"]
