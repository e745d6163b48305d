"""Measure which X-rays and other images the input gate withholds.

    python benchmarks/input_gate.py chest_xray --dicom dicom --lab /tmp/gate

trains a small network (64 pixels, a few minutes on two cores) on 60 % of the patients of a
collection, fits an ``InputGate`` with the stated rate of false alarms, and counts the withheld
images among half of the other patients, among their rotated, mirrored, inverted or cropped copies,
and among images that are not chest X-rays: those in scikit-image, scikit-learn, Matplotlib and
pydicom, drawn text, noise and blanks. A second gate is calibrated on patients that its network was
not trained on, to show the cost of calibrating without them.

Intervals are over the independent sources of a group: patients, photographs, examinations. The
network, the groups and their rows are saved in --lab, where a second run continues. ``--write
docs/guide/input-gate.md`` writes the table between its two marks on the page.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

Pixels = NDArray[np.uint8]

SIDE = 224
TURNS = np.array([-10, -7, -4, 4, 7, 10])

CHANGES: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "mirrored": lambda image, _: ImageOps.mirror(image),
    "turned by 4 to 10 degrees": lambda image, number: image.rotate(
        TURNS[number % len(TURNS)], Image.Resampling.BILINEAR
    ),
    "5 % cut off at each edge": lambda image, _: image.crop(
        tuple(round(share * side) for share in (0.05, 0.95) for side in image.size)
    ),
    "half as bright": lambda image, _: image.point(lambda level: level // 2),
    "rotated by 90 degrees": lambda image, number: image.rotate(
        90 if number % 2 else 270, expand=True
    ),
    "rotated by 180 degrees": lambda image, _: image.rotate(180),
    "upside down": lambda image, _: ImageOps.flip(image),
    "inverted": lambda image, _: ImageOps.invert(image),
    "inverted, upside down": lambda image, _: ImageOps.flip(ImageOps.invert(image)),
}

PHOTOGRAPHS = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg", "moon.png",
    "motorcycle_left.png", "coins.png", "hubble_deep_field.jpg", "clock_motion.png",
)  # fmt: skip
TEXTURES = ("brick.png", "grass.png", "gravel.png", "ihc.png", "cell.png", "retina.jpg")
TEXT = ("page.png", "text.png")
# Files of pydicom by content; one of each examination.
SLICES = {
    "693_J2KI.dcm": "CT",
    "CT_small.dcm": "CT",
    "J2K_pixelrep_mismatch.dcm": "CT",
    "MR_small.dcm": "MR",
    "examples_overlay.dcm": "MR",
    "JPEG2000.dcm": "scintigraphy",
    "examples_rgb_color.dcm": "ultrasound",
    "examples_palette.dcm": "ultrasound",
}
ADULTS = ("monochrome2.dcm", "RG1_J2KI.dcm")
LIMBS = ("RG3_J2KI.dcm",)


def groups_of(
    held_out: list[str], patients: list[str], dicom: Path | None
) -> Iterator[tuple[str, str, Image.Image]]:
    """Yield the group, the source and the image of all images except the held-out X-rays."""
    rng = np.random.default_rng(0)
    for number, (path, patient) in enumerate(zip(held_out, patients, strict=True)):
        image = Image.open(path).convert("L")
        for group, change in CHANGES.items():
            yield group, patient, change(image, number)
    for number, pixels in enumerate(noise(rng)):
        yield "noise", f"noise {number}", Image.fromarray(pixels)
    for level in range(0, 256, 15):
        yield "blank", f"blank {level}", Image.new("L", (SIDE, SIDE), level)
    for number in range(40):
        yield "text", f"drawn {number}", drawn_text(rng, dark=number % 4 == 3)
    for path in sample_files():
        image = Image.open(path).convert("L")
        group = "text" if path.name in TEXT else "photographs and textures"
        for part in parts_of(image):
            yield group, path.name, part
    yield from radiology(dicom)


def noise(rng: np.random.Generator) -> Iterator[Pixels]:
    """Draw noise of several grain sizes and contrasts."""
    for grain in (1, 2, 4, 8, 16, 32, 64):
        for contrast in (16, 48, 96, 127):
            small = rng.uniform(-1, 1, size=(-(-SIDE // grain),) * 2)
            image = Image.fromarray((127.5 + contrast * small).astype(np.uint8))
            yield np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    for _ in range(12):
        yield rng.integers(0, 256, size=(SIDE, SIDE), dtype=np.uint8)


def drawn_text(rng: np.random.Generator, dark: bool) -> Image.Image:
    """Draw a page of random words."""
    page = Image.new("L", (480, 480), 0 if dark else 255)
    pen = ImageDraw.Draw(page)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz    "))
    for line in range(int(rng.integers(8, 30))):
        words = "".join(rng.choice(letters, size=int(rng.integers(20, 75))))
        pen.text((20, 16 + 15 * line), words, fill=255 if dark else 0)
    return page


def sample_files() -> list[Path]:
    """List the sample images of the installed packages."""
    import matplotlib
    import skimage
    import sklearn

    shipped = Path(skimage.__file__).parent / "data"
    return [
        *(shipped / name for name in (*PHOTOGRAPHS, *TEXTURES, *TEXT)),
        *sorted((Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg")),
        Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    ]


def parts_of(image: Image.Image) -> Iterator[Image.Image]:
    """Yield an image and its four quarters."""
    yield image
    width, height = image.size
    for left in (0, width // 2):
        for top in (0, height // 2):
            yield image.crop((left, top, left + width // 2, top + height // 2))


def radiology(dicom: Path | None) -> Iterator[tuple[str, str, Image.Image]]:
    """Yield the images of pydicom and of the folder --dicom: slices, limbs, adults."""
    from pydicom.data import get_testdata_file

    from skpneumo import ImageLoader

    for name, kind in SLICES.items():
        path = get_testdata_file(name, download=False)
        if path is not None:
            yield "CT, MR and other modalities", f"{kind} {name}", rendered(path)
    for names, group in ((ADULTS, "adult chest X-rays"), (LIMBS, "limbs")):
        for name in names:
            if dicom is not None and (dicom / name).exists():
                (pixels,) = ImageLoader(size=2 * SIDE).transform([dicom / name])
                yield group, name, Image.fromarray(pixels[..., 0])


def rendered(path: str | Path) -> Image.Image:
    """Render a DICOM file that is not a radiograph, and so rejected by ImageLoader, in grey."""
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    data = pydicom.dcmread(path)
    pixels = np.asarray(data.pixel_array, dtype=float)
    if pixels.ndim == 2:
        pixels = np.asarray(apply_voi_lut(apply_modality_lut(pixels.astype(int), data), data))
    else:
        pixels = pixels.mean(axis=-1)
    low, high = pixels.min(), pixels.max()
    grey = (255 * (pixels - low) / max(high - low, 1)).astype(np.uint8)
    return Image.fromarray(grey)


def network() -> Any:
    """Make the small network, as a pipeline of paths."""
    from skpneumo import CNNClassifier, ImageAugmenter, ImageLoader, make_pipeline

    augmenter = ImageAugmenter(
        crop_scale=(0.5, 1.3), rotation=10, horizontal_flip=True, brightness=0.2, contrast=0.3,
        gamma=0.4, fill_mode="constant",
    )  # fmt: skip
    classifier = CNNClassifier(
        stem_filters=16, filters=(32, 64, 96), batch_norm=True, global_pooling="average",
        dense_units=(), optimizer="adamw", learning_rate=0.002, epochs=8, schedule="cosine",
        augmentation=augmenter, random_state=0, verbose=2,
    )  # fmt: skip
    return make_pipeline(ImageLoader(size=64), classifier)


def saved(path: Path, make: Callable[[], Any]) -> Any:
    """Load the result of an earlier run, or make and save it."""
    if not path.exists():
        print(f"Making {path.name}", flush=True)
        value = make()
        unfinished = path.with_suffix(".part")
        joblib.dump(value, unfinished)
        unfinished.replace(path)
    return joblib.load(path)


def write_groups(folder: Path, images: list[str], patients: list[str], dicom: Path | None) -> Any:
    """Write the images of all groups to files, and list them."""
    folder.mkdir(exist_ok=True)
    rows = []
    for number, (group, source, image) in enumerate(groups_of(images, patients, dicom)):
        path = folder / f"{number:05}.png"
        image.save(path)
        rows.append((str(path), group, source))
    return pd.DataFrame(rows, columns=["path", "group", "source"])


def cost(model: Any, gate: Any, paths: NDArray[Any]) -> str:
    """Measure the processor time of a prediction with the gate, and its memory."""
    import pickle

    milliseconds = []
    for each in (model, gate):
        each.predict_proba(paths)  # decodes and compiles once
        start = time.process_time()
        each.predict_proba(paths)
        milliseconds.append(1000 * (time.process_time() - start) / len(paths))
    size = (len(pickle.dumps(gate)) - len(pickle.dumps(model))) / 2**20
    return (
        f"{milliseconds[0]:.2f} ms of processor time an image without the gate, "
        f"{milliseconds[1]:.2f} ms with it; the gate is {size:.1f} MiB"
    )


def described(group: str, rows: pd.DataFrame, gates: list[str]) -> dict[str, Any]:
    """Make a row of the table; intervals are over the sources."""
    from skpneumo._formatting import with_interval
    from skpneumo.evaluation._intervals import clustered_share

    sources = np.unique(rows["source"], return_inverse=True)[1]
    everything = np.ones(len(rows), dtype=bool)

    def share(name: str) -> str:
        p = clustered_share(rows[name].to_numpy(), everything, sources, 0.95)
        return with_interval(p.value, p.low, p.high)

    return {
        "images": group,
        "number": len(rows),
        "sources": sources.max() + 1,
        **{name: share(name) for name in (*gates, "PNEUMONIA without a gate")},
    }


def main() -> None:
    """Print the table, and write it to a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ (and val/)")
    parser.add_argument("--dicom", type=Path, help="folder with chest images of adults and limbs")
    parser.add_argument("--lab", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--images", type=int, default=300, help="held-out X-rays that are changed")
    parser.add_argument("--rate", type=float, default=0.01, help="false alarms to be stated")
    parser.add_argument("--write", type=Path, help="page to put the table into")
    options = parser.parse_args()
    options.lab.mkdir(exist_ok=True)

    from sklearn.frozen import FrozenEstimator

    from skpneumo import load_chest_xray, patient_train_test_split
    from skpneumo._formatting import with_interval
    from skpneumo.decision import InputGate
    from skpneumo.evaluation import evaluate_predictions

    xrays = load_chest_xray(options.data)
    paths, y, patients = xrays.filenames, xrays.target, np.asarray(xrays.groups)
    train, held_out = patient_train_test_split(
        np.arange(len(y)), test_size=0.4, stratify=y, groups=patients, random_state=0
    )
    choosing, counting = patient_train_test_split(
        held_out, test_size=0.5, stratify=y[held_out], groups=patients[held_out], random_state=0
    )
    model = saved(options.lab / "network.joblib", lambda: network().fit(paths[train], y[train]))

    def gate(rows: NDArray[np.intp]) -> Any:
        frozen = InputGate(FrozenEstimator(model), false_alarm_rate=options.rate)
        return frozen.fit(paths[rows], y[rows])

    # InputGate(network()) gives the same gate, because it fits the checks after the network.
    gates = {
        "withheld": saved(options.lab / "gate.joblib", lambda: gate(train)),
        "withheld, calibrated on new patients": saved(
            options.lab / "gate-of-new-patients.joblib", lambda: gate(choosing)
        ),
    }
    drawn = np.random.default_rng(0).permutation(counting)[: options.images]
    groups = saved(
        options.lab / "groups.joblib",
        lambda: write_groups(
            options.lab / "groups", paths[drawn].tolist(), patients[drawn].tolist(), options.dicom
        ),
    )
    held = pd.DataFrame(
        {"path": paths[counting], "group": "held-out X-rays", "source": patients[counting]}
    )

    def scored() -> pd.DataFrame:
        frame = pd.concat([held, groups], ignore_index=True)
        for name, each in gates.items():
            frame[name] = each.reasons(frame["path"]) != ""
        frame["reasons"] = gates["withheld"].reasons(frame["path"])
        frame["probability"] = model.predict_proba(frame["path"])[:, 1]
        frame["PNEUMONIA without a gate"] = frame["probability"] >= 0.5
        return frame

    frame = saved(options.lab / "rows.joblib", scored)
    table = pd.DataFrame(
        [
            described(str(name), rows, list(gates))
            for name, rows in frame.groupby("group", sort=False)
        ]
    )
    written = "\n".join(
        [
            f"| {' | '.join(table.columns)} |",
            f"|{'---|' * len(table.columns)}",
            *(f"| {' | '.join(map(str, row))} |" for row in table.itertuples(index=False)),
        ]
    )
    found = evaluate_predictions(
        y[counting], frame["probability"][: len(held)], groups=patients[counting]
    ).set_index("metric")
    auc = with_interval(*found.loc["roc_auc", ["value", "low", "high"]])
    gates["withheld"].set_params(on_outlier="nan")
    written += (
        f"\n\nThe network's AUC on the held-out X-rays is {auc}. A prediction takes "
        f"{cost(model, gates['withheld'], paths[counting][:512])}."
    )
    print(gates["withheld"].terms_, written, sep="\n\n")
    for name, rows in frame.groupby("group", sort=False):
        counts = rows["reasons"].str.split(", ").explode().value_counts().drop("", errors="ignore")
        print(f"{name}: {dict(counts)}")
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        pattern = r"(<!-- gate: start -->\n).*?(<!-- gate: end -->)"
        page, found = re.subn(pattern, rf"\g<1>{written}\n\g<2>", page, flags=re.DOTALL)
        if found != 1:
            sys.exit(f"{options.write} has {found} places for the table; expected 1.")
        options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
