"""Import the packages of the extra ``onnx``."""

from importlib import import_module

__all__ = ["require_onnx"]


def require_onnx() -> None:
    """Import the packages that write and run ONNX files.

    Raises
    ------
    ImportError
        If one of them is not installed.
    """
    for name in ("onnx", "onnxruntime"):
        try:
            import_module(name)
        except ImportError as error:
            raise ImportError(
                f"ONNX files need the package {name}. Install it with: pip install "
                '"skpneumo[onnx]"'
            ) from error
