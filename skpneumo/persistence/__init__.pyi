from ._model_file import load_model, read_provenance, save_model
from .onnx import NotExportableError, OnnxClassifier, export_onnx

__all__ = [
    "NotExportableError",
    "OnnxClassifier",
    "export_onnx",
    "load_model",
    "read_provenance",
    "save_model",
]
