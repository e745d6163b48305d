"""Peak memory of a pass over ever more streamed images, beside all of them in memory.

Each figure is the largest resident size of a process of its own, less that of one that has
imported everything and read one batch. The images are symbolic links to one small synthetic file.

    python benchmarks/stream_memory.py
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

SIZE = 128
PROGRAM = """
import resource, sys
from pathlib import Path
from skpneumo import ImageLoader
folder, n, stream, size = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "stream", sys.argv[4]
paths = [str(folder / f"person{i}_virus_{i}.jpeg") for i in range(n)]
X = ImageLoader(size=int(size), stream=stream, cache=False).transform(paths)
total = sum(int(batch.sum()) for batch in X.batches(64)) if stream else int(X.sum())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(folder: str, n: int, how: str) -> float:
    """Largest resident size in MiB."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, str(n), how, str(SIZE)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    return float(run.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    numbers = parser.parse_args().n

    from skpneumo import make_chest_xray

    with tempfile.TemporaryDirectory() as folder:
        xrays = make_chest_xray(Path(folder) / "one", n_patients=6, size=160, random_state=0)
        for i in range(max(numbers)):
            os.symlink(xrays.filenames[0], Path(folder) / f"person{i}_virus_{i}.jpeg")
        print(f"{SIZE} x {SIZE} grey; {os.cpu_count()} processors, {platform.platform()}")
        base = peak(folder, 64, "stream")
        print(f"{'images':>9}{'streamed, MiB':>16}{'in memory, MiB':>17}  (above {base:.0f} MiB)")
        for n in numbers:
            streamed, loaded = (peak(folder, n, how) - base for how in ("stream", "memory"))
            print(f"{n:>9,}{streamed:>16.0f}{loaded:>17.0f}")


if __name__ == "__main__":
    main()
