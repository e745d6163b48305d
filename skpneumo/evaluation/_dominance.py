"""Warn if one patient has most of the images."""

import warnings

import numpy as np

from skpneumo._predictions import Predictions
from skpneumo._warning_lines import users_stacklevel
from skpneumo.evaluation._intervals import effective_size
from skpneumo.evaluation._sentences import notes

__all__ = ["DominantPatientWarning", "warn_of_dominant_patient"]

_MOST = 0.5
_FEWEST_IMAGES = 5


class DominantPatientWarning(UserWarning):
    """Warning that one patient has most of the images.

    Examples
    --------
    The column ``n_effective`` says how few patients the evaluation is worth:

    >>> import warnings
    >>> from skpneumo.evaluation import DominantPatientWarning, evaluate_predictions
    >>> y, patients = [0, 0, 1, 1, 1, 1, 1, 1], [1, 2, 3, 3, 3, 3, 3, 4]
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", DominantPatientWarning)
    ...     frame = evaluate_predictions(y, y_pred=y, groups=patients).set_index("metric")
    >>> frame.loc["recall", ["n", "n_patients", "n_effective"]].astype(float).round(1).to_list()
    [6.0, 2.0, 1.4]
    """


def warn_of_dominant_patient(predictions: Predictions) -> None:
    """Warn if one of several patients has more than half of all images, or of a class."""
    everything = np.ones(len(predictions), dtype=bool)
    for kind, rows in (
        ("", everything),
        ("positive ", predictions.positive),
        ("negative ", ~predictions.positive),
    ):
        sizes = np.bincount(predictions.patient[rows])
        n_patients = np.count_nonzero(sizes)
        if n_patients < 2:
            continue
        largest = int(sizes.max())
        if largest > _MOST * sizes.sum() and largest >= _FEWEST_IMAGES:
            (note,) = notes(
                dominant_patient={
                    "n_images": largest,
                    "n": int(sizes.sum()),
                    "kind": kind,
                    "n_effective": effective_size(sizes),
                }
            )
            warnings.warn(note, DominantPatientWarning, stacklevel=users_stacklevel())
            return
