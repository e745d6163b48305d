from ._classifier import OnnxClassifier
from ._export import export_onnx
from ._refusal import NotExportableError

__all__ = ["NotExportableError", "OnnxClassifier", "export_onnx"]
