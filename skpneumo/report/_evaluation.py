"""Private names of the evaluation stage that reports use."""

from skpneumo.evaluation._estimate import Estimate
from skpneumo.evaluation._evaluate import evaluation_of
from skpneumo.evaluation._intervals import ClusteredEstimate, clustered_share
from skpneumo.evaluation._metric_estimates import METRICS
from skpneumo.evaluation._subgroups import read_subgroups
from skpneumo.evaluation.displays._plot_evaluation import (
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
    "evaluation_of",
    "read_subgroups",
]
