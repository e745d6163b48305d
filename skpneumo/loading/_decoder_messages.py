"""Attribute messages of decoders to the files that they are about.

Pillow issues Python warnings that do not name the file, and libtiff writes to standard error.
While files are decoded, both are collected here, and the thread tells which file they are about.
"""

import ctypes
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from skpneumo._formatting import counted
from skpneumo._process_wide import process_wide

__all__ = ["PillowWarnings", "libtiff_errors"]

_MOST_NAMED = 3
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_LONGEST = 500  # bytes of a message
_of_thread = threading.local()  # the lists that collect the messages of this thread


class PillowWarnings:
    """Collect the warnings of Pillow in a context, and issue one warning that names the files."""

    def __init__(self) -> None:
        self._messages: dict[str, str] = {}

    def __enter__(self) -> "PillowWarnings":
        self._collecting = _collecting_warnings()
        self._collecting.__enter__()
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._collecting.__exit__(None, None, None)
        if self._messages and kind is None:
            named = [f"{path!r}: {text}" for path, text in self._messages.items()][:_MOST_NAMED]
            more = len(self._messages) - len(named)
            warnings.warn(
                f"Pillow warned about {counted(len(self._messages), 'image file')} but read "
                f"{'them' if len(self._messages) > 1 else 'it'}. {'; '.join(named)}"
                f"{f'; and about {more} more' if more else ''}.",
                UserWarning,
                stacklevel=3,
            )

    @contextmanager
    def about(self, path: str) -> Iterator[None]:
        """Attribute the warnings in this thread and context to a file.

        They are discarded if the file cannot be read, because the error says why.
        """
        messages: list[str] = []
        _of_thread.warnings = messages
        try:
            yield
        finally:
            _of_thread.warnings = None
        if messages:
            self._messages[path] = messages[0]


@process_wide
def _collecting_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("always", module=r"PIL\.")
        show = warnings.showwarning

        def collect(message: Any, category: Any, *where: Any, **more: Any) -> None:
            messages = getattr(_of_thread, "warnings", None)
            if messages is None:
                show(message, category, *where, **more)
            else:
                messages.append(str(message))

        warnings.showwarning = collect
        yield


@contextmanager
def libtiff_errors() -> Iterator[list[str]]:
    """Collect the errors of libtiff in this thread while in the context.

    There are none if Pillow is linked with libtiff statically.
    """
    messages: list[str] = []
    _of_thread.errors = messages
    try:
        with _collecting_errors():
            yield messages
    finally:
        _of_thread.errors = None


@process_wide
def _collecting_errors() -> Iterator[None]:
    if (library := _libtiff()) is None:
        yield
        return
    set_handlers = library.TIFFSetErrorHandler, library.TIFFSetWarningHandler
    before = [
        set_handler(ctypes.cast(handler, ctypes.c_void_p))
        for set_handler, handler in zip(set_handlers, (_COLLECT, _IGNORE), strict=True)
    ]
    yield
    for set_handler, handler in zip(set_handlers, before, strict=True):
        set_handler(handler)


@_HANDLER  # type: ignore[untyped-decorator]
def _COLLECT(module: bytes | None, form: bytes | None, arguments: int | None) -> None:
    messages = getattr(_of_thread, "errors", None)
    if messages is None:
        return
    text = ctypes.create_string_buffer(_LONGEST)
    ctypes.CDLL(None).vsnprintf(text, _LONGEST, form, ctypes.c_void_p(arguments))
    messages.append(text.value.decode("utf-8", "replace"))


@_HANDLER  # type: ignore[untyped-decorator]
def _IGNORE(module: bytes | None, form: bytes | None, arguments: int | None) -> None:
    """Ignore warnings, such as those about unknown tags, which do not concern pixels."""


@cache
def _libtiff() -> Any:
    """Return the shared library of libtiff that Pillow has loaded, or None."""
    if not hasattr(Image.core, "libtiff_version") and not hasattr(Image.core, "libtiff_decoder"):
        return None
    if sys.platform == "linux":
        maps = Path("/proc/self/maps").read_text(errors="replace")
        paths = [line.split(maxsplit=5)[-1] for line in maps.splitlines() if "libtiff" in line]
    elif sys.platform == "darwin":
        paths = [str(path) for path in Path(Image.__file__).parent.glob(".dylibs/libtiff*")]
    else:
        return None
    if not paths:
        return None
    library = ctypes.CDLL(paths[0])
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        function = getattr(library, name)
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    return library
