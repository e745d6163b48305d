"""``skpneumo doctor``: show the hardware and backend, and what slows training down."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from skpneumo.cli._terminal import say

__all__ = ["doctor"]

FOUND_A_FAULT = 1


def doctor(*, cache: Annotated[Path | None, Parameter(show_default=False)] = None) -> int:
    """Show the hardware and backend, and what slows training down.

    This starts the backend and times a convolution, which takes some seconds.

    Parameters
    ----------
    cache
        Also check the cache in this folder, as given to ImageLoader(cache=...) in Python.
    """
    from skpneumo.cli._system_info import (
        backend_facts,
        cache_facts,
        machine_facts,
        remarks,
        versions,
    )
    from skpneumo.cli.entrypoint import ABOUT_BACKENDS

    _print("Versions", versions())
    machine = machine_facts()
    _print("Machine", machine.lines())
    try:
        backend = backend_facts()
    except (ImportError, RuntimeError, ValueError) as error:
        say(f"\nKeras cannot start: {error}")
        say(ABOUT_BACKENDS)
        return FOUND_A_FAULT
    _print("Backend", backend.lines())
    status = 0
    if cache is not None:
        health, sound = cache_facts(cache)
        _print("Cache", health)
        status = 0 if sound else FOUND_A_FAULT
    say("\nWhat is slow, and why")
    for remark in remarks(machine, backend) or ["No problem was found."]:
        say(f"- {remark}")
    return status


def _print(title: str, lines: dict[str, str]) -> None:
    say(f"\n{title}")
    for name, value in lines.items():
        say(f"  {name:<18}{value}")
