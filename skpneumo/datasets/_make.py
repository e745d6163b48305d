"""Generate synthetic X-rays, in the layout and with the file names of Kaggle."""

import atexit
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator, RandomState
from PIL import Image
from sklearn.utils import Bunch

from skpneumo._files import named_in_errors, sweep, temporary_folder
from skpneumo._image_files import SYNTHETIC_NOTE
from skpneumo._paths import refuse_empty_path
from skpneumo._random import check_random_state, random_seed
from skpneumo._sklearn import Interval, validate_parameter_constraints
from skpneumo.datasets._anatomy import PLAIN_OPACITY, Chest, add_opacities, draw_chest
from skpneumo.datasets._cohort import Patient, plan_cohort
from skpneumo.datasets._collection import Labels, read_collection
from skpneumo.datasets._load import LABELS, to_bunch
from skpneumo.datasets._planting import (
    SHORTCUTS,
    planted_acquisition,
    planted_file,
    planted_image,
)
from skpneumo.datasets._rendering import GRAIN, Acquisition, choose_acquisition, expose, to_image

_MOST_OPACITIES = 2

# Pixels of the canvas per pixel of the widest image. Images show about 0.8 of the canvas, so that
# the anatomy is a little softer than the grain, as in real images, and is drawn a third faster.
_CANVAS = 0.9


