"""Check an archive, and extract its chest X-rays."""

import errno
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from skpneumo._image_files import is_image_name, is_litter
from skpneumo.datasets._folders import PUBLISHED_FOLDER

# Not the archive's fault.
_ERRORS_OF_DISKS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
}


def unpack(archive: Path, target: Path) -> None:
    """Extract only the chest X-rays of an archive.

    Version 3 of the publication, for one, holds 109,000 other images beside them.
    """
    with _explained():
        bundle = zipfile.ZipFile(archive)
    with bundle:
        members = _wanted(bundle.infolist())
        check_space(archive.parent, sum(member.file_size for member in members))
        with _explained():
            for member in members:
                bundle.extract(member, target)
    target.mkdir(exist_ok=True)  # in an archive without images nothing was unpacked


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Of an archive with faults, zipfile raises whatever the code that meets them raises.
        if isinstance(error, OSError) and error.errno in _ERRORS_OF_DISKS:
            raise
        raise OSError(
            "The archive has the expected checksum but is not a sound zip file that can be "
            f"unpacked here: {type(error).__name__}: {error}. Check the url."
        ) from error


def _wanted(members: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    wanted = []
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        # zipfile would write these somewhere inside the target. No sound archive has them.
        if path.is_absolute() or ".." in path.parts or ":" in member.filename[:2]:
            raise OSError(
                f"The archive wants to write outside its folder, to {member.filename!r}; it was "
                "not unpacked. Check the url."
            )
        if (
            is_image_name(path.name)
            and not any(map(is_litter, path.parts))
            and not member.is_dir()
        ):
            wanted.append(member)
    ours = [m for m in wanted if PUBLISHED_FOLDER in PurePosixPath(m.filename).parts]
    return ours or wanted


def check_space(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(
            errno.ENOSPC,
            f"{n_bytes / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free",
            os.fspath(folder),
        )
