"""Private names of the evaluation stage that reports use."""

from skpneumo.evaluation._estimates import METRICS, Estimate
from skpneumo.evaluation._intervals import ClusteredEstimate, clustered_share
from skpneumo.evaluation.displays._standard import (
    are_separated,
    draw_calibration,
    draw_confusion,
    draw_curves,
)

__all__ = [
    "METRICS",
    "ClusteredEstimate",
    "Estimate",
    "are_separated",
    "clustered_share",
    "draw_calibration",
    "draw_confusion",
    "draw_curves",
]
