"""The features that the logits of a network are computed from."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skpneumo._settings import pinned
from skpneumo.classifiers._inputs import ImageInputMixin
from skpneumo.classifiers.engine._compiled import NetworkSpec, Weights
from skpneumo.classifiers.engine._prediction import extract_last_features


class LastFeaturesMixin(ImageInputMixin):
    """Mixin for the last features of a fitted network."""

    devices: int | str | None

    @abstractmethod
    def _parts(self) -> list[tuple[NetworkSpec, Weights]]:
        """Return the fitted network as parts that are applied in order."""

    @pinned
    def last_features(self, X: Any) -> NDArray[np.float32]:
        """Compute the output of the last layer before the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, channels) or (n_samples, n_features)
            Images of the shape seen in ``fit``.

        Returns
        -------
        features : ndarray of shape (n_samples, n_last_features)
            A row for each image, without test-time augmentation. The logits are a linear function
            of it.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        return extract_last_features(self._parts(), X, self.devices)
