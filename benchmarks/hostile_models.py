"""Change model files at random, and count those that load_model rejects and loads.

    python benchmarks/hostile_models.py --files 1000

Each file is one of a few small models with one change: to its bytes, to the zip archive, to the
safetensors header, or to a value of its JSON, with corrected digests. Models that load also
predict. Loading must raise only ValueError or MemoryError, start no process, open no connection,
import no module of another package, open no file but the model for reading and none for writing,
and the whole process, with TensorFlow, must stay below a limit of memory. All of this is watched
by an audit hook, which code in a file could not bypass unnoticed. The changes are seeded, and
limited by the number of files.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpneumo import (
    BorderCropper,
    CNNClassifier,
    ImageAugmenter,
    ImageLoader,
    Pipeline,
    RecallFloorClassifier,
    load_model,
    save_model,
)
from skpneumo._machine import peak_memory

INPUTS = "inputs.npz"
MANIFEST, MODEL, ARRAYS = "manifest.json", "model.json", "arrays.safetensors"

Rng = np.random.Generator
Members = dict[str, bytes]

FIXED_VALUES = [
    None, True, 0, -1, 10**6, 2**31, 2**63, -(2**64), 1e308, 0.5, "", "x" * 10**5, "/etc/passwd",
    "../up", "os.system", "builtins.eval", "keras.layers.Lambda", "local", "imagenet",
    "mixed_bfloat16", [], [[]], {}, {"list": []}, {"tuple": [10**6] * 3},
    {"tuple": [1] * 10**4}, {"float": "nan"}, {"float": "inf"},
    {"array": "array0"}, {"array": "array1"}, {"scalar": ["float32", 1e30]},
    {"function": "skpneumo.build_cnn"}, {"function": "os.system"}, {"object": 0},
    {"object": 10**6}, {"object": -1}, {"text": ["O", [1], ["a"]]}, {"dict": [["a", 1]]},
    {"pickle": "gASVAAAAAA=="},
    {"keras": ["keras.optimizers.Adam", {"dict": []}]},
    {"keras": ["keras.optimizers.Adam", {"dict": [["name", "/"], ["clipnorm", "x"]]}]},
    {"record": ["skpneumo.NetworkSpec", {"dict": [["builder", None], ["arguments", None]]}]},
    {"named": ["skpneumo.decision.Scores", [1, 2]]}, {"RandomState": {"dict": []}},
    {"Bunch": [["__class__", 1], ["a", 2]]},
]  # fmt: skip
NAMES = [
    "skpneumo.CNNClassifier", "skpneumo.TransferClassifier", "skpneumo.Pipeline",
    "skpneumo.ImageLoader", "skpneumo.RecallFloorClassifier", "sklearn.decomposition.PCA",
    "sklearn.isotonic.IsotonicRegression", "sklearn.linear_model.LogisticRegression",
    "sklearn.frozen.FrozenEstimator", "sklearn.calibration.CalibratedClassifier",
    "skpneumo.NetworkSpec", "skpneumo.build_cnn", "keras.optimizers.SGD", "os.system",
    "sklearn.ensemble.RandomForestClassifier", "__main__.main",
]  # fmt: skip


def make_models(folder: Path) -> None:
    """Save a few small models, and the input for each."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    images = rng.integers(0, 120, (40, 8, 8, 1), dtype=np.uint8)
    images[y == 1, 2:6, 2:6] += 60
    rows = rng.normal(size=(40, 4)) + y[:, None]

    def network(**parameters: Any) -> CNNClassifier:
        return CNNClassifier(
            filters=(3,), dense_units=(2,), epochs=1, random_state=0, **parameters
        )  # fmt: skip

    linear = make_pipeline(StandardScaler(), LogisticRegression())
    augmentation = ImageAugmenter(rotation=5)
    models: dict[str, tuple[Any, Any]] = {
        "network": (network(augmentation=augmentation, n_tta=1, warm_start=True), images),
        "normalised": (
            Pipeline([("crop", BorderCropper()), ("cnn", network(normalization="local"))]), images
        ),
        "floor": (RecallFloorClassifier(linear, recall=0.8, calibration="isotonic", cv=2), rows),
        "calibrated": (CalibratedClassifierCV(linear, cv=2, method="sigmoid"), rows),
        "tuned": (TunedThresholdClassifierCV(linear, cv=2), rows),
    }  # fmt: skip
    for name, (model, X) in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unknown patients
            model.fit(X, y)
        known = {"name": name, "figures": [0.5, {"n": 3}]}
        save_model(model, folder / f"{name}.skpneumo", provenance=known)
    save_model(ImageLoader(size=8), folder / "loader.skpneumo")
    np.savez(folder / INPUTS, **{name: X[:4] for name, (_, X) in models.items()}, loader=[])


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archived(members: Members, **options: Any) -> bytes:
    """Write members with correct digests."""
    try:
        manifest = json.loads(members[MANIFEST])
        manifest["sha256"] = {
            name: hashlib.sha256(data).hexdigest()
            for name, data in members.items()
            if name != MANIFEST
        }
        members = {**members, MANIFEST: json.dumps(manifest).encode()}
    except (KeyError, TypeError, ValueError, RecursionError):
        pass  # the manifest itself was changed
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def change_bytes(data: bytes, rng: Rng) -> bytes:
    """Flip, overwrite, remove or repeat a few bytes of the file."""
    place, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
    changed = bytearray(data)
    how = rng.integers(5)
    if how == 0:
        changed[place] ^= 1 << int(rng.integers(8))
    elif how == 1:
        changed[place : place + length] = rng.bytes(length)
    elif how == 2:
        del changed[place : place + length]
    elif how == 3:
        changed[place:place] = changed[place : place + length]
    else:
        del changed[place:]
    return bytes(changed)


