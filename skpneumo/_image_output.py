"""Output of transformers that make images, which no frame can contain."""

from typing import Any, Self

__all__ = ["ImageOutputMixin"]


class ImageOutputMixin:
    """Mixin of transformers from paths or images to images, before ``TransformerMixin``.

    scikit-learn refuses ``set_output`` of a whole pipeline if one of its steps does not have it.
    """

    def set_output(self, *, transform: Any = None) -> Self:
        """Change nothing: images have no columns, so the output is never a frame.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored, as is scikit-learn's option ``transform_output``. Both configure other steps
            of a pipeline, such as a scaler of features.

        Returns
        -------
        self : estimator
        """
        return self
