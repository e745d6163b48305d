"""Estimate the share of patients, rather than images, that are found."""

import numpy as np

from skpneumo._predictions import Predictions
from skpneumo.evaluation._intervals import ClusteredEstimate, clustered_share

__all__ = ["share_of_patients_found"]


def share_of_patients_found(
    predictions: Predictions, confidence_level: float
) -> ClusteredEstimate:
    """Estimate the share of positive patients whose positive images are all predicted positive.

    This is the recall that a recall floor guarantees. ``n`` counts patients, and the interval is
    Wilson's, as each patient has one value.
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