def change_member_bytes(data: bytes, rng: Rng) -> bytes:
    """Change a few bytes of a member, and correct its digest."""
    members = members_of(data)
    name = str(rng.choice(sorted(members)))
    return archived({**members, name: change_bytes(members[name] + b" ", rng)})


def change_archive(data: bytes, rng: Rng) -> bytes:
    """Compress, add, drop, rename or inflate a member."""
    members = members_of(data)
    name = str(rng.choice(sorted(members)))
    how = rng.integers(5)
    if how == 0:
        return archived(members, compression=zipfile.ZIP_DEFLATED)
    if how == 1:
        members[str(rng.choice(["../../evil", "/tmp/evil", "evil", "a/b"]))] = b"evil"
    elif how == 2:
        del members[name]
    elif how == 3:
        members[name.upper()] = members.pop(name)
    else:
        members[name] = members[name] + bytes(10**7)
        return archived(members, compression=zipfile.ZIP_DEFLATED)
    return archived(members)


def change_header(data: bytes, rng: Rng) -> bytes:
    """Change a dtype, a shape or an offset of the safetensors header."""
    members = members_of(data)
    arrays = members[ARRAYS]
    length = int.from_bytes(arrays[:8], "little")
    header = json.loads(arrays[8 : 8 + length])
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    if entries:
        entry = entries[int(rng.integers(len(entries)))]
        how = rng.integers(4)
        if how == 0:
            entry["dtype"] = str(rng.choice(["F64", "F16", "BF16", "I8", "BOOL", "X", "U64"]))
        elif how == 1:
            entry["shape"] = [int(rng.choice([0, 1, 3, 2**20, 2**40])) for _ in entry["shape"]]
        elif how == 2:
            entry["shape"] = entry["shape"][::-1]
        else:
            entry["data_offsets"] = [int(rng.choice([0, 4, 2**40])) for _ in range(2)]
    text = json.dumps(header).encode()
    return archived(
        {**members, ARRAYS: len(text).to_bytes(8, "little") + text + arrays[8 + length :]}
    )


def change_value(data: bytes, rng: Rng) -> bytes:
    """Change, remove, repeat or exchange values of the JSON of the model or the manifest."""
    members = members_of(data)
    name = MODEL if rng.random() < 0.95 else MANIFEST
    content = json.loads(members[name])
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(content))
        if not places:
            break
        container, key = places[int(rng.integers(len(places)))]
        other, other_key = places[int(rng.integers(len(places)))]
        how = rng.integers(6)
        if how <= 1:
            container[key] = FIXED_VALUES[int(rng.integers(len(FIXED_VALUES)))]
        elif how == 2:
            container[key] = str(rng.choice(NAMES))
        elif how == 3:
            # A copy, because JSON has no cycles.
            container[key] = json.loads(json.dumps(other[other_key]))
        elif how == 4 and isinstance(container[key], int | float):
            container[key] = container[key] * int(rng.choice([-1, 0, 1000, 2**31]))
        elif isinstance(container, dict):
            container[str(rng.choice(["predict", "__class__", "weights_", "n_jobs", "cache"]))] = (
                container.pop(key)
            )
        else:
            container.append(container[key])
    text = json.dumps(content)
    if rng.random() < 0.05:
        text = "[" * 10**5 + text
    return archived({**members, name: text.encode()})


def _places(content: Any) -> Any:
    """Yield every location in a structure, as a container and a key."""
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])


CHANGES: dict[str, tuple[Callable[[bytes, Rng], bytes], float]] = {
    "bytes": (change_bytes, 0.1),
    "bytes of a member": (change_member_bytes, 0.15),
    "archive": (change_archive, 0.05),
    "header of the arrays": (change_header, 0.2),
    "values": (change_value, 0.5),
}


