"""The input gate on the command line."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skpneumo.cli._terminal import say

__all__ = ["gated", "report_withheld", "without_what_its_terms_say"]


def gated(model: Any, false_alarm_rate: float | None) -> Any:
    """Put an input gate around a model that is still to be fitted; None puts none.

    It answers nothing about an image that it withholds.
    """
    from skpneumo.decision import InputGate

    if false_alarm_rate is None:
        return model
    return InputGate(model, on_outlier="nan", false_alarm_rate=false_alarm_rate)


@contextmanager
def without_what_its_terms_say() -> Iterator[None]:
    """Leave out the warning of a gate's fit that its terms, which are printed, repeat."""
    from skpneumo.decision import FewPatientsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewPatientsWarning)
        yield


def report_withheld(n_withheld: int, n_images: int) -> None:
    """Say on standard error how many images were withheld, if any."""
    if n_withheld:
        say(
            f"skpneumo: {n_withheld} of {n_images} images are unlike those of training and were "
            "withheld; their rows say why.",
            file=sys.stderr,
        )
