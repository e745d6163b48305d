"""Kill writing processes at random moments, and check what they leave.

    python benchmarks/kills.py --kills 40 --results kills.jsonl

`--light` omits the kinds that need Keras, `--heavy` all others, and `--only fit` runs a single
one.

Each kind of writer (a decode cache, the store of a search, a model file, a page, a table of
predictions, the command that fits, a fit through a cache and a store) runs in a separate process,
which is killed with SIGKILL at a uniformly random moment of its duration. Files with their final
names must then be complete. The same work is run again, must give the same results as undisturbed,
and must leave no unfinished file of the killed process. POSIX only, because it forks.

`--results` names a file with a line for each kill. Another run with it continues after the last
line.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

N_PATIENTS = 12
N_TRAINED_ON = 30
MODEL = "model.skpneumo"


@dataclass(frozen=True)
class Writer:
    """Work that writes to a folder, with a check that must pass at any moment."""

    name: str
    work: Callable[[Path], None]
    result: Callable[[Path], Any]  # output of the finished work, for comparison
    check: Callable[[Path, Any], None]  # raises if a file with its final name is not complete


def in_child(work: Callable[[Path], None], folder: Path) -> int:
    """Start the work in a forked process; returns its id."""
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
    """Run the work to its end in a separate process; returns its seconds."""
    begin = time.perf_counter()
    _, status = os.waitpid(in_child(work, folder), 0)
    assert status == 0, f"the work failed in {folder}"
    return time.perf_counter() - begin


def unfinished(folder: Path) -> list[str]:
    """List the unfinished files of killed processes."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.name.endswith((".skpneumo-tmp", ".part", ".new", ".tmp"))
    ]


@dataclass(frozen=True)
class Kill:
    """A killed process, and what it left."""

    writer: str
    number: int
    after: float  # seconds
    of: float  # seconds of the undisturbed work
    left: list[str]  # unfinished files, which the next run removed


def kill_again_and_again(writer: Writer, numbers: Iterable[int], seed: int) -> Iterator[Kill]:
    """Kill the work in fresh folders; raise at the first fault."""
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed = Path(scratch) / "undisturbed"
        undisturbed.mkdir()
        seconds = finish(writer.work, undisturbed)
        expected = writer.result(undisturbed)
        for number in numbers:
            rng = random.Random(f"{seed} {writer.name} {number}")
            after, folder = kill_once(writer, seconds, rng, Path(scratch))
            left = unfinished(folder)
            writer.check(folder, expected)
            finish(writer.work, folder)
            assert writer.result(folder) == expected, f"{writer.name}: another result"
            assert not unfinished(folder), f"{writer.name} leaves {unfinished(folder)}"
            shutil.rmtree(folder)
            yield Kill(writer.name, number, round(after, 3), round(seconds, 3), left)


