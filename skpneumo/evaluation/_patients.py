"""Shares of patients, where the others are of images."""

import numpy as np

from skpneumo._predictions import Predictions
from skpneumo.evaluation._intervals import ClusteredEstimate, clustered_share

__all__ = ["share_of_patients_found"]


def share_of_patients_found(
    predictions: Predictions, confidence_level: float
) -> ClusteredEstimate:
    """Share of the positive patients all of whose positive images are called positive.

    What a recall floor is about. ``n`` counts patients, and with one value each the interval is
    Wilson's.
    """
    patient = predictions.patient[predictions.positive]
    ids, codes = np.unique(patient, return_inverse=True)
    if not len(ids):
        nobody = np.zeros(predictions.n_patients, dtype=bool)
        return clustered_share(nobody, nobody, np.arange(len(nobody)), confidence_level)
    missed = np.bincount(codes, ~predictions.predicted[predictions.positive]) > 0
    return clustered_share(
        ~missed, np.ones(len(ids), dtype=bool), np.arange(len(ids)), confidence_level
    )
