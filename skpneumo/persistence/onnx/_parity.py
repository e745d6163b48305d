"""Compare an ONNX graph with its fitted model on the same pixels."""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from skpneumo._files import named_in_errors
from skpneumo.classifiers import CNNClassifier, TransferClassifier
from skpneumo.datasets import make_chest_xray
from skpneumo.fitted import classes_of, gate_of, map_classifiers, threshold_of, without_gate
from skpneumo.loading import ImageLoader
from skpneumo.persistence.onnx._session import OnnxSession

__all__ = ["Parity", "compare_with_model", "images_from", "invented_images", "pixels_of"]

_N_INVENTED = 6
_NEAR = 0.02
_EIGHT_BITS = ("1", "L", "P", "RGB")
_OF_OTHER_FILES = 1024


class Parity(NamedTuple):
    """Differences of the predictions of an ONNX graph and its model.

    Attributes
    ----------
    largest : float
        Largest difference of a probability.
    mean : float
        Mean difference of the probabilities.
    n_other_labels : int
        Number of images with another label, although their probability differs from the threshold
        by more than the tolerance.
    n_other_checks : int
        Number of images that pass only one of the input gates, although no score is near its
        threshold.
    n_images : int
        Number of images that were compared.
    """

    largest: float
    mean: float
    n_other_labels: int
    n_other_checks: int
    n_images: int


def compare_with_model(
    estimator: Any, session: OnnxSession, images: Sequence[NDArray[np.uint8]], tolerance: float
) -> Parity:
    """Predict with both: lossless files with the model, and their pixels with the graph."""
    reference = in_float32(without_gate(estimator))
    gated = gate_of(in_float32(estimator))
    with TemporaryDirectory(prefix="skpneumo-parity-") as folder:
        paths = []
        for i, image in enumerate(images):
            paths.append(str(Path(folder, f"{i}.png")))
            with named_in_errors(paths[-1]):
                Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
                    paths[-1], compress_level=1
                )
        expected = np.asarray(reference.predict_proba(paths), dtype=float)
        labels = np.asarray(reference.predict(paths)).tolist()
        scores = None if gated is None else _check_scores(gated, paths)
    found = [session.predict(image) for image in images]
    probabilities = np.array([each.probabilities for each in found])
    difference = np.abs(probabilities - expected)
    # NaN counts as a difference.
    difference = np.where(np.isfinite(difference), difference, np.inf)
    classes = classes_of(estimator)
    other = [
        classes[each.label] != label and clear
        for each, label, clear in zip(
            found, labels, _is_clear(estimator, expected, tolerance), strict=True
        )
    ]
    n_other_checks = 0
    if gated is not None and scores is not None:
        n_other_checks = _count_other_checks(gated.gate.thresholds_, scores, found)
    return Parity(
        float(difference.max()), float(difference.mean()), sum(other), n_other_checks, len(images)
    )


def _check_scores(gated: Any, paths: Any) -> NDArray[np.float64]:
    for transformer in gated.transformers:
        paths = transformer.transform(paths)
    return gated.gate.check_scores(paths)


def _count_other_checks(
    thresholds: NDArray[np.float64], expected: NDArray[np.float64], found: list[Any]
) -> int:
    """Count the images with a score on the other side of its threshold, and not near it.

    Scores are distances and log odds, so "near" is relative.
    """
    scores = np.array([each.gate for each in found])
    near = _NEAR * (1 + np.abs(thresholds))
    clear = np.abs(expected - thresholds) > near
    return int((((expected > thresholds) != ~(scores <= thresholds)) & clear).any(axis=1).sum())


def in_float32(estimator: Any) -> Any:
    """Copy an estimator with networks that compute in float32, as the graph does."""

    def changed(classifier: Any) -> Any:
        if not isinstance(classifier, CNNClassifier | TransferClassifier):
            return classifier
        other = copy(classifier)
        other.precision = "float32"
        return other

    return map_classifiers(estimator, changed)


def pixels_of(images: Sequence[Any] | None) -> list[NDArray[np.uint8]]:
    """Get pixels with channels of files or pixels, or of synthetic images for None."""
    if images is None:
        return invented_images()
    if not len(images):
        raise ValueError("images is empty. Pass at least one image, or None for synthetic ones.")
    pixels = []
    for image in images:
        if isinstance(image, np.ndarray):
            if image.dtype != np.uint8:
                raise ValueError(
                    f"images contains pixels of {image.dtype}, but they must be uint8."
                )
            pixels.append(image[..., None] if image.ndim == 2 else image)
        else:
            pixels += images_from([image])
    return pixels


def invented_images() -> list[NDArray[np.uint8]]:
    """Make synthetic X-rays: wide, tall, coloured, small and with a border."""
    with TemporaryDirectory(prefix="skpneumo-parity-") as folder:
        xrays = make_chest_xray(
            Path(folder, "xrays"),
            n_patients=_N_INVENTED,
            images_per_patient=1,
            val_fraction=0,
            test_fraction=0,
            random_state=0,
        )
        images = images_from(xrays.filenames)
    first = images[0]
    tints = np.array([1.0, 0.8, 0.6])
    framed = np.pad(images[1], ((20, 10), (30, 0), (0, 0)))
    return [
        *images,
        np.rot90(images[2]).copy(),
        (first * tints).astype(np.uint8),
        first[::9, ::9].copy(),
        framed,
        255 - images[3],
    ]


def images_from(paths: Sequence[Any]) -> list[NDArray[np.uint8]]:
    """Read files at full size, as pixels of 8 bits and one or three channels.

    Files without 8 bits, such as DICOM, are read at a fixed size, because the comparison only
    needs the same pixels for the graph and the model.
    """
    images = []
    for path in paths:
        pixels = _eight_bits(path)
        if pixels is None:
            loader = ImageLoader(size=_OF_OTHER_FILES, cache=False)
            (pixels,) = np.asarray(loader.transform([path]))
        images.append(pixels[..., None] if pixels.ndim == 2 else pixels)
    return images


def _eight_bits(path: Any) -> NDArray[np.uint8] | None:
    try:
        opened = Image.open(path, formats=["JPEG", "PNG", "TIFF"])
    except (OSError, ValueError):
        return None  # ImageLoader reads it, or raises an error
    with opened as image:
        if image.mode not in _EIGHT_BITS or image.has_transparency_data:
            return None
        upright = ImageOps.exif_transpose(image)
        return np.asarray(upright.convert("L" if upright.mode in ("1", "L") else "RGB"))


def _is_clear(
    estimator: Any, probabilities: NDArray[np.float64], tolerance: float
) -> NDArray[np.bool_]:
    """Tell whether each image is so far from the threshold that its label must be the same."""
    threshold = threshold_of(estimator)
    if threshold is None:
        best, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
        return best - second > 2 * tolerance
    column = classes_of(estimator).index(threshold.pos_label)
    return np.abs(probabilities[:, column] - threshold.value) > tolerance