def make_chest_xray(
    root: str | os.PathLike[str] | None = None,
    *,
    n_patients: int = 60,
    images_per_patient: int | tuple[int, int] = (1, 3),
    weights: Sequence[float] = (0.3, 0.45, 0.25),
    size: int | tuple[int, int] = (200, 320),
    difficulty: float = 0.3,
    shift: float = 0.0,
    shortcuts: Sequence[str] = (),
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    labels: Labels = "binary",
    random_state: int | RandomState | None = None,
) -> Bunch:
    """Generate synthetic chest X-rays and write them as a collection of JPEG files.

    The files are arranged and named like the published ones on Kaggle, so that code for those
    also reads these. Each patient has a different chest (spine, ribs, two lungs, heart and
    mediastinum, diaphragm, stomach gas), and each image of it has another section, angle, size
    and exposure. Bacterial pneumonia is a dense patch in one lung, sometimes two; viral pneumonia
    is a fainter net over parts of both lungs. Images with and without pneumonia differ only in
    the opacities: size, exposure, grain and number of images have the same distributions.

    The images are plausible at a glance, and are meant for tests and demonstrations. The scores
    of a classifier on them say nothing about real X-rays.

    Parameters
    ----------
    root : str, path-like or None, default=None
        The folder to write to, new or empty. None writes to a new temporary folder, which is
        removed when Python exits; ``root`` of the result is its path.
    n_patients : int, default=60
        Number of patients over all splits: at least two for each split.
    images_per_patient : int or (int, int), default=(1, 3)
        Number of images of each patient, or a range to sample it from, both ends included.
    weights : sequence of 3 floats, default=(0.3, 0.45, 0.25)
        Shares of normal, bacterial and viral patients. They need not sum to one.
    size : int or (int, int), default=(200, 320)
        Width of the images in pixels, or a range to sample it from, both ends included. Images
        are up to 1.6 times as wide as they are high.
    difficulty : float, default=0.3
        From 0, opacities about as white as the heart, to 1, opacities as faint as the grain.
    shift : float, default=0.0
        From 0 to 1, how much the images of the test split differ from the others in exposure,
        gamma, grain, field of view and size: the same patients at another hospital.
    shortcuts : sequence of {"ratio", "text", "border", "exposure", "device"}, default=()
        Other features that reveal the class, in all splits: images with pneumonia are flatter,
        have letters in the upper right corner, black sides, or a darker exposure, or come from
        another device, which compresses more and whose name is in the file. For testing methods
        that find shortcuts.
    val_fraction : float, default=0.1
        Share of the patients in the split val. A share of 0 leaves the split out; any other split
        has at least one patient with and one without pneumonia.
    test_fraction : float, default=0.2
        Share of the patients in the split test, likewise.
    labels : {"binary", "etiology"}, default="binary"
        The classes of the result, as in :func:`load_chest_xray`.
    random_state : int, RandomState instance or None, default=None
        An int makes the images reproducible, and with the same versions of NumPy and Pillow the
        files as well. Global generators are neither used nor changed.

    Returns
    -------
    xrays : :class:`~sklearn.utils.Bunch`
        As from :func:`load_chest_xray`, with all splits. Its ``frame`` has more columns with the
        true positions, in pixels from the top left corner of the image:

        width, height : int
            Size of the image.
        opacity_x, opacity_y, opacity_radius : float
            The disc around the opacity; NaN in a normal image.
        opacity2_x, opacity2_y, opacity2_radius : float
            The disc around the second opacity; NaN if there is none.
        lungs_left, lungs_top, lungs_right, lungs_bottom : float
            Edges of the box around both lungs.

    Raises
    ------
    FileExistsError
        If ``root`` is not empty.
    ValueError
        If there are too few patients for the splits, or an argument is out of its range.

    See Also
    --------
    load_chest_xray : Read the same collection again.

    Examples
    --------
    >>> from skpneumo.datasets import make_chest_xray
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> sorted(set(xrays.split))
    ['test', 'train', 'val']
    >>> xrays.frame.loc[xrays.target == 1, "opacity_radius"].gt(0).all()
    np.True_
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="make_chest_xray")
    planted = _check_shortcuts(shortcuts)
    widths = _range("size", size, least=32)
    n_images = _range("images_per_patient", images_per_patient, least=1)
    seed, rng = _generator(random_state)
    patients = plan_cohort(rng, n_patients, weights, val_fraction, test_fraction)
    peak = PLAIN_OPACITY * (GRAIN / PLAIN_OPACITY) ** difficulty
    folder = _new_folder(root)
    note = (
        f"Drawn by skpneumo.datasets.make_chest_xray; no patient was X-rayed. {n_patients=}, "
        f"{images_per_patient=}, weights={list(weights)}, {size=}, {difficulty=}, {shift=}, "
        f"shortcuts={list(planted)}, {val_fraction=}, {test_fraction=}, {random_state=}."
    )
    with named_in_errors(folder), temporary_folder(folder, "unfinished") as unfinished:
        (unfinished / SYNTHETIC_NOTE).write_text(note + "\n", "utf-8")
        truth: dict[str, dict[str, float]] = {}
        for i, patient in enumerate(patients):
            # One stream per patient, so that another image of one changes no other patient.
            rng = np.random.default_rng([seed, i])
            written = _write_patient(
                unfinished,
                patient,
                rng,
                n_images=n_images,
                widths=widths,
                peak=peak,
                shift=shift if patient.split == "test" else 0.0,
                shortcuts=planted,
            )
            truth |= {os.fspath(folder / path): found for path, found in written.items()}
        for part in sorted(unfinished.iterdir()):
            part.rename(folder / part.name)

    xrays = to_bunch(read_collection(folder, None, labels))
    for name in next(iter(truth.values())):
        xrays.frame[name] = [truth[path][name] for path in xrays.filenames]
    return xrays


_CONSTRAINTS = {
    "root": [str, os.PathLike, None],
    "n_patients": [Interval(Integral, 1, None, closed="left")],
    "images_per_patient": [Integral, "array-like"],
    "weights": ["array-like"],
    "size": [Integral, "array-like"],
    "difficulty": [Interval(Real, 0, 1, closed="both")],
    "shift": [Interval(Real, 0, 1, closed="both")],
    "shortcuts": [str, "array-like"],
    "val_fraction": [Interval(Real, 0, 1, closed="left")],
    "test_fraction": [Interval(Real, 0, 1, closed="left")],
    "labels": [LABELS],
    "random_state": ["random_state"],
}


def _write_patient(
    folder: Path,
    patient: Patient,
    rng: Generator,
    *,
    n_images: tuple[int, int],
    widths: tuple[int, int],
    peak: float,
    shift: float,
    shortcuts: tuple[str, ...],
) -> dict[Path, dict[str, float]]:
    """Write the images of a patient, and return their paths in the folder and true positions."""
    positive = patient.etiology != "normal"
    chest = draw_chest(rng, round(_CANVAS * widths[1]))
    if positive:
        chest = add_opacities(rng, chest, patient.etiology, peak)
    class_folder = Path(patient.split) / patient.class_folder
    (folder / class_folder).mkdir(parents=True, exist_ok=True)
    truth = {}
    for k in range(rng.integers(n_images[0], n_images[1] + 1)):
        acquisition = choose_acquisition(rng, widths, chest.lungs, shift)
        acquisition = planted_acquisition(acquisition, shortcuts, positive)
        rendered, quality = expose(rng, chest, acquisition), int(rng.integers(85, 96))
        rendered = planted_image(rendered, shortcuts, positive)
        quality, tags = planted_file(quality, shortcuts, positive)
        path = class_folder / patient.file_name(k)
        _save(rendered, folder / path, quality, tags)
        truth[path] = _truth(chest, acquisition)
    return truth


def _range(name: str, value: int | Sequence[int], least: int) -> tuple[int, int]:
    ends = (value, value) if isinstance(value, Integral) else tuple(value)  # type: ignore[arg-type]
    if len(ends) != 2 or not all(isinstance(end, Integral) for end in ends):
        raise ValueError(f"{name} must be an int or a pair of ints, got {value!r}.")
    low, high = int(ends[0]), int(ends[1])
    if not least <= low <= high:
        raise ValueError(
            f"{name} must be at least {least}, and its range not decreasing, got {value!r}."
        )
    return low, high


def _check_shortcuts(names: Sequence[str]) -> tuple[str, ...]:
    names = [names] if isinstance(names, str) else list(names)
    if unknown := [name for name in names if name not in SHORTCUTS]:
        raise ValueError(f"shortcuts has {unknown[0]!r}; expected some of {', '.join(SHORTCUTS)}.")
    return tuple(names)


def _generator(random_state: int | RandomState | None) -> tuple[int, Generator]:
    """Return a seed and its generator."""
    seed = random_seed(check_random_state(random_state))
    return seed, np.random.default_rng(seed)


def _new_folder(root: str | os.PathLike[str] | None) -> Path:
    if root is None:
        cleanup = ExitStack()
        atexit.register(_remove, cleanup, os.getpid())
        return cleanup.enter_context(temporary_folder(Path(tempfile.gettempdir()), "skpneumo"))
    refuse_empty_path(root, "root")
    folder = Path(os.path.expanduser(root))
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    if any(folder.iterdir()):
        raise FileExistsError(
            f"{os.fspath(folder)!r} is not empty, and synthetic images are not mixed with other "
            "files. Pass a new folder, or delete this one first."
        )
    return folder


def _save(image: Image.Image, path: Path, quality: int, tags: dict[int, str]) -> None:
    options: dict[str, Any] = {"quality": quality, "comment": "synthetic, skpneumo"}
    if tags:
        options["exif"] = Image.Exif()
        options["exif"].update(tags)
    image.save(path, **options)


def _remove(cleanup: ExitStack, owner: int) -> None:
    if os.getpid() == owner:  # a forked worker that exits must not remove the files
        cleanup.close()


def _truth(chest: Chest, acquisition: Acquisition) -> dict[str, float]:
    """Return the size of an image, and the positions of opacities and lungs in its pixels."""
    found: dict[str, float] = {"width": acquisition.width, "height": acquisition.height}
    for i in range(_MOST_OPACITIES):
        x = y = radius = float("nan")
        if i < len(chest.opacities):
            opacity = chest.opacities[i]
            x, y = to_image(acquisition, opacity.x, opacity.y)
            radius = opacity.radius * acquisition.width / acquisition.field_of_view
        prefix = "opacity" if i == 0 else f"opacity{i + 1}"
        found |= {f"{prefix}_x": x, f"{prefix}_y": y, f"{prefix}_radius": radius}
    box = chest.lungs
    corners = [
        to_image(acquisition, x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)
    ]
    across, down = zip(*corners, strict=True)
    return found | {
        "lungs_left": min(across),
        "lungs_top": min(down),
        "lungs_right": max(across),
        "lungs_bottom": max(down),
    }
