"""A fitted model as an ONNX file, checked against the model before it is written."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skpneumo._files import atomic_write
from skpneumo.persistence.onnx._optional import require_onnx
from skpneumo.persistence.onnx._refusal import NotExportableError

if TYPE_CHECKING:
    from skpneumo.persistence.onnx._parity import Parity

__all__ = ["export_onnx"]


def export_onnx(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    images: Sequence[Any] | None = None,
    target_names: Sequence[str] | None = None,
    card: str | None = None,
    tolerance: float = 1e-3,
) -> "Parity":
    """Write a fitted model to an ONNX file that predicts without Keras and TensorFlow.

    The graph takes the pixels of one image of any size, ``image``: uint8 of shape (height,
    width, channels), grey or RGB. In it are conversion to grey and resizing as by
    :class:`~skpneumo.ImageLoader`, enhancement, the networks, averages, calibration, the
    threshold, the decision and the input gate. Its outputs are ``probabilities``, float64 of
    shape (1, n_classes); ``label``, the number of the class that ``predict`` says;
    ``decision``, the same or -1 for "refer"; and with an input gate ``gate``, the scores of its
    checks, float64 of shape (1, n_checks). Before the file is written, it is run with
    onnxruntime and compared with the model.

    Parameters
    ----------
    estimator : fitted classifier
        From paths to probabilities: a pipeline that begins with
        :class:`~skpneumo.ImageLoader`, or a nest of pipelines, soft voting, calibration,
        :class:`~skpneumo.RecallFloorClassifier` and
        :class:`~skpneumo.decision.PriorShiftClassifier` around one.
    path : str or path-like
        The file to write, usually ``model.onnx``.
    images : sequence of path or of ndarray of uint8, default=None
        Images to compare on: files, or pixels of shape (height, width) or (height, width,
        channels). None: synthetic ones, see :func:`~skpneumo.make_chest_xray`.
    target_names : sequence of str, default=None
        What the classes are called. None: as the model says in ``target_names_``.
    card : str, default=None
        A model card, saved in the file. None: as the model says in ``card_``.
    tolerance : float, default=0.001
        Largest difference of a probability at which the file is written.

    Returns
    -------
    parity : Parity
        A named tuple: the ``largest`` and ``mean`` difference of probabilities,
        ``n_other_labels``, ``n_other_checks`` and ``n_images``.

    Raises
    ------
    NotExportableError
        If the model contains what the file cannot express, or if the graph says something else
        than the model. It is a ValueError. No file is written.
    ImportError
        If onnx or onnxruntime is not installed.

    See Also
    --------
    OnnxClassifier : The file as a classifier.

    Notes
    -----
    The networks compute in float32, whatever ``precision`` they were fitted with, and are
    compared with themselves in float32. The graph makes the same pixels of an image as the
    loader, with ``resize="crop"`` up to one grey level. A JPEG that the loader decodes
    at a fraction of its size may differ by more, as the documentation of the loader says.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.persistence import OnnxClassifier, export_onnx
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> model = make_pipeline(
    ...     ImageLoader(size=16), CNNClassifier(filters=(4,), epochs=1, random_state=0))
    >>> model = model.fit(xrays.filenames, xrays.target)
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     parity = export_onnx(model, f"{folder}/model.onnx")
    ...     OnnxClassifier(f"{folder}/model.onnx").predict_proba(xrays.filenames[:3]).shape
    (3, 2)
    >>> parity.largest < 1e-3
    True
    """
    require_onnx()
    from skpneumo.persistence.onnx._model import build_model
    from skpneumo.persistence.onnx._parity import compare_with_model, pixels_of
    from skpneumo.persistence.onnx._session import OnnxSession

    if not (is_classifier(estimator) and hasattr(estimator, "predict_proba")):
        raise TypeError(
            f"Expected a fitted classifier with predict_proba, got {type(estimator).__name__}. "
            "Export the whole pipeline, from ImageLoader to the classifier."
        )
    check_is_fitted(estimator)
    if target_names is None:
        target_names = getattr(estimator, "target_names_", None)
    if card is None:
        card = getattr(estimator, "card_", None) or ""
    model = build_model(estimator, target_names=target_names, card=card)
    data = model.SerializeToString(deterministic=True)
    parity = compare_with_model(estimator, OnnxSession(data), pixels_of(images), tolerance)
    _require_parity(parity, tolerance)
    with atomic_write(path, "wb") as file:
        file.write(data)
    return parity


def _require_parity(parity: "Parity", tolerance: float) -> None:
    if parity.largest <= tolerance and not (parity.n_other_labels or parity.n_other_checks):
        return
    raise NotExportableError(
        f"The ONNX graph differs from the model: probabilities by up to {parity.largest:.2g} "
        f"(tolerance {tolerance:g}), {parity.n_other_labels} of {parity.n_images} labels, and "
        f"the input gate of {parity.n_other_checks} images. "
        "Nothing was written. Please report it with the model's parameters; until it is fixed, "
        "use the model with Keras."
    )
