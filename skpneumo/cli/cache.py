"""``skpneumo cache``: show or clear a cache of decoded images."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from skpneumo.cli._terminal import say

__all__ = ["cache"]


def cache(
    folder: Path,
    /,
    *,
    clear: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> None:
    """Show the contents of a cache of decoded images, or clear it.

    Parameters
    ----------
    folder
        Folder of the cache, as given to ImageLoader(cache=...) in Python.
    clear
        Remove all images, even if the cache is damaged. They are decoded again when needed.
    """
    from skpneumo.loading import DecodeCache

    decoded = DecodeCache(folder)
    if not decoded.path.exists():
        raise FileNotFoundError(
            f"There is no folder {folder}. Check the path; pipelines with ImageLoader(cache=...) "
            "create the folder."
        )
    if clear:
        decoded.clear()
        say(f"{folder} is empty now.")
        return
    info = decoded.info()
    oldest = "-" if info.oldest is None else f"{info.oldest:%Y-%m-%d %H:%M}"
    for name, value in {
        "images": f"{info.entries:,}",
        "size on disk": f"{info.bytes_on_disk / 2**20:,.1f} MiB",
        "oldest image": oldest,
        "decoded so far": f"{info.decoded:,}",
        "served so far": f"{info.served:,}",
    }.items():
        say(f"{name:<15}{value}")
