"""What the classifiers that decide by another one's probabilities share."""

from typing import Any

from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skpneumo._documentation import DocumentationLinks

__all__ = ["BinaryWrapperMixin"]


class BinaryWrapperMixin(DocumentationLinks):
    """Routes metadata to the ``estimator`` inside, and takes what it takes, of two classes."""

    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Metadata routing: ``groups`` stays here, the rest goes to the estimator.

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
        tags.classifier_tags.multi_class = False
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
