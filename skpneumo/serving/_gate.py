"""Report the results of an input gate in the answers of the server.

No other module of this stage uses gates directly.
"""

from collections.abc import Sequence
from typing import Any

from skpneumo._responses import reasons_to_withhold
from skpneumo.fitted import gate_of

__all__ = ["gate_answers", "gate_facts", "withholds"]


def gate_answers(estimator: Any, paths: Sequence[str]) -> list[dict[str, Any] | None]:
    """Report for each image whether it is like the training images.

    Parameters
    ----------
    estimator : fitted classifier
        With or without a gate.
    paths : sequence of str
        Readable images.

    Returns
    -------
    answers : list of dict or None
        Dicts of ``passed`` and ``reason``; None without a gate.
    """
    reasons = reasons_to_withhold(estimator, paths)
    if reasons is None:
        return [None] * len(paths)
    return [{"passed": not reason, "reason": str(reason)} for reason in reasons]


def withholds(estimator: Any) -> bool:
    """Tell whether images that do not pass get no prediction; a gate may only warn."""
    inner = gate_of(estimator)
    return inner is not None and inner.gate.on_outlier != "warn"


def gate_facts(estimator: Any) -> dict[str, Any] | None:
    """Describe the gate; None if there is none."""
    inner = gate_of(estimator)
    if inner is None:
        return None
    return {
        "false_alarm_rate": float(inner.gate.false_alarm_rate_),
        "withholds": withholds(estimator),
        "terms": inner.gate.terms_,
    }
