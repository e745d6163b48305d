"""The error for models that cannot be exported to ONNX."""

__all__ = ["NotExportableError"]


class NotExportableError(ValueError):
    """A fitted model cannot be exported to ONNX, or only with other predictions.

    Examples
    --------
    The message names the part that cannot be exported:

    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skpneumo.persistence import NotExportableError, export_onnx
    >>> try:
    ...     export_onnx(GaussianNB().fit([[0.0], [1.0]], [0, 1]), "model.onnx")
    ... except NotExportableError as error:
    ...     print("GaussianNB" in str(error))
    True
    """
