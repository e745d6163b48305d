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

# Errors that are the disk's fault and not the archive's.
_DISK_ERRORS = {
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

    Version 3 of the published archive, for example, contains 109,000 other images as well.
    """
    with _zip_errors_explained():
        bundle = zipfile.ZipFile(archive)
    with bundle:
        members = _select_members(bundle.infolist())
        check_space(archive.parent, sum(member.file_size for member in members))
        with _zip_errors_explained():
            for member in members:
                bundle.extract(member, target)
    target.mkdir(exist_ok=True)  # an archive without images unpacks nothing


@contextmanager
def _zip_errors_explained() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # A damaged archive can make zipfile raise almost anything.
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise
        raise OSError(
            "The archive has the expected checksum but is not a sound zip file that can be "
            f"unpacked here: {type(error).__name__}: {error}. Check the url."
        ) from error


def _select_members(members: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Select the chest X-rays, or all images of an archive without the published folder."""
    images = []
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        # zipfile would move these inside the target, but no sound archive contains them.
        if path.is_absolute() or ".." in path.parts or ":" in member.filename[:2]:
            raise OSError(
                f"The archive contains a path that lies outside its folder, {member.filename!r}, "
                "so it was not unpacked. Check the url."
            )
        if (
            is_image_name(path.name)
            and not any(map(is_litter, path.parts))
            and not member.is_dir()
        ):
            images.append(member)
    published = [m for m in images if PUBLISHED_FOLDER in PurePosixPath(m.filename).parts]
    return published or images


def check_space(folder: Path, n_bytes: int) -> None:
    """Raise an error if the disk of a folder has fewer free bytes than needed."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(
            errno.ENOSPC,
            f"{n_bytes / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free",
            os.fspath(folder),
        )
