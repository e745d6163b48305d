"""A classifier that runs an ONNX file, without Keras and TensorFlow."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from skpneumo._documentation import DocumentationLinks
from skpneumo._gate_parts import labels_withheld
from skpneumo._images import check_images
from skpneumo._log_probabilities import LogProbaMixin
from skpneumo._paths import filenames_of
from skpneumo._pixel_values import refuse_other_pixels
from skpneumo._warning_lines import users_stacklevel
from skpneumo.loading import ImageLoader
from skpneumo.persistence.onnx._metadata import ModelFacts
from skpneumo.persistence.onnx._optional import require_onnx

__all__ = ["OnnxClassifier"]

_REFER = "refer"
_MOST_NAMED = 5
# Attributes from the file, which is opened when the first of them is used.
_FROM_FILE = {
    "classes_",
    "target_names_",
    "pos_label_",
    "threshold_",
    "upper_threshold_",
    "recall_floor_",
    "card_",
    "provenance_",
    "facts_",
    "loader_",
    "false_alarm_rate_",
    "terms_",
    "on_outlier",
    "estimator_",
}


class OnnxClassifier(DocumentationLinks, LogProbaMixin, ClassifierMixin, BaseEstimator):
    """Classifier that predicts with an ONNX file written by :func:`export_onnx`.

    It needs onnxruntime, and imports neither Keras nor TensorFlow. Fitting is not needed: the file
    is opened on first use.

    Parameters
    ----------
    path : str or path-like
        The file.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    target_names_ : list of str
        Names of the classes; only if the file contains them.
    threshold_, pos_label_ : float, scalar
        ``pos_label_`` is predicted if its probability is ``threshold_`` or more; only if the
        threshold was chosen, for example by :class:`~skpneumo.RecallFloorClassifier`. Without
        ``pos_label_``, the threshold is for the second class, which need not be the illness.
    upper_threshold_ : float
        :meth:`decide` refers images from ``threshold_`` up to ``upper_threshold_``; only with
        ``threshold_``.
    recall_floor_ : dict
        The ``recall``, its ``confidence``, the ``guarantee`` ("exact" or "approximate") and its
        ``terms``, of :class:`~skpneumo.RecallFloorClassifier`; only if the model has a floor.
    on_outlier, false_alarm_rate_, terms_ : str, float, str
        As in :class:`~skpneumo.decision.InputGate`; only if the model has a gate.
    estimator_ : OnnxClassifier
        The same model without the input gate; only if it has one.
    loader_ : ImageLoader
        Reads files as the model does.
    card_ : str
        The model card.
    facts_ : object
        All that the file says of the model, which the other attributes are from.
    provenance_ : dict
        The provenance of the model; only if it was known at export.

    See Also
    --------
    export_onnx : Writes the file.

    Notes
    -----
    Opening a file from an unknown source is safe: no other file is read, its size and memory are
    bounded, and operators that :func:`export_onnx` does not use are rejected. Its predictions need
    not be right, though: the digest in it shows damage, but not who wrote it.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.persistence import OnnxClassifier, export_onnx
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> model = make_pipeline(
    ...     ImageLoader(size=16), CNNClassifier(filters=(4,), epochs=1, random_state=0))
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = export_onnx(model.fit(xrays.filenames, xrays.target), f"{folder}/model.onnx")
    ...     OnnxClassifier(f"{folder}/model.onnx").classes_
    array([0, 1])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"path": [str, os.PathLike]}

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Open the file; nothing is learned.

        Parameters
        ----------
        X, y : object
            Ignored.

        Returns
        -------
        self : OnnxClassifier

        Raises
        ------
        OSError
            If there is no such file.
        ValueError
            If it was not written by :func:`export_onnx`, or is damaged.
        ImportError
            If onnx or onnxruntime is not installed.
        """
        self._validate_params()
        require_onnx()
        from skpneumo.persistence.onnx._session import OnnxSession, read_bytes

        try:
            session = OnnxSession(read_bytes(self.path))
        except ValueError as error:
            raise ValueError(
                f"{os.fspath(self.path)} cannot be used as a model: {error}. Use a file written "
                "by export_onnx or `skpneumo export`."
            ) from error
        self._set_session(session)
        gate = session.facts.gate
        if gate is not None:
            # The attributes of a gated estimator: see InputGate and skpneumo.fitted.
            ungated = OnnxClassifier(self.path)
            ungated._set_session(session)
            self.estimator_ = ungated
            self.on_outlier = gate.on_outlier
            self.false_alarm_rate_ = gate.false_alarm_rate
            self.terms_ = gate.terms
        return self

    def _set_session(self, session: Any) -> None:
        """Set the session, and its facts as fitted attributes."""
        self._session = session
        for name, value in _attributes(session.facts).items():
            setattr(self, name, value)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            Paths in any form that :class:`~skpneumo.ImageLoader` accepts, of the same kinds of
            files; uint8 of shape (n_images, height, width, channels); or a list of uint8 arrays of
            shape (height, width) or (height, width, channels), of any sizes. Images are grey or
            RGB.

        Returns
        -------
        proba : ndarray of shape (n_images, n_classes)
            Columns in the order of ``classes_``. NaN for images that the input gate withholds, if
            its ``on_outlier`` is "nan".

        Raises
        ------
        OSError
            If there is no such file, or image files cannot be read.
        ValueError
            If the file is damaged, or the pixels cannot be the same kind as in training.
        OutlierImageError
            If the input gate withholds images, and its ``on_outlier`` is "raise".

        Warns
        -----
        OutlierImageWarning
            If the input gate would withhold images, and its ``on_outlier`` is "warn".
        """
        found = self._predicted(X)
        proba = np.array([each.probabilities for each in found])
        proba[self._withheld(found, X)] = np.nan
        return proba

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels with the model's threshold.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            As in :meth:`predict_proba`.

        Returns
        -------
        labels : ndarray of shape (n_images,)
            Entries of ``classes_``; NaN for withheld images, as in :meth:`predict_proba`.
        """
        found = self._predicted(X)
        labels = self.classes_[[each.label for each in found]]
        withheld = self._withheld(found, X)
        if vars(self).get("on_outlier") == "nan":
            return labels_withheld(labels, withheld)
        return labels

    def decide(self, X: Any) -> NDArray[np.object_]:
        """Predict labels, or "refer" as :class:`~skpneumo.RecallFloorClassifier` does.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            As in :meth:`predict_proba`.

        Returns
        -------
        decisions : ndarray of shape (n_images,), dtype object
            Labels of ``classes_``, or "refer". Without an upper threshold, no image is referred.
        """
        said = np.array([*self.classes_.tolist(), _REFER], dtype=object)
        found = self._predicted(X)
        decisions = said[[each.decision for each in found]]
        decisions[self._withheld(found, X)] = np.nan
        return decisions

    def reasons(self, X: Any) -> NDArray[np.object_]:
        """Explain why the input gate withholds each image.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            As in :meth:`predict_proba`.

        Returns
        -------
        reasons : ndarray of str, shape (n_images,), dtype object
            The checks that an image fails, in words; empty if it passes, or without a gate.
        """
        return self._reasons(self._predicted(X))

    def probabilities_and_labels(self, X: Any) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Predict probabilities and labels of all images in one run, without the input gate.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            As in :meth:`predict_proba`.

        Returns
        -------
        proba : ndarray of shape (n_images, n_classes)
        labels : ndarray of shape (n_images,)
        """
        found = self._predicted(X)
        labels = self.classes_[[each.label for each in found]]
        return np.array([each.probabilities for each in found]), labels

    def _predicted(self, X: Any) -> list[Any]:
        images: Any
        if _are_images(X):
            images, filenames = list(_images(X)), getattr(X, "filenames", None)
        else:
            loaded = self.loader_.transform(X)
            images, filenames = np.asarray(loaded), loaded.filenames
        if (learned := self.facts_.value_range) is not None and len(images):
            extremes = np.array([[image.min(), image.max()] for image in images])
            refuse_other_pixels(self, tuple(learned), extremes, filenames)
        return [self._session.predict(image) for image in images]

    def _reasons(self, found: list[Any]) -> NDArray[np.object_]:
        reasons = np.full(len(found), "", dtype=object)
        gate = self.facts_.gate
        if gate is not None and "on_outlier" in vars(self):
            for i, each in enumerate(found):
                passes = each.gate <= gate.thresholds  # NaN does not pass
                texts = [text for text, good in zip(gate.reasons, passes, strict=True) if not good]
                reasons[i] = ", ".join(texts)
        return reasons

    def _withheld(self, found: list[Any], X: Any) -> NDArray[np.bool_]:
        """Find the images to withhold; warn or raise if ``on_outlier`` says so."""
        reasons = self._reasons(found)
        withheld = reasons != ""
        if not withheld.any() or self.on_outlier == "nan":
            return withheld
        from skpneumo.decision import OutlierImageError, OutlierImageWarning

        rows = np.flatnonzero(withheld)
        names = filenames_of(X) if not _are_images(X) else None
        named = ", ".join(
            f"{f'image {row}' if names is None else names[row]} ({reasons[row]})"
            for row in rows[:_MOST_NAMED]
        )
        message = (
            f"{len(rows)} of {len(found)} images are unlike the training images, so their "
            f"predictions mean nothing: {named}{', ...' if len(rows) > _MOST_NAMED else ''}. Look "
            "at these images, then correct them or leave them out."
        )
        if self.on_outlier == "raise":
            raise OutlierImageError(message, reasons)
        warnings.warn(message, OutlierImageWarning, stacklevel=users_stacklevel())
        return np.zeros(len(found), dtype=bool)

    def __getattr__(self, name: str) -> Any:
        # Called only for attributes that do not exist yet.
        if name in _FROM_FILE and "facts_" not in vars(self):
            self.fit()
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _attributes(facts: ModelFacts) -> dict[str, Any]:
    """Make the fitted attributes of what the file contains."""
    found: dict[str, Any] = {
        "facts_": facts,
        "loader_": ImageLoader(**asdict(facts.loading), cache=False),
        "classes_": np.array(facts.classes),
        "card_": facts.card,
        "provenance_": facts.provenance,
        "target_names_": facts.names,
        "recall_floor_": facts.guarantee,
    }
    if facts.chosen_by is not None:
        found |= {"threshold_": facts.threshold, "pos_label_": facts.positive}
        found["upper_threshold_"] = facts.upper_threshold
    return {name: value for name, value in found.items() if value is not None}


def _are_images(X: Any) -> bool:
    if isinstance(X, np.ndarray):
        return X.dtype.kind not in "OUST"
    return isinstance(X, list | tuple) and len(X) > 0 and isinstance(X[0], np.ndarray)


def _images(X: Any) -> Iterator[NDArray[np.uint8]]:
    if isinstance(X, np.ndarray):
        X = check_images(X)
    for i, image in enumerate(X):
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.size == 0:
            raise ValueError(
                f"Image {i} is {image.dtype} of shape {image.shape}, but must be uint8 of shape "
                "(height, width), (height, width, 1) or (height, width, 3)."
            )
        image = image[..., None] if image.ndim == 2 else image
        if image.shape[2] not in (1, 3):
            raise ValueError(
                f"Image {i} has {image.shape[2]} channels, but must have 1 (grey) or 3 (RGB)."
            )
        yield image
