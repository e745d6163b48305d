"""Change ONNX files at random, and count those that OnnxClassifier rejects and opens.

    python benchmarks/hostile_onnx.py --files 1000

Each file is one of a few small models with one change: to its bytes; or to its operations, their
attributes, its constants or its properties, with a corrected digest. Models that open also
predict. Opening and predicting must raise only ValueError, open no other file, start no process
and open no connection, and the process must stay below a limit of memory. It is watched by an
audit hook and from outside: a process that ends by a signal is a failure. The changes are seeded,
and limited by the number of files.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

Rng = np.random.Generator

LIMIT = 1000  # MB
WATCHED = ("open", "subprocess.", "os.exec", "os.system", "os.posix_spawn", "socket.", "os.remove")
PROPERTIES = [
    "null", "0", "-1", "1e999", "NaN", "true", '""', "[]", "{}", "[[]]", "[1]", "[0, 1]", '"nan"',
    "[" * 9999, "1" + "0" * 500, '["a", "b"]', '{"size": [1000000, 1000000]}', "\0", "x" * 10**6,
]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 7, -(2**63), 2**63 - 1, 2**31, 10**6]
VALUES = [0.0, -1.0, 1e30, -1e30, np.inf, -np.inf, np.nan, 0.5]


def make_models(folder: Path) -> None:
    """Export a few small models."""
    from sklearn.ensemble import VotingClassifier
    from sklearn.frozen import FrozenEstimator

    from skpneumo import (
        BorderCropper,
        CNNClassifier,
        ContrastEqualizer,
        ImageLoader,
        RecallFloorClassifier,
        make_chest_xray,
        make_pipeline,
    )
    from skpneumo.decision import InputGate
    from skpneumo.persistence import export_onnx

    xrays = make_chest_xray(n_patients=30, random_state=0)
    paths, y = xrays.filenames, xrays.target
    network = CNNClassifier(filters=(4,), batch_norm=True, epochs=1, random_state=0)
    plain = make_pipeline(ImageLoader(size=16, resize="pad"), network).fit(paths, y)
    fitted = FrozenEstimator(plain.steps[-1][1])
    steps = (ImageLoader(size=16, color_mode="grayscale"), BorderCropper(), ContrastEqualizer())
    floor = RecallFloorClassifier(
        FrozenEstimator(make_pipeline(*steps, fitted)),
        recall=0.6, confidence=0.6, calibration="isotonic",
    )  # fmt: skip
    gate = InputGate(FrozenEstimator(floor.fit(paths, y)), false_alarm_rate=0.3)
    voting = VotingClassifier([("a", fitted), ("b", fitted)], voting="soft")
    models = {
        "plain": plain,
        "gated": gate.fit(paths, y),
        "average": make_pipeline(ImageLoader(size=16), voting).fit(paths, y),
    }
    for name, model in models.items():
        export_onnx(model, folder / f"{name}.onnx", images=paths[:2], tolerance=0.5)


def flip(data: bytes, rng: Rng) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        changed[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
    return bytes(changed)


def cut(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data)))]


def replace_block(data: bytes, rng: Rng) -> bytes:
    begin, length = int(rng.integers(len(data))), int(rng.integers(1, 200))
    return data[:begin] + rng.bytes(length) + data[begin + length :]


def repeat_block(data: bytes, rng: Rng) -> bytes:
    begin, length = int(rng.integers(len(data))), int(rng.integers(1, 5000))
    return data[: begin + length] + data[begin:]


def signed(change: Callable[[onnx.ModelProto, Rng], None]) -> Callable[[bytes, Rng], bytes]:
    """Change the model, and correct its digest."""

    def changed(data: bytes, rng: Rng) -> bytes:
        from skpneumo.persistence.onnx._metadata import digest_of

        model = onnx.ModelProto.FromString(data)
        change(model, rng)
        said = {each.key: each.value for each in model.metadata_props if each.key != "digest"}
        helper.set_model_props(model, said | {"digest": digest_of(model, said)})
        return model.SerializeToString()

    changed.__name__ = change.__name__
    return changed


def any_node(model: onnx.ModelProto, rng: Rng) -> onnx.NodeProto:
    return model.graph.node[int(rng.integers(len(model.graph.node)))]


def change_attribute(model: onnx.ModelProto, rng: Rng) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    node = nodes[int(rng.integers(len(nodes)))]
    attribute = node.attribute[int(rng.integers(len(node.attribute)))]
    number = NUMBERS[int(rng.integers(len(NUMBERS)))]
    if attribute.ints:
        attribute.ints[int(rng.integers(len(attribute.ints)))] = number
    else:
        attribute.i = number
        attribute.f = float(number)


def change_constant(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = model.graph.initializer[int(rng.integers(len(model.graph.initializer)))]
    array = numpy_helper.to_array(tensor).copy()
    if array.dtype.kind == "i":
        array.flat[int(rng.integers(array.size))] = NUMBERS[int(rng.integers(len(NUMBERS)))]
    elif array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            array.flat[int(rng.integers(array.size))] = VALUES[int(rng.integers(len(VALUES)))]
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def reshape_constant(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = model.graph.initializer[int(rng.integers(len(model.graph.initializer)))]
    n = int(np.prod(tensor.dims))
    shapes: list[list[int]] = [[n], [1, n], [n, 1], [0], [], [n + 1], [2**40], [-n], [1] * 40]
    tensor.dims[:] = shapes[int(rng.integers(len(shapes)))]


def change_input(model: onnx.ModelProto, rng: Rng) -> None:
    node, other = any_node(model, rng), any_node(model, rng)
    if node.input:
        node.input[int(rng.integers(len(node.input)))] = other.output[0]


def change_operation(model: onnx.ModelProto, rng: Rng) -> None:
    any_node(model, rng).op_type = any_node(model, rng).op_type


def drop_operation(model: onnx.ModelProto, rng: Rng) -> None:
    del model.graph.node[int(rng.integers(len(model.graph.node)))]


def point_elsewhere(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = model.graph.initializer[int(rng.integers(len(model.graph.initializer)))]
    tensor.external_data.add(key="location", value="/etc/hostname")
    if rng.random() < 0.5:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.ClearField("raw_data")


def change_property(model: onnx.ModelProto, rng: Rng) -> None:
    changed = model.metadata_props[int(rng.integers(len(model.metadata_props)))]
    changed.value = PROPERTIES[int(rng.integers(len(PROPERTIES)))]


CHANGES = [
    flip, cut, replace_block, repeat_block,
    *map(signed, [
        change_attribute, change_constant, reshape_constant, change_input, change_operation,
        drop_operation, point_elsewhere, change_property,
    ]),
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, help="folder of models, made where there is none")
    parser.add_argument("--step", choices=["make", "change"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "make":
        make_models(options.models)
        return 0
    if options.step == "change":
        return change_files(options)
    with tempfile.TemporaryDirectory() as folder:
        models = options.models or Path(folder)
        again = [sys.executable, __file__, "--files", str(options.files), "--seed",
                 str(options.seed), "--models", str(models), "--step"]  # fmt: skip
        if not list(models.glob("*.onnx")):
            models.mkdir(exist_ok=True)
            subprocess.run([*again, "make"], check=True)
        # In a separate process, so that TensorFlow's memory is not counted.
        status = subprocess.run([*again, "change"]).returncode
    if status < 0:
        print(f"FAILED: ended by signal {-status}")
    return status


def change_files(options: argparse.Namespace) -> int:
    from skpneumo._machine import peak_memory
    from skpneumo.persistence.onnx._session import OnnxSession

    rng = np.random.default_rng(options.seed)
    originals = [path.read_bytes() for path in sorted(options.models.glob("*.onnx"))]
    images = [
        np.zeros((8, 8, 1), np.uint8),
        rng.integers(0, 256, (60, 90, 3), dtype=np.uint8),
        rng.integers(0, 256, (200, 150, 1), dtype=np.uint8),
    ]
    for data in originals:  # do late imports now
        session = OnnxSession(data)
        for image in images:
            session.predict(image)
    events: list[str] = []
    sys.addaudithook(lambda event, args: _note(events, event, args))
    outcomes: Counter[tuple[str, str]] = Counter()
    failures = []
    for number in range(options.files):
        change = CHANGES[number % len(CHANGES)]
        data = change(originals[int(rng.integers(len(originals)))], rng)
        outcome = "answered"
        events.clear()
        try:
            session = OnnxSession(data)
            outcome = "refused in prediction"
            for image in images:
                session.predict(image)
            outcome = "answered"
        except ValueError:
            outcome = "refused" if outcome == "answered" else outcome
        except Exception as error:
            failures.append(f"{number} {change.__name__}: {type(error).__name__}: {error}")
        if events:
            failures.append(f"{number} {change.__name__}: {events[:3]}")
        outcomes[change.__name__, outcome] += 1
    megabytes = peak_memory() / 2**20
    print(json.dumps({" ".join(key): n for key, n in sorted(outcomes.items())}, indent=1))
    print(f"{options.files} files, peak memory {megabytes:.0f} MB, {len(failures)} failures")
    print("\n".join(failures[:20]))
    return int(bool(failures) or megabytes > LIMIT)


def _note(events: list[str], event: str, args: object) -> None:
    if event.startswith(WATCHED):
        events.append(f"{event} {args!r}"[:200])


if __name__ == "__main__":
    sys.exit(main())
