"""Send requests from many clients at once, and count answered, refused and lost ones.

    python benchmarks/serve_load.py --clients 20 --seconds 60
    python benchmarks/serve_load.py --model model.skpneumo --folder chest_xray/test

Without a model, a small one is fitted on synthetic images. The server is a separate process on
this machine, started like users do, at 127.0.0.1. Every answer is compared with the direct
prediction for the same file. The exit status is 1 if any answer was lost or wrong.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

_PROGRAM = "import sys; from skpneumo.cli import main; sys.exit(main(sys.argv[1:]))"


def small_model(path: Path) -> list[str]:
    """Fit and save a small network; returns the files of its images."""
    from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline, save_model

    xrays = make_chest_xray(n_patients=40, size=512, random_state=0)
    model = make_pipeline(
        ImageLoader(size=64), CNNClassifier(filters=(8, 16), epochs=2, random_state=0)
    )
    save_model(model.fit(xrays.X, xrays.target), path)
    return xrays.filenames.tolist()


def expected_of(model: Path, files: list[str]) -> list[float]:
    from skpneumo import load_model

    return load_model(model).predict_proba(files)[:, 1].tolist()


def started(model: Path) -> tuple[subprocess.Popen, int]:
    """Start a server; returns it, and its port."""
    server = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "serve", str(model), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    line = server.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
    if found is None:
        server.kill()
        raise RuntimeError(f"the server did not start: {line!r}")
    return server, int(found[1])


class Clients:
    """Clients that send requests until a given time, each starting with another file."""

    def __init__(self, port: int, contents: list[bytes], expected: list[float]) -> None:
        self.port, self.contents, self.expected = port, contents, expected
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.lock = threading.Lock()

    def ask(self, first: int, end: float) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        row = first
        while time.monotonic() < end:
            row = (row + 1) % len(self.contents)
            outcome, seconds = self.answered(connection, row)
            with self.lock:
                self.counts[outcome] += 1
                self.seconds.append(seconds)
        connection.close()

    def answered(self, connection: HTTPConnection, row: int) -> tuple[str, float]:
        """Send a request until it is answered, again if the server is busy."""
        start = time.monotonic()
        while True:
            try:
                connection.request("POST", "/predict", self.contents[row])
                response = connection.getresponse()
                body = response.read()
            except OSError as error:
                connection.close()
                return f"lost: {type(error).__name__}", time.monotonic() - start
            if response.status == 503:
                with self.lock:
                    self.counts["asked again after 503"] += 1
                time.sleep(float(response.getheader("Retry-After", "1")))
                continue
            if response.status != 200:
                return f"lost: status {response.status}", time.monotonic() - start
            near = abs(json.loads(body)["probability"] - self.expected[row]) < 1e-4
            return "answered" if near else "wrong", time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if (options.model is None) != (options.folder is None):
        parser.error("--model and --folder belong together")
    with TemporaryDirectory() as folder:
        model = options.model or Path(folder, "model.skpneumo")
        if options.folder is None:
            files = small_model(model)
        else:
            kinds = {".jpeg", ".jpg", ".png", ".tif", ".tiff", ".dcm"}
            files = sorted(str(f) for f in options.folder.rglob("*") if f.suffix.lower() in kinds)
        files = files[:200]
        expected = expected_of(model, files)
        server, port = started(model)
        try:
            clients = Clients(port, [Path(f).read_bytes() for f in files], expected)
            end = time.monotonic() + options.seconds
            threads = [
                threading.Thread(target=clients.ask, args=(7 * number, end))
                for number in range(options.clients)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            memory = psutil.Process(server.pid).memory_info().rss / 2**20
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
    for outcome, n in sorted(clients.counts.items()):
        print(f"{n:8,} {outcome}")
    middle = statistics.median(clients.seconds)
    slowest = max(clients.seconds)
    print(f"{len(clients.seconds) / options.seconds:8.1f} answers a second")
    print(f"{middle:8.2f} s until the answer in the middle, {slowest:.2f} s at most")
    print(f"{memory:8.0f} MiB of memory of the server at the end")
    bad = [outcome for outcome in clients.counts if outcome.startswith(("lost", "wrong"))]
    return 1 if bad or not clients.counts["answered"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
