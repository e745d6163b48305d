"""The weighted metrics are scikit-learn's, row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from skpneumo.evaluation._ranked_scores import RankedScores

# Coarse scores, so that ties are common.
scored_images = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        arrays(bool, n),
        arrays(float, n, elements=st.integers(0, 10).map(lambda k: k / 10)),
        arrays(float, (3, n), elements=st.integers(0, 4).map(float)),
    )
)


@settings(max_examples=50, deadline=None)
@given(scored_images)
def test_rank_metrics_are_scikit_learns_with_sample_weight(drawn):
    positive, score, weights = drawn
    ranked = RankedScores(positive, score)
    for row, auc, precision in zip(
        weights, ranked.roc_auc(weights), ranked.average_precision(weights), strict=True
    ):
        n_positive, n_negative = row[positive].sum(), row[~positive].sum()
        if n_positive and n_negative:
            assert auc == pytest.approx(roc_auc_score(positive, score, sample_weight=row))
        else:
            assert np.isnan(auc)
        if n_positive:
            expected = average_precision_score(positive, score, sample_weight=row)
            assert precision == pytest.approx(expected)
        else:
            assert np.isnan(precision)
