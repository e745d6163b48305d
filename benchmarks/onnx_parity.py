"""Compare ONNX files with their models, and measure the time and memory to start.

    python benchmarks/onnx_parity.py originals --number 100

`originals` is a folder of X-rays at full size, in one sub-folder per class, such as
`originals/train` of the real data (by default the one in SKPNEUMO_REAL_DATA). A network like that
of the recipe "robust" is fitted on them for a few epochs, only to have weights. In each of the
loader's three modes two things are compared:

- png: the pixels of each file, saved without loss; ImageLoader and Keras in float32 against the
  graph, which resizes them itself. Largest difference in grey levels, share of the pixels that
  differ, and largest and mean difference of the probabilities.
- jpeg: the file itself by ImageLoader and Keras, which decode a large JPEG at a fraction of its
  size, against the pixels of the whole file through the graph; and against OnnxClassifier, which
  reads files as ImageLoader does.

Then a new process predicts one file, by the ONNX file and by the pipeline with Keras: seconds from
its start, and its peak memory.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import helper
from PIL import Image
from sklearn.frozen import FrozenEstimator

from skpneumo import CNNClassifier, ImageLoader, load_chest_xray, make_pipeline
from skpneumo.persistence import OnnxClassifier, export_onnx
from skpneumo.persistence.onnx._graph import FLOAT, GraphBuilder
from skpneumo.persistence.onnx._parity import images_from
from skpneumo.persistence.onnx._resizing import load_image

MODES = ("stretch", "pad", "crop")

FIRST_ANSWER = """
import sys
sys.path[:0] = {path!r}
from skpneumo._machine import peak_memory
{load}
model.predict_proba([{image!r}])
print(peak_memory() / 2**20, sorted({{"keras", "tensorflow"}} & set(sys.modules)))
"""
LOAD = {
    "onnx": "from skpneumo.persistence import OnnxClassifier\nmodel = OnnxClassifier({file!r})",
    "keras": "import joblib\nmodel = joblib.load({file!r})",
}


def main() -> None:
    real = Path(os.environ.get("SKPNEUMO_REAL_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("originals", type=Path, nargs="?", default=real / "originals")
    parser.add_argument("--number", type=int, default=100, help="how many files")
    parser.add_argument("--size", type=int, default=128, help="side of the images")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    xrays = load_chest_xray(options.originals)
    step = max(1, len(xrays.filenames) // options.number)
    rows = slice(None, None, step)
    files, target = xrays.filenames[rows][: options.number], xrays.target[rows][: options.number]
    network = fitted(files, target, options)
    print(f"{len(files)} files, {options.size} x {options.size} pixels\n")
    print("| mode | input | grey levels | pixels that differ | probability | mean |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for mode in MODES:
            loader = ImageLoader(size=options.size, resize=mode, cache=False)
            model = make_pipeline(loader, FrozenEstimator(network))
            path = Path(folder, f"{mode}.onnx")
            export_onnx(model, path)
            compare(model, OnnxClassifier(path), loader, files, Path(folder))
        joblib.dump(model, Path(folder, "model.joblib"))
        print("\n| first answer of a new process | seconds | MB | imports |\n|---|---|---|---|")
        for name, file in (("onnx", path), ("keras", Path(folder, "model.joblib"))):
            print(first_answer(name, file, files[0]))


def fitted(files: Any, target: Any, options: argparse.Namespace) -> CNNClassifier:
    images = ImageLoader(size=options.size).transform(files)
    network = CNNClassifier(
        filters=(16, 32, 64, 128, 256),
        convs_per_block=2,
        residual=True,
        batch_norm=True,
        global_pooling="average",
        dense_units=(),
        epochs=options.epochs,
        precision="float32",
        random_state=0,
    )
    return network.fit(images, target)


def compare(
    model: Any, exported: OnnxClassifier, loader: ImageLoader, files: Any, folder: Path
) -> None:
    images = images_from(files)
    lossless = [str(folder / f"{i}.png") for i in range(len(images))]
    for path, image in zip(lossless, images, strict=True):
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path)
    resized = resized_by_graph(loader, images)
    through_graph = exported.predict_proba(images)
    for name, paths in (("png", lossless), ("jpeg", list(files))):
        pixels = np.asarray(loader.transform(paths)).astype(float)
        levels = np.abs(pixels - resized)
        proba = np.abs(model.predict_proba(paths) - through_graph)
        print(
            f"| {loader.resize} | {name} | {levels.max():.0f} | {(levels > 0).mean():.4%} "
            f"| {proba.max():.1e} | {proba.mean():.1e} |"
        )
    difference = np.abs(model.predict_proba(files) - exported.predict_proba(files))
    print(
        f"| {loader.resize} | jpeg, read by OnnxClassifier | 0 | 0 | {difference.max():.1e} "
        f"| {difference.mean():.1e} |",
        flush=True,
    )


def resized_by_graph(loader: ImageLoader, images: list[NDArray[np.uint8]]) -> NDArray[Any]:
    graph = GraphBuilder()
    output = load_image(graph, "image", loader).name
    kind = helper.make_tensor_value_info("image", helper.np_dtype_to_tensor_dtype(np.dtype("u1")),
                                         [None] * 3)  # fmt: skip
    model = graph.model([kind], [helper.make_tensor_value_info(output, FLOAT, None)], {})
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = [session.run(None, {"image": image})[0][0] for image in images]
    return np.array(found).transpose(0, 2, 3, 1)


def first_answer(name: str, file: Path, image: str) -> str:
    source = FIRST_ANSWER.format(
        path=[each for each in sys.path if each],
        load=LOAD[name].format(file=str(file)),
        image=str(Path(image).absolute()),
    )
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - begin
    peak, imported = done.stdout.strip().splitlines()[-1].split(maxsplit=1)
    return f"| {name} | {seconds:.1f} | {float(peak):.0f} | {imported} |"


if __name__ == "__main__":
    main()
