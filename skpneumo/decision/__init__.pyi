from ._operating_point import OperatingPoint, choose_operating_point
from ._prior_shift import AcquisitionShiftWarning, PriorShiftClassifier
from ._recall_floor import RecallFloorClassifier

__all__ = [
    "AcquisitionShiftWarning",
    "OperatingPoint",
    "PriorShiftClassifier",
    "RecallFloorClassifier",
    "choose_operating_point",
]
