"""What the classifiers that decide by another one's probabilities share."""

from typing import Any

from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)
from sklearn.utils.validation import has_fit_parameter

from skpneumo._documentation import DocumentationLinks
from skpneumo._sklearn import _routing_enabled

__all__ = ["BinaryWrapperMixin", "WrapperMixin", "fit_with_callbacks", "groups_for"]


class WrapperMixin(DocumentationLinks):
    """Routes metadata to the ``estimator`` inside, and takes what it takes."""

    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Metadata routing: the estimator gets what it requests, ``groups`` included.

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


class BinaryWrapperMixin(WrapperMixin):
    """The same for classifiers of two classes."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def groups_for(estimator: Any, groups: Any) -> dict[str, Any]:
    """Give the patients as an argument of the estimator's ``fit``, if it asks for them.

    It may hold images out for itself, and has no other way to know their patients than these and
    what X carries.
    """
    if groups is None:
        return {}
    asks = has_fit_parameter(estimator, "groups")
    if not asks and _routing_enabled():  # a step of a pipeline may
        asks = bool(get_routing_for_object(estimator).consumes("fit", ["groups"]))
    return {"groups": groups} if asks else {}


def fit_with_callbacks(
    estimator: Any, X: Any, y: Any, fit_params: dict[str, Any], caller: Any, context: Any
) -> Any:
    """Fit an estimator with the callbacks of the caller."""
    with context.propagate_callback_context(estimator):
        context.call_on_fit_task_begin(estimator=caller, X=X, y=y)
        return estimator.fit(X, y, **fit_params)
