"""Kill what writes at random moments, and look at what it leaves.

    python benchmarks/kills.py --kills 40

With `--light` without the one that predicts, which needs Keras.

Each kind of writer (a decode cache, the store of a search, a model file, a page, a table of
predictions) runs in a process of its own, which is killed with SIGKILL at a moment drawn evenly
from the time that it takes. Whatever has its final name then must be whole. The same work is run
again, must give what it gives undisturbed, and must leave no unfinished file of the killed one.
POSIX only, because it forks.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

N_PATIENTS = 12


@dataclass(frozen=True)
class Writer:
    """Work that writes into a folder, and what must be true of the folder at any moment."""

    name: str
    work: Callable[[Path], None]
    result: Callable[[Path], Any]  # what the finished work has written, to be compared
    check: Callable[[Path, Any], None]  # raises where something with its final name is not whole


def in_child(work: Callable[[Path], None], folder: Path) -> int:
    """Begin the work in a forked process; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        work(folder)
        status = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def finish(work: Callable[[Path], None], folder: Path) -> float:
    """Run the work to its end in a process of its own; return the seconds it took."""
    begin = time.perf_counter()
    _, status = os.waitpid(in_child(work, folder), 0)
    assert status == 0, f"the work failed in {folder}"
    return time.perf_counter() - begin


def unfinished(folder: Path) -> list[str]:
    """Name what only a killed process leaves."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.name.endswith((".skpneumo-tmp", ".part", ".new", ".tmp"))
    ]


def kill_again_and_again(writer: Writer, kills: int, rng: random.Random) -> dict[str, Any]:
    """Kill the work in fresh folders; raise at the first fault."""
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed = Path(scratch) / "undisturbed"
        undisturbed.mkdir()
        seconds = finish(writer.work, undisturbed)
        expected = writer.result(undisturbed)
        n_killed = n_left = 0
        for number in count():
            if n_killed == kills:
                break
            folder = Path(scratch) / str(number)
            folder.mkdir()
            child = in_child(writer.work, folder)
            time.sleep(rng.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
            n_killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
            n_left += bool(unfinished(folder))
            writer.check(folder, expected)
            finish(writer.work, folder)
            assert writer.result(folder) == expected, f"{writer.name}: another result"
            assert not unfinished(folder), f"{writer.name} leaves {unfinished(folder)}"
    return {"writer": writer.name, "kills": n_killed, "left unfinished": n_left}


def writers(scratch: Path, light: bool) -> Iterator[Writer]:
    """Prepare all kinds with one small collection and one model that needs no training."""
    import joblib
    import numpy as np
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from skpneumo import ImageLoader, make_chest_xray
    from skpneumo.audit import audit_images
    from skpneumo.cli._model_files import save_model
    from skpneumo.tuning import ResumableGridSearchCV

    xrays = make_chest_xray(scratch / "xrays", n_patients=N_PATIENTS, random_state=0)
    time.sleep(2.1)  # files that have just been written are not cached
    paths = xrays.filenames.tolist()
    images = ImageLoader(size=64, cache=False).transform(paths)
    flat = np.asarray(images).reshape(len(images), -1) / 255
    model = make_pipeline(
        ImageLoader(size=16, cache=False),
        FunctionTransformer(flatten),
        GaussianNB(),
    ).fit(paths, xrays.target)
    save_model(model, scratch / "model.joblib", xrays.target_names)
    audited = audit_images(paths, xrays.target, xrays.split)
    search = ResumableGridSearchCV(
        GaussianNB(), {"var_smoothing": [1e-9, 1e-6, 1e-3, 1.0]}, cv=3, refit=False
    )

    def scores(folder: Path) -> list[float]:
        fitted = search.set_params(store=folder / "store").fit(flat, xrays.target)
        assert fitted.n_restored_ == 12, "the store lacks what was computed"
        return fitted.cv_results_["mean_test_score"].tolist()

    def check_store(folder: Path, _: Any) -> None:
        for record in (folder / "store").glob("*.json"):
            json.loads(record.read_text())

    def check_cache(folder: Path, _: Any) -> None:
        assert (ImageLoader(size=64, cache=folder / "cache").transform(paths) == images).all()

    def predict(folder: Path) -> None:
        from skpneumo.cli.predict import predict as predict_files

        out = folder / "out.csv"
        predict_files(scratch / "model.joblib", *paths, out=out, batch_size=4, force=out.exists())

    def whole_or_absent(name: str) -> Callable[[Path, Any], None]:
        def check(folder: Path, expected: Any) -> None:
            assert not (folder / name).exists() or (folder / name).read_bytes() == expected

        return check

    def content(name: str) -> Callable[[Path], bytes]:
        return lambda folder: (folder / name).read_bytes()

    def check_model(folder: Path, _: Any) -> None:
        if (folder / "model.joblib").exists():
            joblib.load(folder / "model.joblib")

    yield Writer(
        "decode cache",
        lambda folder: ImageLoader(size=64, cache=folder / "cache").transform(paths),
        lambda folder: sorted(path.name for path in (folder / "cache").iterdir()),
        check_cache,
    )
    yield Writer(
        "search",
        lambda folder: search.set_params(store=folder / "store").fit(flat, xrays.target),
        scores,
        check_store,
    )
    yield Writer(
        "model file",
        lambda folder: save_model(model, folder / "model.joblib", xrays.target_names),
        lambda folder: joblib.load(folder / "model.joblib").predict_proba(paths).tolist(),
        check_model,
    )
    yield Writer(
        "page",
        lambda folder: audited.to_html(folder / "page.html"),
        content("page.html"),
        whole_or_absent("page.html"),
    )
    if light:
        return
    # Once, for all processes; the others are forked faster without it.
    import keras  # noqa: F401

    yield Writer("predict", predict, content("out.csv"), whole_or_absent("out.csv"))


def flatten(X: Any) -> Any:
    import numpy as np

    return np.asarray(X).reshape(len(X), -1) / 255


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=40, help="of each kind of writer")
    parser.add_argument("--light", action="store_true", help="nothing that needs Keras")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for writer in writers(Path(scratch), options.light):
            found = kill_again_and_again(writer, options.kills, random.Random(options.seed))
            print(", ".join(f"{name}: {value}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    run()
