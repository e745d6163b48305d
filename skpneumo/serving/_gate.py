"""What an input gate says of images, for every answer of the server.

The only place that knows how a gate is asked.
"""

from collections.abc import Sequence
from typing import Any

from skpneumo._responses import reasons_to_withhold
from skpneumo.fitted import gate_of

__all__ = ["gate_answers", "gate_withholds"]


def gate_answers(estimator: Any, paths: Sequence[str]) -> list[dict[str, Any] | None]:
    """Say of each image whether it is like those of training.

    Parameters
    ----------
    estimator : fitted classifier
        With a gate or without.
    paths : sequence of str
        Images that can be read.

    Returns
    -------
    answers : list of dict or None
        With ``passed`` and ``reason``; None from an estimator without a gate.
    """
    reasons = reasons_to_withhold(estimator, paths)
    if reasons is None:
        return [None] * len(paths)
    return [{"passed": not reason, "reason": reason} for reason in reasons.tolist()]


def gate_withholds(estimator: Any) -> bool:
    """Whether nothing is answered about an image that does not pass, rather than a warning."""
    inner = gate_of(estimator)
    return inner is not None and inner.gate.on_outlier != "warn"
