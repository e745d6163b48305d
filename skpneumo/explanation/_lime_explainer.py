"""lime's explainer without its progress bar. Imported only if lime is installed."""

from collections.abc import Callable
from typing import Any

import numpy as np
from lime.lime_image import LimeImageExplainer
from numpy.typing import NDArray
from sklearn.utils import gen_batches

__all__ = ["QuietExplainer"]


class QuietExplainer(LimeImageExplainer):
    """lime's explainer that predicts in batches.

    lime's own explainer shows a progress bar that cannot be turned off, and hides superpixels one
    by one in Python. The samples and the fit are unchanged.
    """

    def data_labels(
        self,
        image: NDArray[Any],
        fudged_image: NDArray[Any],
        segments: NDArray[np.intp],
        classifier_fn: Callable[[NDArray[Any]], NDArray[np.float64]],
        num_samples: int,
        batch_size: int = 10,
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Hide random superpixels and predict; the first row hides none."""
        data = self.random_state.randint(0, 2, (num_samples, segments.max() + 1))
        data[0] = 1
        labels = []
        for rows in gen_batches(num_samples, batch_size):
            seen = data[rows][:, segments].astype(bool)
            labels.append(classifier_fn(np.where(seen[..., np.newaxis], image, fudged_image)))
        return data, np.concatenate(labels)
