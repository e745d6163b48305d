"""The folder of a decode cache: told from folders of other things, made, and emptied."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from skpneumo.loading._cache import DecodeCacheError

__all__ = ["CLAIMS", "DATA", "LOCK", "enter", "refuse_foreign", "remedy", "remove_cache"]

# The mark by which backup programs know a cache (bford.info/cachedir), and we our own.
TAG_NAME = "CACHEDIR.TAG"
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A decode cache of skpneumo.\n"

# What LMDB calls its files, and our folder of locks.
DATA, LOCK, CLAIMS = "data.mdb", "lock.mdb", "claims"


def enter(folder: Path) -> None:
    """Make the folder, or see that it is a cache."""
    refuse_foreign(folder)
    try:
        (folder / CLAIMS).mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), open(folder / TAG_NAME, "x", encoding="utf-8") as tag:
            tag.write(_TAG)
    except OSError as error:
        raise DecodeCacheError(
            error.errno,
            f"no decode cache can be made in {str(folder)!r} ({error.strerror}). Name a folder "
            "that you may write to",
        ) from error


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder of other things before anything is written to it or removed from it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DecodeCacheError(
            errno.ENOTDIR, f"the decode cache {str(folder)!r} is a file; name a folder"
        )
    names = set(os.listdir(folder))
    tag = folder / TAG_NAME
    # A tag that is empty is just being written by another process.
    ours = tag.is_file() and tag.read_text(encoding="utf-8", errors="replace") in ("", _TAG)
    strange = sorted(names - {DATA, LOCK, TAG_NAME, CLAIMS})
    if not ours and names - {CLAIMS}:
        strange = sorted(names)
    if strange:
        raise DecodeCacheError(
            f"The folder {str(folder)!r} is no decode cache: it holds {', '.join(strange[:3])}"
            f"{' and more' if len(strange) > 3 else ''}. Name an empty or a new folder."
        )


def remedy(folder: Path) -> str:
    """Say what helps against damage."""
    return f"Clear it, nothing but time is lost: skpneumo cache {str(folder)!r} --clear"


def remove_cache(folder: Path) -> None:
    """Remove the files of a cache, and leave the folder."""
    for claim in folder.glob(f"{CLAIMS}/*"):
        claim.unlink()
    if (folder / CLAIMS).exists():
        (folder / CLAIMS).rmdir()
    for name in (DATA, LOCK, TAG_NAME):
        (folder / name).unlink(missing_ok=True)
