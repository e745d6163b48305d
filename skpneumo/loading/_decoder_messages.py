"""What decoders say of a file, with its name in place of nowhere.

Pillow warns by Python's warnings, which do not say of which file. libtiff writes to standard
error. Both are heard here for as long as files are decoded, and told apart by their threads.
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
_MESSAGE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_LONGEST = 500


class PillowWarnings:
    """Collects what Pillow warns of while it is entered, and warns of it with the files' names."""

    _lock = threading.Lock()
    _n_entered = 0
    _filters: Any = None
    _of_thread = threading.local()

    def __init__(self) -> None:
        self._heard: dict[str, str] = {}

    def __enter__(self) -> "PillowWarnings":
        # Filters are those of the process: the first thread sets them, the last restores them.
        with self._lock:
            if not PillowWarnings._n_entered:
                self._listen()
            PillowWarnings._n_entered += 1
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        with self._lock:
            PillowWarnings._n_entered -= 1
            if not PillowWarnings._n_entered:
                self._filters.__exit__(None, None, None)
        if self._heard and kind is None:
            named = [f"{path!r}: {text}" for path, text in self._heard.items()][:_MOST_NAMED]
            more = len(self._heard) - len(named)
            warnings.warn(
                f"Pillow warned of {counted(len(self._heard), 'image file')} but read "
                f"{'them' if len(self._heard) > 1 else 'it'}. {'; '.join(named)}"
                f"{f'; and of {more} more' if more else ''}.",
                UserWarning,
                stacklevel=3,
            )

    @contextmanager
    def of(self, path: str) -> Iterator[None]:
        """Take what this thread is warned of meanwhile for what is said of a file.

        It is nothing to add to the error of a file that cannot be read.
        """
        heard: list[str] = []
        self._of_thread.heard = heard
        try:
            yield
        finally:
            self._of_thread.heard = None
        if heard:
            self._heard[path] = heard[0]

    @classmethod
    def _listen(cls) -> None:
        cls._filters = warnings.catch_warnings()
        cls._filters.__enter__()
        warnings.filterwarnings("always", module=r"PIL\.")
        show = warnings.showwarning

        def hear(message: Any, category: Any, *where: Any, **more: Any) -> None:
            heard = getattr(cls._of_thread, "heard", None)
            if heard is None:
                show(message, category, *where, **more)
            else:
                heard.append(str(message))

        warnings.showwarning = hear


class LibtiffErrors:
    """Hears the errors of libtiff in this thread while it is entered.

    Attributes
    ----------
    heard : list of str
        What it said. Always empty where Pillow has libtiff inside, so that it cannot be asked.
    """

    _lock = threading.Lock()
    _n_entered = 0
    _of_thread = threading.local()
    _before: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __enter__(self) -> "LibtiffErrors":
        self._of_thread.heard = self.heard
        with self._lock:
            if not LibtiffErrors._n_entered and (library := _libtiff()) is not None:
                set_handlers = library.TIFFSetErrorHandler, library.TIFFSetWarningHandler
                self._before[:] = [
                    (set_handler, set_handler(ctypes.cast(handler, ctypes.c_void_p)))
                    for set_handler, handler in zip(set_handlers, (_HEAR, _IGNORE), strict=True)
                ]
            LibtiffErrors._n_entered += 1
        return self

    def __exit__(self, *_: Any) -> None:
        self._of_thread.heard = None
        with self._lock:
            LibtiffErrors._n_entered -= 1
            if not LibtiffErrors._n_entered:
                for set_handler, before in self._before:
                    set_handler(before)
                self._before.clear()


@_MESSAGE  # type: ignore[untyped-decorator]
def _HEAR(module: bytes | None, form: bytes | None, arguments: int | None) -> None:
    heard = getattr(LibtiffErrors._of_thread, "heard", None)
    if heard is None:
        return
    text = ctypes.create_string_buffer(_LONGEST)
    ctypes.CDLL(None).vsnprintf(text, _LONGEST, form, ctypes.c_void_p(arguments))
    heard.append(text.value.decode("utf-8", "replace"))


@_MESSAGE  # type: ignore[untyped-decorator]
def _IGNORE(module: bytes | None, form: bytes | None, arguments: int | None) -> None:
    """A tag that libtiff does not know, and the like: nothing about pixels."""


@cache
def _libtiff() -> Any:
    """The library that Pillow has loaded, where it is one of its own."""
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
