"""Shared code of the classifiers that wrap another classifier."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import indexable

from skpneumo._documentation import DocumentationLinks
from skpneumo._log_probabilities import LogProbaMixin
from skpneumo._missing_labels import checked_labels
from skpneumo._sklearn import _routing_enabled

__all__ = [
    "BinaryWrapperMixin",
    "WrapperMixin",
    "check_samples",
    "fitted_in_task",
    "whole_or_not_fitted",
]

_Fit = TypeVar("_Fit", bound=Callable[..., Any])


class WrapperMixin(DocumentationLinks, LogProbaMixin):
    """Mixin that routes metadata to the wrapped ``estimator`` and accepts the same input."""

    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Route to the wrapped estimator what it requests, ``groups`` included.

        Returns
        -------
        routing : MetadataRouter
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def _params_of_estimator(self, fit_params: dict[str, Any], n_samples: int) -> dict[str, Any]:
        """Select the ``fit`` parameters of the wrapped estimator."""
        for name, given in fit_params.items():
            # With the length of a fold they would be passed on whole, to each of the folds.
            are_weights = name.split("__")[-1] == "sample_weight" and np.ndim(given) > 0
            if are_weights and len(given) != n_samples:
                raise ValueError(
                    f"There are {n_samples} samples, but {name} has {len(given)} entries. Pass "
                    "the weight of each sample, in the order of the samples."
                )
        if _routing_enabled():
            return process_routing(self, "fit", **fit_params).estimator.fit
        return fit_params

    def _copy_fitted_attributes(self, fitted: Any) -> None:
        """Copy the attributes that describe the classes and the input of a fitted estimator."""
        self.classes_ = fitted.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))


class BinaryWrapperMixin(WrapperMixin):
    """Mixin for wrappers of binary classifiers."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def whole_or_not_fitted(fit: _Fit) -> _Fit:
    """Wrap ``fit`` so that nothing is left of an earlier fit, nor of one that fails.

    A threshold or a positive label of one fit with the model of another gives wrong predictions.
    """

    @wraps(fit)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        # The names of the classes are given by users, before a fit or after it.
        _reset_fit(self, but="target_names_")
        try:
            return fit(self, *args, **kwargs)
        except BaseException:  # an interrupt too
            _reset_fit(self)
            raise

    return cast(_Fit, wrapped)


def _reset_fit(estimator: Any, but: str = "") -> None:
    for name in [each for each in vars(estimator) if each.endswith("_") and each != but]:
        delattr(estimator, name)


def check_samples(X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
    """Check that rows of ``X`` can be selected, and that there is one label for each."""
    if isinstance(X, Iterator):
        raise TypeError(
            f"Expected rows that can be selected and read again, got a {type(X).__name__}. Pass "
            "list(X)."
        )
    X, y = indexable(X, y)
    return X, checked_labels(y)


@contextmanager
def fitted_in_task(
    estimator: Any, X: Any, y: Any, fit_params: dict[str, Any], caller: Any, context: Any
) -> Iterator[Any]:
    """Fit an estimator as one task of the wrapper that calls it, under its callbacks.

    The task ends with the block, which stores or scores the fitted estimator, as in the searches
    of scikit-learn.
    """
    with context.propagate_callback_context(estimator):
        context.call_on_fit_task_begin(estimator=caller, X=X, y=y)
        fitted = estimator.fit(X, y, **fit_params)
    yield fitted
    context.call_on_fit_task_end(estimator=caller, X=X, y=y)
