"""From probabilities to decisions: an operating point with a recall floor, and referral."""

from skpneumo.decision._operating_point import OperatingPoint, choose_operating_point
from skpneumo.decision._recall_floor import RecallFloorClassifier, UnknownPatientsWarning

__all__ = [
    "OperatingPoint",
    "RecallFloorClassifier",
    "UnknownPatientsWarning",
    "choose_operating_point",
]