class Watch:
    """Audit hook that records forbidden actions while loading."""

    FORBIDDEN = (
        "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir",
        "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate", "shutil.", "socket.",
        "subprocess.", "ctypes.dlopen", "tempfile.", "urllib.", "ftplib.", "pickle.find_class",
    )  # fmt: skip
    PACKAGES = frozenset({
        "skpneumo", "sklearn", "imblearn", "keras", "numpy", "scipy", "tensorflow", "safetensors",
        "encodings",
    }) | sys.stdlib_module_names  # fmt: skip

    def __init__(self) -> None:
        self.loading: Path | None = None
        self.seen: list[str] = []
        found = [path for path in sys.path if path]
        self._libraries = tuple({*found, *(str(Path(path).resolve()) for path in found)})

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.loading is None:
            return
        if event == "import" and arguments[0].split(".")[0] not in self.PACKAGES:
            self._report(event, arguments[:1])
        elif event.startswith(self.FORBIDDEN):
            self._report(event, arguments)
        elif event == "open":
            self._look_at(*arguments)

    def _look_at(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        known = os.fsdecode(path) == str(self.loading) or os.fsdecode(path).startswith(
            (*self._libraries, "/proc/", "/sys/fs/cgroup")  # where the free memory is read
        )
        if writes or not known:
            self._report("open", (path, mode))

    def _report(self, event: str, arguments: Any) -> None:
        self.seen.append(f"{event}{tuple(arguments)!r:.200}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most-memory", type=float, default=1.0, help="GB, of the process")
    parser.add_argument("--keep", type=Path, help="folder for the files that did harm")
    parser.add_argument("--models", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.models is not None:
        faults = fuzz(
            options.models, options.files, options.seed, options.most_memory, options.keep
        )
        print("".join(f"{fault}\n" for fault in faults), end="")
        sys.exit(bool(faults))
    with tempfile.TemporaryDirectory() as name:
        make_models(Path(name))
        # In a separate process that has not trained, so that a crash is noticed.
        run = subprocess.run([sys.executable, *sys.argv, "--models", name], check=False)
    if run.returncode < 0:
        print(f"the process was ended by the signal {-run.returncode}")
    sys.exit(run.returncode != 0)


def fuzz(
    folder: Path, n_files: int, seed: int, most_memory: float, keep: Path | None
) -> list[str]:
    """Change files, load them, and list violations."""
    with np.load(folder / INPUTS) as inputs:
        files = {folder / f"{name}.skpneumo": inputs[name] for name in inputs.files}
    originals = {path: path.read_bytes() for path in files}
    for path, X in files.items():  # imports and compiles everything that happens once
        predicted(load_model(path), X)
    at_first = memory_taken()
    watch = Watch()
    sys.addaudithook(watch)
    before = sorted(folder.iterdir())
    rng = np.random.default_rng(seed)
    kinds, shares = list(CHANGES), [share for _, share in CHANGES.values()]
    counts: Counter[tuple[str, str]] = Counter()
    faults = []
    target = folder / "changed.skpneumo"
    for number in range(n_files):
        path = list(files)[int(rng.integers(len(files)))]
        kind = str(rng.choice(kinds, p=shares))
        target.write_bytes(CHANGES[kind][0](originals[path], rng))
        outcome, fault = outcome_of(target, files[path], watch)
        counts[kind, outcome] += 1
        if fault:
            faults.append(f"file {number} ({path.stem}, {kind}): {fault}")
            if keep is not None:
                keep.mkdir(exist_ok=True)
                (keep / f"{number}.skpneumo").write_bytes(target.read_bytes())
    target.unlink(missing_ok=True)
    if sorted(folder.iterdir()) != before:
        faults.append("files were made or removed beside the models")
    memory = memory_taken()
    if memory > most_memory:
        faults.append(f"{memory:.2f} GB of memory were taken")
    outcomes = ("refused", "loads", "loads, predicts an error")
    print(
        f"{n_files} files, seed {seed}; at most {memory:.2f} GB of memory, {at_first:.2f} GB "
        "before the first of them"
    )
    print("| change | " + " | ".join(outcomes) + " |\n|---|" + "---|" * len(outcomes))
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(str(counts[kind, each]) for each in outcomes) + " |")
    return faults


def outcome_of(path: Path, X: Any, watch: Watch) -> tuple[str, str]:
    """Load a file and predict with it; returns the outcome and violations."""
    watch.seen.clear()
    watch.loading = path
    fault = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = load_model(path)
    except (ValueError, MemoryError):
        outcome = "refused"
    except Exception as error:
        outcome, fault = "refused", f"load_model raised {error!r}"
    else:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                predicted(model, X)
            outcome = "loads"
        except Exception:  # a nonsensical model may raise any error
            outcome = "loads, predicts an error"
    finally:
        watch.loading = None
    if watch.seen:
        fault += f" It did {', '.join(sorted(set(watch.seen)))}."
    return outcome, fault


def memory_taken() -> float:
    """Measure the peak memory of this process, in GB."""
    return peak_memory() / 1e9


def predicted(model: Any, X: Any) -> Any:
    return model.predict(X) if hasattr(model, "predict") else None


if __name__ == "__main__":
    main()
