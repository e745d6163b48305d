"""Place a threshold between two scores, so that it equals no score of the sample.

A score is the same on every machine only up to rounding: ONNX and other runtimes add in another
order. A threshold that equals the score it was chosen by would then miss that very image.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["just_above", "just_below"]

# Distance from the score, relative to scores above 1. Probabilities of networks differ by up to
# 1e-6 between runtimes.
_CLEARANCE = 1e-5


def just_below(score: Any, scores: NDArray[Any]) -> Any:
    """Find a number below one of the scores, and nearer to it than to the next lower one.

    It is of the scores' own type, as any other number would be rounded when it is compared. It is
    the score itself if no score is lower, where a lower number may be no score at all, such as a
    negative probability, or if the next lower one is the next number of this type.
    """
    as_type = scores.dtype.type
    lower = scores[scores < score]
    if not len(lower):
        return score
    next_lower = lower.max()
    clear = score - as_type(_CLEARANCE) * max(as_type(1), abs(score))
    between = min(max(clear, score / 2 + next_lower / 2), np.nextafter(score, as_type(-np.inf)))
    return between if between > next_lower else score


def just_above(score: Any, scores: NDArray[Any]) -> Any:
    """Find a number above one of the scores, and at most the next higher one, as above."""
    nearest = np.nextafter(score, scores.dtype.type(np.inf))
    return max(nearest, -just_below(-score, -scores))
