"""Run programs for comparisons in separate processes and in turns, with ratios and rows.

A comparison is a script with some programs, which are functions that return measurements, and a
function `measure` that runs them and makes rows. As `script.py run NAME`, the script runs only
this program on arguments from JSON. So a peer can run in an environment without this package,
because the script first imports only this module and the standard library.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("tensorflow", "keras", "scikeras", "scikit-learn", "numpy", "pillow")
HEADER = (
    "| measure | skpneumo | peer | times ours, median [range] | to reach |\n|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Row:
    """A row of the printed comparison."""

    measure: str
    ours: str
    peer: str
    ratio: str
    reach: str

    def __str__(self) -> str:
        return f"| {' | '.join(asdict(self).values())} |"


def main(
    doc: str,
    measure: Callable[[argparse.Namespace], list[Row]],
    programs: Sequence[Callable[..., Any]],
    parser: argparse.ArgumentParser,
    repeat: int,
) -> None:
    """Run one program of a script, or the whole comparison, by the command line."""
    if sys.argv[1:2] == ["run"]:
        program = {each.__name__: each for each in programs}[sys.argv[2]]
        print("\n" + json.dumps(program(**json.load(sys.stdin))))
        return
    parser.description = doc.splitlines()[0]
    parser.add_argument(
        "--peers", default=sys.executable, help="interpreter that has the peers (this one)"
    )
    parser.add_argument(
        "--repeat", type=int, default=repeat, help=f"runs of each, in turns ({repeat})"
    )
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    options = parser.parse_args()
    rows = measure(options)
    print(machine(), HEADER, *rows, sep="\n")
    if options.json:
        result = {"machine": machine(), "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(result, indent=1))


def run(program: Callable[..., Any], python: str = sys.executable, **job: Any) -> Any:
    """Run a program of the script in a separate process; returns its result."""
    child = subprocess.run(
        [python, sys.argv[0], "run", program.__name__],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
    )
    if child.returncode:
        raise RuntimeError(f"{program.__name__}, run by {python}:\n{child.stderr}")
    return json.loads(child.stdout.splitlines()[-1])


def in_turns(rounds: int, contestants: Mapping[str, Callable[[int], Any]]) -> dict[str, list[Any]]:
    """Call each with the number of the round, in reverse order in every other round."""
    results: dict[str, list[Any]] = {name: [] for name in contestants}
    for i in range(rounds):
        for name in list(contestants)[:: -1 if i % 2 else 1]:
            results[name].append(contestants[name](i))
            print(f"round {i + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
    return results


def ratio(peer: Sequence[float], ours: Sequence[float]) -> str:
    """Compute the ratio of the peer's measurements to ours, round by round."""
    return spread([a / b for a, b in zip(peer, ours, strict=True)], ".2f")


def spread(values: Sequence[float], form: str) -> str:
    """Format median and range."""
    return f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def seconds(values: Sequence[float], form: str = ".2f") -> str:
    """Format a median."""
    return f"{statistics.median(values):{form}} s"


def machine() -> str:
    """Describe the machine and the versions."""
    from skpneumo.cli._system_info import machine_facts, versions

    facts, found = machine_facts(), versions()
    packages = ", ".join(f"{name} {found[name]}" for name in PACKAGES)
    return (
        f"{facts.processor} ({', '.join(facts.instructions)}), {facts.cores} cores, "
        f"{facts.gibibytes:.0f} GiB; Python {found['Python']}, {packages}"
    )


def sample_of_patients(data: Path, n: int) -> tuple[list[str], list[int]]:
    """Draw patients at random, and return their paths and labels."""
    from skpneumo import load_chest_xray

    xrays = load_chest_xray(data)
    rows = rows_of_patients(xrays.groups, n)
    return [os.path.abspath(path) for path in xrays.filenames[rows]], xrays.target[rows].tolist()


def rows_of_patients(groups: Any, n: int) -> Any:
    """Draw patients at random, or take all, and return all their rows."""
    import numpy as np

    groups = groups.astype(str)
    patients = np.unique(groups)
    drawn = np.random.default_rng(0).choice(patients, min(n, len(patients)), replace=False)
    return np.flatnonzero(np.isin(groups, drawn))


def linked(data: Path, n: int, folder: Path) -> list[str]:
    """Make symbolic links to the JPEGs of a folder, which readers see as separate files."""
    files = sorted(path.resolve() for path in data.rglob("*.jp*g"))
    if not files:
        raise FileNotFoundError(f"There is no JPEG in {data}; expected X-rays of full size.")
    folder.mkdir()
    links = [folder / f"person{i}_virus_{i}.jpeg" for i in range(n)]
    for i, link in enumerate(links):
        link.symlink_to(files[i % len(files)])
    return [str(link) for link in links]
