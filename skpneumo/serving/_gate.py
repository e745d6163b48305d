"""What an input gate says of images, for every answer of the server.

The only place that knows how a gate is asked.
"""

from collections.abc import Sequence
from typing import Any

from skpneumo._responses import reasons_to_withhold
from skpneumo.fitted import gate_of

__all__ = ["gate_answers", "gate_facts", "withholds"]


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
    return [{"passed": not reason, "reason": str(reason)} for reason in reasons]


def withholds(estimator: Any) -> bool:
    """Whether nothing is said of images that do not pass; a gate may only warn."""
    inner = gate_of(estimator)
    return inner is not None and inner.gate.on_outlier != "warn"


def gate_facts(estimator: Any) -> dict[str, Any] | None:
    """What is known of the gate; None where there is none."""
    inner = gate_of(estimator)
    if inner is None:
        return None
    return {
        "false_alarm_rate": float(inner.gate.false_alarm_rate_),
        "withholds": withholds(estimator),
        "terms": inner.gate.terms_,
    }
