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
from typing import Any, ClassVar

from PIL import Image

from skpneumo._formatting import counted

__all__ = ["LibtiffErrors", "PillowWarnings"]

_MOST_NAMED = 3
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_LONGEST = 500  # bytes of a message


class PillowWarnings:
    """Collect the warnings of Pillow in a context, and issue one warning that names the files."""

    _lock = threading.Lock()
    _n_entered = 0
    _filters: Any = None
    _of_thread = threading.local()

    def __init__(self) -> None:
        self._messages: dict[str, str] = {}

    def __enter__(self) -> "PillowWarnings":
        # Filters are global to the process: the first thread sets them, the last restores them.
        with self._lock:
            if not PillowWarnings._n_entered:
                self._collect_warnings()
            PillowWarnings._n_entered += 1
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        with self._lock:
            PillowWarnings._n_entered -= 1
            if not PillowWarnings._n_entered:
                self._filters.__exit__(None, None, None)
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
        self._of_thread.messages = messages
        try:
            yield
        finally:
            self._of_thread.messages = None
        if messages:
            self._messages[path] = messages[0]

    @classmethod
    def _collect_warnings(cls) -> None:
        cls._filters = warnings.catch_warnings()
        cls._filters.__enter__()
        warnings.filterwarnings("always", module=r"PIL\.")
        show = warnings.showwarning

        def collect(message: Any, category: Any, *where: Any, **more: Any) -> None:
            messages = getattr(cls._of_thread, "messages", None)
            if messages is None:
                show(message, category, *where, **more)
            else:
                messages.append(str(message))

        warnings.showwarning = collect


class LibtiffErrors:
    """Collect the errors of libtiff in this thread while in the context.

    Attributes
    ----------
    messages : list of str
        The errors. Always empty if Pillow is linked with libtiff statically.
    """

    _lock = threading.Lock()
    _n_entered = 0
    _of_thread = threading.local()
    _before: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __enter__(self) -> "LibtiffErrors":
        self._of_thread.messages = self.messages
        with self._lock:
            if not LibtiffErrors._n_entered and (library := _libtiff()) is not None:
                set_handlers = library.TIFFSetErrorHandler, library.TIFFSetWarningHandler
                self._before[:] = [
                    (set_handler, set_handler(ctypes.cast(handler, ctypes.c_void_p)))
                    for set_handler, handler in zip(set_handlers, (_COLLECT, _IGNORE), strict=True)
                ]
            LibtiffErrors._n_entered += 1
        return self

    def __exit__(self, *_: Any) -> None:
        self._of_thread.messages = None
        with self._lock:
            LibtiffErrors._n_entered -= 1
            if not LibtiffErrors._n_entered:
                for set_handler, before in self._before:
                    set_handler(before)
                self._before.clear()


@_HANDLER  # type: ignore[untyped-decorator]
def _COLLECT(module: bytes | None, form: bytes | None, arguments: int | None) -> None:
    messages = getattr(LibtiffErrors._of_thread, "messages", None)
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
