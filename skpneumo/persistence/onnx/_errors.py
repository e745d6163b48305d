"""The error for models that cannot be exported to ONNX."""

__all__ = ["NotExportableError"]


class NotExportableError(ValueError):
    """A fitted model cannot be exported to ONNX, or only with other predictions."""
