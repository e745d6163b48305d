from .onnx import NotExportableError, OnnxClassifier, export_onnx

__all__ = ["NotExportableError", "OnnxClassifier", "export_onnx"]
