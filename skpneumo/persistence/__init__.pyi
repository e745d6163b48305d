from ._model_file import load_model, read_provenance, save_model

__all__ = ["load_model", "read_provenance", "save_model"]
