"""Export fitted models to ONNX files, after a comparison with the model."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skpneumo._files import atomic_write
from skpneumo._responses import how_to_get_probabilities
from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._optional import require_onnx

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

    The graph takes the pixels of one image of any size, ``image``: uint8 of shape (height, width,
    channels), grey or RGB. It contains the conversion to grey and the resizing of
    :class:`~skpneumo.ImageLoader`, enhancement, the networks, averages, calibration, the
    threshold, the decision and the input gate. Its outputs are ``probabilities``, float64 of shape
    (1, n_classes); ``label``, the number of the predicted class; ``decision``, the same or -1 for
    "refer"; and with an input gate ``gate``, the scores of its checks, float64 of shape (1,
    n_checks). Before the file is written, it is run with onnxruntime and compared with the model.

    Parameters
    ----------
    estimator : fitted classifier
        A classifier of paths: a pipeline that begins with :class:`~skpneumo.ImageLoader`, or any
        nesting of pipelines, soft voting, calibration, :class:`~skpneumo.RecallFloorClassifier`
        and :class:`~skpneumo.decision.PriorShiftClassifier` around one.
    path : str or path-like
        The file to write, usually ``model.onnx``.
    images : sequence of path or of ndarray of uint8, default=None
        Images for the comparison: files, or pixels of shape (height, width) or (height, width,
        channels). By default synthetic ones, see :func:`~skpneumo.make_chest_xray`.
    target_names : sequence of str, default=None
        Names of the classes; by default ``target_names_`` of the model.
    card : str, default=None
        A model card to save in the file; by default ``card_`` of the model.
    tolerance : float, default=0.001
        Largest difference of probabilities that is accepted.

    Returns
    -------
    parity : Parity
        A named tuple: the ``largest`` and ``mean`` difference of probabilities,
        ``n_other_labels``, ``n_other_checks`` and ``n_images``.

    Raises
    ------
    NotExportableError
        If the model contains something that ONNX cannot express, or if the predictions of the
        graph differ. It is a ValueError, and no file is written.
    ImportError
        If onnx or onnxruntime is not installed.

    See Also
    --------
    OnnxClassifier : Classifier that uses the file.

    Notes
    -----
    The networks compute in float32, whatever their ``precision`` in fitting, and are compared with
    the model in float32. The graph resizes images to the same pixels as the loader, with
    ``resize="crop"`` up to one grey level. A JPEG that the loader decodes at a fraction of its
    size can differ by more, as explained in the documentation of the loader.

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

    if not is_classifier(estimator):
        raise TypeError(
            f"Only a fitted classifier can be exported, not a {type(estimator).__name__}. Export "
            "the whole pipeline, from ImageLoader to the classifier."
        )
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"{type(estimator).__name__} has no predict_proba, but the file gives probabilities. "
            f"{how_to_get_probabilities(estimator)}"
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
        f"(tolerance {tolerance:g}), {parity.n_other_labels} of {parity.n_images} labels, and the "
        f"input gate for {parity.n_other_checks} images. No file was written. Please report this "
        "with the parameters of the model, and use the model itself until it is fixed."
    )
