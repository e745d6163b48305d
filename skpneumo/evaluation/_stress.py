"""Evaluate a classifier on corrupted images."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from sklearn.utils import gen_batches

from skpneumo._files import named_in_errors, temporary_folder
from skpneumo._images import check_images
from skpneumo._loader_of import loader_of, resized
from skpneumo._paths import check_paths
from skpneumo._patients import patients_of
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._corruptions import CORRUPTIONS, HELD_BACK, Corruption
from skpneumo.evaluation._differences import estimate_differences
from skpneumo.evaluation._dominance import warn_of_dominant_patient
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._intervals import normal_quantile
from skpneumo.evaluation._metric_estimates import estimate_metrics
from skpneumo.evaluation._sentences import notes
from skpneumo.evaluation._stress_summary import mean_rows, worst_rows
from skpneumo.loading import ImageArray, ImageLoader

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNALTERED", "corrupted", "stress_test"]

UNALTERED = "unaltered"

_METRICS = ("roc_auc", "balanced_accuracy", "recall", "specificity")
_SIDE = 224
_CHUNK = 512


def stress_test(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    corruptions: dict[str, Corruption] | None = None,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    threshold: float | None = None,
    confidence_level: float = 0.95,
) -> "pd.DataFrame":
    """Evaluate a fitted classifier on corrupted images, as another hospital might have them.

    Testing on patients of the same collection says nothing about another scanner, exposure, field
    of view or file format. These corruptions, in the manner of [1]_, do not replace images from
    elsewhere, but a classifier that fails on them will fail there.

    Parameters
    ----------
    estimator : fitted classifier
        A whole pipeline from paths, or a classifier of images. Without ``predict_proba`` or
        ``decision_function`` there is no AUC.
    X : array-like of length n_images
        Paths, or uint8 images of shape (n_images, height, width, channels), that the estimator was
        not fitted on. Files are read as the estimator's own loader reads them, and copied as grey
        images, whose longer side has 224 pixels, to a temporary folder; images are corrupted at
        their own size.
    y : array-like of shape (n_images,)
        True labels.
    corruptions : dict of str to function, default=None
        Functions from a grey Pillow image to one of the same size, by name. None uses the 36 of
        this package. Geometry: taller and wider by 20 and 30 %, rotated, off centre, keystone, the
        middle 80 % of each side, a field of view of 125 %. Grey levels: gamma, contrast, darker
        with less contrast, a narrow and a sigmoid window, and local contrast at two scales. Fine
        detail: blurred, sharpened, noise, JPEG, half the resolution. Surroundings: frames and
        burnt-in text, also painted out.
    groups : array-like of shape (n_images,), default=None
        The patient of each image; read from the file names by default.
    pos_label : label, default=None
        The positive class; by default the one that the estimator's threshold applies to, or else
        the illness by the names of the two.
    threshold : float, default=None
        Scores from this value on count as positive. None uses the estimator's ``predict``.
    confidence_level : float, default=0.95
        Confidence level of the two-sided intervals.

    Returns
    -------
    frame : pandas.DataFrame
        One row per corruption and metric (``roc_auc``, ``balanced_accuracy``, ``recall``,
        ``specificity``), with the columns ``corruption``, ``metric``, ``value``, ``low``,
        ``high``, ``n``, ``n_patients``, ``n_effective`` and ``interval``, as from
        :func:`evaluate`, and ``drop``, ``drop_low`` and ``drop_high``: the value on unaltered
        images minus this one, with the paired interval of :func:`compare`. ``held_back`` is True
        for three corruptions that no recipe of this package is trained on or chosen by. The first
        rows are "unaltered": the same copies without corruption, and without a drop. The last rows
        are the "mean" over all corruptions that are not held back, and the "worst" of them, which
        the column ``where`` names. ``frame.attrs["notes"]`` has sentences to print below the
        table. The frame prints each value with its interval, in one part per metric.

    Raises
    ------
    ValueError
        If a corruption returns an image of another size, or the numbers of labels and images
        differ.
    FileNotFoundError
        If a file is missing.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``X`` identifies the patients.

    See Also
    --------
    evaluate : Computes every metric on unaltered images.

    References
    ----------
    .. [1] D. Hendrycks and T. Dietterich, "Benchmarking neural network robustness to common
       corruptions and perturbations", ICLR 2019, arXiv:1903.12261.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.evaluation import stress_test
    >>> xrays = make_chest_xray(n_patients=16, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> frame = stress_test(pipe, xrays.filenames, xrays.target)
    >>> frame.pivot(index="corruption", columns="metric", values="value").shape
    (39, 4)
    """
    from skpneumo.evaluation._table import StressFrame

    groups = patients_of(X, len(X), groups)
    X = X if _are_images(X) else check_paths(X)
    corruptions = CORRUPTIONS if corruptions is None else corruptions
    if not isinstance(corruptions, Mapping):
        raise TypeError(
            f"corruptions={corruptions!r} is a {type(corruptions).__name__}; expected a dict of "
            "names and functions that alter an image, or None for those of this package."
        )
    loader = None if _are_images(X) else loader_of(estimator)
    normal_quantile(confidence_level)  # raises before minutes of predicting
    rows: list[dict[str, Any]] = []
    found: dict[str, Predictions] = {}
    for name, corruption in {UNALTERED: _as_it_is, **corruptions}.items():
        with corrupted(X, corruption, name, loader) as X_corrupted:
            found[name] = predictions_of(
                estimator,
                X_corrupted,
                y,
                groups=groups,
                pos_label=pos_label,
                threshold=threshold,
            )
        if name == UNALTERED:
            warn_of_dominant_patient(found[name])
        rows += _rows(name, found[name], found[UNALTERED], confidence_level)
    unaltered = found.pop(UNALTERED)
    counted = {name: each for name, each in found.items() if name not in HELD_BACK}
    if counted:
        rows += mean_rows(counted, unaltered, _METRICS, confidence_level)
        rows += worst_rows([row for row in rows if row["corruption"] in counted], _METRICS)
    frame = StressFrame(rows)
    frame.attrs["confidence_level"] = confidence_level
    frame.attrs["notes"] = notes(
        one_fit={},
        drops={},
        several_rows={"n_rows": len(frame), "misses": 100 * (1 - confidence_level)},
    )
    return frame


def _rows(
    name: str, predictions: Predictions, unaltered: Predictions, confidence_level: float
) -> list[dict[str, Any]]:
    """Make a row for each metric: its value under a corruption, and the drop."""
    drops = {}
    if predictions is not unaltered:
        differences = estimate_differences(unaltered, predictions, _METRICS, confidence_level)
        drops = {each.metric: (each.difference, each.low, each.high) for each in differences}
    rows = []
    for estimate in estimate_metrics(predictions, _METRICS, Settings(confidence_level)):
        drop, low, high = drops.get(estimate.metric, (np.nan, np.nan, np.nan))
        rows.append(
            {"corruption": name, **vars(estimate)}
            | {"drop": drop, "drop_low": low, "drop_high": high, "held_back": name in HELD_BACK}
        )
    return rows


@contextmanager
def corrupted(
    X: Any, corruption: Corruption, name: str, loader: ImageLoader | None = None
) -> Iterator[Any]:
    """Provide corrupted copies of images, or paths of copies that are removed afterwards.

    Files are read as the loader reads them, but for their size.
    """
    with ThreadPoolExecutor() as threads:
        corrupt = _on_pixels(corruption, name)
        if _are_images(X):
            images = check_images(X)
            copies = np.stack(list(threads.map(corrupt, images)))
            yield ImageArray.carrying(copies, X)
            return
        with temporary_folder(Path(gettempdir()), "skpneumo") as folder:
            reader = _reader_like(loader or ImageLoader())
            yield _write_copies(check_paths(X), reader, corrupt, folder, threads)


def _reader_like(loader: ImageLoader) -> ImageLoader:
    """Make a loader of copies, with the proportions that the estimator's own loader gives them."""
    height, width = np.broadcast_to(loader.size, 2)
    scale = _SIDE / max(height, width)
    size = round(scale * height), round(scale * width)
    return resized(loader, size, loader.resize, n_jobs=-1)


def _are_images(X: Any) -> bool:
    return getattr(X, "ndim", 1) == 4


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


def _on_pixels(corruption: Corruption, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Adapt a corruption of grey images to pixels with any number of channels."""

    def corrupt(pixels: np.ndarray) -> np.ndarray:
        channels = [
            np.asarray(corruption(Image.fromarray(pixels[..., i])))
            for i in range(pixels.shape[-1])
        ]
        if any(channel.shape != pixels.shape[:2] for channel in channels):
            raise ValueError(
                f"The corruption {name!r} returned an image of shape {channels[0].shape} for one "
                f"of shape {pixels.shape[:2]}. Return a grey image of the same size."
            )
        return np.stack(channels, axis=-1)

    return corrupt


def _write_copies(
    paths: np.ndarray,
    reader: ImageLoader,
    corrupt: Callable[[np.ndarray], np.ndarray],
    folder: Path,
    threads: ThreadPoolExecutor,
) -> np.ndarray:
    """Write a corrupted grey PNG of each file, with its name, which identifies the patient."""
    names = [str(folder / f"{i:06d}" / f"{Path(path).stem}.png") for i, path in enumerate(paths)]
    copies = np.array(names, dtype=object)

    def write(copy: str, pixels: np.ndarray) -> None:
        image = Image.fromarray(corrupt(pixels)[..., 0])
        with named_in_errors(copy):
            Path(copy).parent.mkdir()
            image.save(copy, compress_level=1)

    for part in gen_batches(len(paths), _CHUNK):
        images = reader.fit_transform(paths[part])
        list(threads.map(write, copies[part], images))
    return copies
