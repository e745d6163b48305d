"""Compare the time of ``import skpneumo`` and ``skpneumo --help`` with scikeras.

    python benchmarks/imports.py

Each is a whole process with the start of Python, which is also printed separately.
"""

import argparse
import statistics
import subprocess
import sys
import time

from side_by_side import Row, in_turns, main, ratio, seconds


def timed(*command: str) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def measure(options: argparse.Namespace) -> list[Row]:
    help_of_ours = "from skpneumo.cli import main; main()"
    times = in_turns(
        options.repeat,
        {
            "python": lambda _: timed(sys.executable, "-c", "pass"),
            "import": lambda _: timed(sys.executable, "-c", "import skpneumo"),
            "help": lambda _: timed(sys.executable, "-c", help_of_ours, "--help"),
            "scikeras": lambda _: timed(options.peers, "-c", "import scikeras"),
        },
    )
    peer = f"`import scikeras`: {seconds(times['scikeras'])}"
    bare = f"{statistics.median(times['python']):.2f} s of it Python's start"
    return [
        Row(
            what,
            f"{seconds(times[which])}, {bare}",
            peer,
            ratio(times["scikeras"], times[which]),
            reach,
        )
        for what, which, reach in (
            ("`import skpneumo`", "import", "< .2 s"),
            ("`skpneumo --help`", "help", "< .4 s"),
        )
    ]


if __name__ == "__main__":
    main(__doc__, measure, (), argparse.ArgumentParser(), repeat=15)
