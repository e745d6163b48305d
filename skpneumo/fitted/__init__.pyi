from ._classifiers import InnerClassifier, classifiers_of, map_classifiers, unwrap
from ._gate import InnerGate, gate_of, without_gate
from ._threshold import DecisionThreshold, classes_of, positive_label, threshold_of
from ._transformers import split_transformers, transformers_of

__all__ = [
    "DecisionThreshold",
    "InnerClassifier",
    "InnerGate",
    "classes_of",
    "classifiers_of",
    "gate_of",
    "map_classifiers",
    "positive_label",
    "split_transformers",
    "threshold_of",
    "transformers_of",
    "unwrap",
    "without_gate",
]
