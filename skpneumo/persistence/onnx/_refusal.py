"""What is raised for a model that no ONNX file can be made of."""

__all__ = ["NotExportableError"]


class NotExportableError(ValueError):
    """A fitted model has a part that cannot be written to an ONNX file, or not faithfully."""
