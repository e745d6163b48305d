"""Run every comparison with other tools, and write one table.

    python benchmarks/run_all.py chest_xray originals --out results

`chest_xray` is the published training pool, and `originals` a folder of X-rays at full size. Each
comparison is a separate process that saves its rows in the folder `--out`; saved ones are not
measured again. The peers run in a separate environment, which is created in that folder with the
same versions of Keras and TensorFlow, unless `--peers` names its interpreter. The table is written
to `table.md` with the goals, and, with `--page`, between the two marks of a page without them.

Run nothing else at the same time.
"""

import argparse
import json
import subprocess
import sys
import time
import venv
from importlib.metadata import version
from pathlib import Path

from side_by_side import HEADER, Row

HERE = Path(__file__).parent
MARKS = ("<!-- table: run_all.py -->", "<!-- end of table -->")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("originals", type=Path, help="folder with train/, of full-size JPEGs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--peers", type=Path, help="interpreter that has what peers.txt lists")
    parser.add_argument("--page", type=Path, help="Markdown page that takes the table")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    peers = options.peers or environment(options.out / "peers")
    comparisons = {
        "decode": [options.originals],
        "fit": [options.data],
        "fit_gpu": [options.data],
        "grid_search": [options.data, options.originals],
        "refit_memory": [],
        "predict": [options.originals],
        "stream_memory": [],
        "imports": [],
    }
    for name, data in comparisons.items():
        measured = options.out / f"{name}.json"
        if measured.exists():
            continue
        begin = time.monotonic()
        command = [sys.executable, HERE / f"{name}.py", *data, "--peers", peers]
        subprocess.run([*command, "--json", measured], check=True)
        minutes = (time.monotonic() - begin) / 60
        print(f"{name}: {minutes:.1f} minutes", file=sys.stderr, flush=True)
    files = [options.out / f"{name}.json" for name in comparisons]
    table = table_of(files)
    (options.out / "table.md").write_text(table, encoding="utf-8")
    if options.page:
        before, rest = options.page.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        page = f"{before}{MARKS[0]}\n\n{without_last_column(table)}\n{MARKS[1]}{after}"
        options.page.write_text(page, encoding="utf-8")
    print(table)
    return 0


def environment(folder: Path) -> Path:
    """Create an environment with the peers; returns its interpreter."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    same = [f"{package}=={version(package)}" for package in ("tensorflow", "keras")]
    pip = [python, "-m", "pip", "install", "--quiet", "-r", HERE / "peers.txt", *same]
    subprocess.run(pip, check=True)
    return python


def table_of(files: list[Path]) -> str:
    results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    machines = dict.fromkeys(result["machine"] for result in results)
    rows = [str(Row(**row)) for result in results for row in result["rows"]]
    return "\n".join([*machines, "", HEADER, *rows]) + "\n"


def without_last_column(table: str) -> str:
    """Remove the column of goals, which are for developers only."""
    rows = (
        f"{line.rsplit('|', 2)[0]}|" if line.startswith("|") else line
        for line in table.splitlines()
    )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
