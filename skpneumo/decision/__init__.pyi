from ._operating_point import OperatingPoint, choose_operating_point
from ._recall_floor import RecallFloorClassifier, UnknownPatientsWarning

__all__ = [
    "OperatingPoint",
    "RecallFloorClassifier",
    "UnknownPatientsWarning",
    "choose_operating_point",
]
