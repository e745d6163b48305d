from ._classifier import OnnxClassifier
from ._errors import NotExportableError
from ._export import export_onnx

__all__ = ["NotExportableError", "OnnxClassifier", "export_onnx"]
