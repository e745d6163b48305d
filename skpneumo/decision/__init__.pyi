from ._input_gate import FewPatientsWarning, InputGate, OutlierImageError, OutlierImageWarning
from ._operating_point import OperatingPoint, choose_operating_point
from ._prior_shift import AcquisitionShiftWarning, PriorShiftClassifier
from ._recall_floor import RecallFloorClassifier

__all__ = [
    "AcquisitionShiftWarning",
    "FewPatientsWarning",
    "InputGate",
    "OperatingPoint",
    "OutlierImageError",
    "OutlierImageWarning",
    "PriorShiftClassifier",
    "RecallFloorClassifier",
    "choose_operating_point",
]