def kill_once(
    writer: Writer, seconds: float, rng: random.Random, scratch: Path
) -> tuple[float, Path]:
    """Kill the work before it ends; returns after how many seconds, and its folder."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=scratch))
        child = in_child(writer.work, folder)
        after = rng.uniform(0, seconds)
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            return after, folder
        shutil.rmtree(folder)


def read_results(path: Path | None) -> list[Kill]:
    """Read the recorded kills, and remove an incomplete line."""
    if path is None or not path.exists():
        return []
    whole, _, torn = path.read_text().rpartition("\n")
    if torn:
        path.write_text(whole + "\n" if whole else "")
    return [Kill(**json.loads(line)) for line in whole.splitlines()]


def add_result(path: Path | None, kill: Kill) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(asdict(kill)) + "\n")


def writers(scratch: Path, *, light: bool, heavy: bool) -> Iterator[Writer]:
    """Prepare the kinds that do not need Keras, and those that do, with small collections."""
    from skpneumo import make_chest_xray

    xrays = make_chest_xray(scratch / "xrays", n_patients=N_PATIENTS, random_state=0)
    small = make_chest_xray(scratch / "small", n_patients=N_TRAINED_ON, size=64, random_state=0)
    time.sleep(2.1)  # files just written are not cached
    if light:
        yield from light_writers(xrays)
    if heavy:
        yield from heavy_writers(scratch, xrays.filenames.tolist(), small)


def light_writers(xrays: Any) -> Iterator[Writer]:
    """Prepare the kinds that do not need Keras."""
    import numpy as np
    from sklearn.naive_bayes import GaussianNB

    from skpneumo import ImageLoader
    from skpneumo.audit import audit_images
    from skpneumo.tuning import ResumableGridSearchCV

    paths = xrays.filenames.tolist()
    images = ImageLoader(size=64, cache=False).transform(paths)
    flat = np.asarray(images).reshape(len(images), -1) / 255
    audited = audit_images(paths, xrays.target, xrays.split)
    search = ResumableGridSearchCV(
        GaussianNB(), {"var_smoothing": [1e-9, 1e-6, 1e-3, 1.0]}, cv=3, refit=False
    )

    def scores(folder: Path) -> list[float]:
        fitted = search.set_params(store=folder / "store").fit(flat, xrays.target)
        assert fitted.n_restored_ == 12, "the store lacks what was computed"
        return fitted.cv_results_["mean_test_score"].tolist()

    def check_cache(folder: Path, _: Any) -> None:
        assert (ImageLoader(size=64, cache=folder / "cache").transform(paths) == images).all()

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
        "page",
        lambda folder: audited.to_html(folder / "page.html"),
        content("page.html"),
        whole_or_absent("page.html"),
    )


def heavy_writers(scratch: Path, paths: list[str], small: Any) -> Iterator[Writer]:
    """Prepare the kinds that need Keras, with one model that needs no training."""
    # Once, for all processes; the others are forked faster without it. What has computed with it
    # must not be forked, so that nothing is fitted or predicted with it in this process.
    import keras  # noqa: F401
    import numpy as np

    from skpneumo import ImageLoader, make_recipe
    from skpneumo.cli._model_files import save_model
    from skpneumo.tuning import ResumableGridSearchCV

    model = make_recipe("hog-svm").fit(small.filenames, small.target)
    save_model(model, scratch / MODEL, small.target_names)

    def fit_command(folder: Path) -> None:
        from skpneumo.cli.fit import fit

        fit(small.root, out=folder / MODEL, recipe="dense-baseline", size=16, epochs=2, force=True)

    def fit_through_cache_and_store(folder: Path) -> None:
        from skpneumo import CNNClassifier, make_pipeline

        cnn = CNNClassifier(filters=(4,), dense_units=(8,), epochs=1, random_state=0)
        pipeline = make_pipeline(ImageLoader(size=16, cache=folder / "cache"), cnn)
        grid = {"cnnclassifier__l2": [0.0, 1e-3]}
        searched = ResumableGridSearchCV(pipeline, grid, cv=2, store=folder / "store")
        save_model(
            searched.fit(small.filenames, small.target).best_estimator_.set_params(
                imageloader__cache=None
            ),
            folder / MODEL,
            small.target_names,
        )

    def check_cache_store_and_model(folder: Path, finished: bytes) -> None:
        loaded = ImageLoader(size=16, cache=folder / "cache").transform(small.filenames)
        sound = ImageLoader(size=16, cache=False).transform(small.filenames)
        assert (np.asarray(loaded) == np.asarray(sound)).all()
        check_store(folder, None)
        whole_or_absent(MODEL)(folder, finished)

    def predict(folder: Path) -> None:
        from skpneumo.cli.predict import predict as predict_files

        out = folder / "out.csv"
        predict_files(scratch / MODEL, *paths, out=out, batch_size=4, force=out.exists())

    yield Writer(
        "model file",
        lambda folder: save_model(model, folder / MODEL, small.target_names),
        content(MODEL),
        whole_or_absent(MODEL),
    )
    yield Writer("predict", predict, content("out.csv"), whole_or_absent("out.csv"))
    yield Writer("fit", fit_command, content(MODEL), whole_or_absent(MODEL))
    yield Writer(
        "fit through cache and store",
        fit_through_cache_and_store,
        content(MODEL),
        check_cache_store_and_model,
    )


def check_store(folder: Path, _: Any) -> None:
    for record in (folder / "store").glob("*.json"):
        json.loads(record.read_text())


def whole_or_absent(name: str) -> Callable[[Path, Any], None]:
    """Check that a file, if it exists, is the same as after finished work."""

    def check(folder: Path, expected: Any) -> None:
        assert not (folder / name).exists() or (folder / name).read_bytes() == expected

    return check


def content(name: str) -> Callable[[Path], bytes]:
    return lambda folder: (folder / name).read_bytes()


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=40, help="of each kind of writer")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--light", action="store_true", help="nothing that needs Keras")
    kinds.add_argument("--heavy", action="store_true", help="only what needs Keras")
    parser.add_argument("--only", help="writers whose name begins so")
    parser.add_argument("--results", type=Path, help="file to continue, a line for each kill")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kills = read_results(options.results)
    with tempfile.TemporaryDirectory() as scratch:
        for writer in writers(Path(scratch), light=not options.heavy, heavy=not options.light):
            if not writer.name.startswith(options.only or ""):
                continue
            done = [kill for kill in kills if kill.writer == writer.name]
            numbers = range(len(done), options.kills)
            for kill in kill_again_and_again(writer, numbers, options.seed) if numbers else ():
                add_result(options.results, kill)
                done.append(kill)
            n_left = sum(bool(kill.left) for kill in done)
            print(f"writer: {writer.name}, kills: {len(done)}, left unfinished: {n_left}")
            sys.stdout.flush()


if __name__ == "__main__":
    run()
