"""Use input gates in the commands."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skpneumo.cli._terminal import say

__all__ = ["gated", "report_withheld", "without_few_patients_warning"]


def gated(model: Any, false_alarm_rate: float | None) -> Any:
    """Wrap an unfitted model in an input gate; None leaves it as it is.

    The gate predicts nothing for an image that it withholds.
    """
    from skpneumo.decision import InputGate

    if false_alarm_rate is None:
        return model
    return InputGate(model, on_outlier="nan", false_alarm_rate=false_alarm_rate)


@contextmanager
def without_few_patients_warning() -> Iterator[None]:
    """Suppress the warning about too few patients: the terms, which are printed, repeat it."""
    from skpneumo.decision import FewPatientsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewPatientsWarning)
        yield


def report_withheld(n_unlike: int, n_images: int, answered: bool) -> None:
    """Say on standard error how many images a gate finds unlike, and whether they got answers."""
    if n_unlike:
        become = "predicted all the same, because the gate only warns" if answered else "withheld"
        say(
            f"skpneumo: {n_unlike} of {n_images} images are unlike the training images and were "
            f"{become}; their rows say why.",
            file=sys.stderr,
        )
