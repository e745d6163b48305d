"""Write the zip archive of a model completely, and read it within limits.

Nothing in it is compressed, so reading a file never needs more memory than a few times its size,
whatever its contents. No name in it is used as a path.
"""

import hashlib
import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

from skpneumo._encoding import Arrays, read_json
from skpneumo._files import atomic_write
from skpneumo._machine import require_memory

__all__ = ["FORMAT", "PROVENANCE", "ModelArchive", "write_archive"]

FORMAT = 1
"""Number of the format; increased if an older version could misread a newer file."""

MANIFEST, MODEL, ARRAYS, PROVENANCE = (
    "manifest.json", "model.json", "arrays.safetensors", "provenance.json",
)  # fmt: skip

_LARGEST_FILE = 4 * 10**9  # bytes; the largest backbone of Keras needs 1.4e9
_LARGEST_DIRECTORY = 1024
# Largest number of bytes and of entries of each text member.
_LIMITS = {
    MANIFEST: (10**4, 200),
    MODEL: (4 * 10**6, 3 * 10**5),
    PROVENANCE: (16 * 10**6, 10**6),
}
# Copies of the file in memory: its members, the arrays, and a copy of an array.
_COPIES = 3

# Records at the end of a zip archive, APPNOTE.TXT 4.3.15 and 4.3.16.
_END, _END_SIZE = b"PK\x05\x06", 22
_LONG_END, _LONG_END_SIZE = b"PK\x06\x07", 20
# Errors raised by reading a damaged archive; RuntimeError if it is encrypted.
_DAMAGE = (
    zipfile.BadZipFile, ArithmeticError, EOFError, LookupError, OSError, RuntimeError, ValueError,
    struct.error,
)  # fmt: skip
# A constant date, so that the same model gives the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_archive(
    path: str | os.PathLike[str],
    model: Any,
    arrays: Arrays,
    provenance: Any,
    versions: Mapping[str, str],
) -> None:
    """Write an archive, completely or not at all.

    Raises
    ------
    ValueError
        If a member is larger than the limits of reading.
    """
    from safetensors.numpy import save

    members = {MODEL: _json_of(model, MODEL), ARRAYS: save(arrays)}
    if provenance is not None:
        members[PROVENANCE] = _json_of(provenance, PROVENANCE)
    manifest = {
        "format": FORMAT,
        "versions": dict(versions),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    if (n_bytes := sum(map(len, members.values()))) > _LARGEST_FILE:
        raise ValueError(f"the model has {n_bytes / 1e9:.2g} GB, but a file can have at most 4 GB")
    with (
        atomic_write(path, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive,
    ):
        for name, data in {MANIFEST: _json_of(manifest, MANIFEST), **members}.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


def _json_of(content: Any, name: str) -> bytes:
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    most_bytes, most_entries = _LIMITS[name]
    try:
        read_json(data, most_bytes=most_bytes, most_entries=most_entries)
    except ValueError as error:
        raise ValueError(f"{name} of the file could not be read again: {error}") from error
    return data


class ModelArchive:
    """The members of an archive, checked against their digests.

    Parameters
    ----------
    path : str or path-like
        The file.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not an archive of a model, or has a later format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe may block, and a device has no end
            raise ValueError("it is not a regular file")
        with open(path, "rb") as file:
            n_bytes = os.fstat(file.fileno()).st_size
            if n_bytes > _LARGEST_FILE:
                raise ValueError(f"it has {n_bytes / 1e9:.2g} GB, but at most 4 GB are read")
            require_memory(_COPIES * n_bytes, "Loading the model", "Close other programs.")
            data = file.read(n_bytes)
        _check_directory(data)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                _check_members(archive.infolist(), len(data))
                self._members = {each.filename: archive.read(each) for each in archive.infolist()}
        except _Refused:
            raise
        except _DAMAGE as error:
            raise ValueError(f"it is damaged: {error}") from error
        manifest = self._json(MANIFEST)
        self.versions = _check_manifest(manifest)
        digests = manifest["sha256"]
        for name, content in self._members.items():
            if name != MANIFEST and hashlib.sha256(content).hexdigest() != digests.get(name):
                raise ValueError(f"it is damaged: {name} does not match its digest")

    @property
    def model(self) -> Any:
        """The structure of the model."""
        return self._json(MODEL)

    @property
    def provenance(self) -> Any:
        """The provenance of the model; None if there is none."""
        return self._json(PROVENANCE) if PROVENANCE in self._members else None

    def arrays(self) -> Arrays:
        """Load the arrays, each into its own memory."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays = load(self._members[ARRAYS])
            # The copies are aligned, and writable as after a fit.
            return {name: array.copy() for name, array in arrays.items()}
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"its arrays cannot be read: {error}") from error

    def _json(self, name: str) -> Any:
        most_bytes, most_entries = _LIMITS[name]
        return read_json(self._members[name], most_bytes=most_bytes, most_entries=most_entries)


def _check_directory(data: bytes) -> None:
    """Raise if the directory has more entries than a model, before any is parsed."""
    end = data[-_END_SIZE:]
    if len(data) < _END_SIZE or not data.startswith(b"PK\x03\x04") or not end.startswith(_END):
        raise ValueError("it is not a .skpneumo file, or is incomplete")
    before = data[-_END_SIZE - _LONG_END_SIZE : -_END_SIZE]
    n_entries = int.from_bytes(end[10:12], "little")
    n_bytes = int.from_bytes(end[12:16], "little")
    if (
        before.startswith(_LONG_END)
        or n_entries > len(_LIMITS) + 1
        or n_bytes > _LARGEST_DIRECTORY
    ):
        raise ValueError(f"its directory has {n_entries} entries of {n_bytes} bytes")


class _Refused(ValueError):
    """The archive can be read, but is not one of a model."""


def _check_members(entries: list[zipfile.ZipInfo], n_bytes: int) -> None:
    names = [entry.filename for entry in entries]
    needed = {MANIFEST, MODEL, ARRAYS}
    if len(set(names)) < len(names) or not needed <= set(names) <= {*needed, PROVENANCE}:
        raise _Refused(f"it is not a .skpneumo file: it has the members {sorted(names)}")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise _Refused(f"{entry.filename} in it is compressed, which model files never are")
        most = _LIMITS.get(entry.filename, (n_bytes, 0))[0]
        if entry.file_size > most:
            raise _Refused(
                f"{entry.filename} in it has {entry.file_size} bytes, but at most {most} are read"
            )
    if sum(entry.file_size for entry in entries) > n_bytes:
        raise _Refused("its members are larger than the file")


def _check_manifest(manifest: Any) -> dict[str, str]:
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(number, int) and number > FORMAT:
        by = (manifest.get("versions") or {}).get("skpneumo", "a later version")
        raise ValueError(
            f"it has the format {number} of skpneumo {by}; this version reads formats up to "
            f"{FORMAT}. Upgrade skpneumo"
        )
    if type(number) is not int or number < 1:
        raise ValueError(f"it has the unknown format {number!r}")
    versions, digests = manifest.get("versions"), manifest.get("sha256")
    if not isinstance(versions, dict) or not isinstance(digests, dict):
        raise ValueError("its manifest lacks versions or digests")
    return versions
