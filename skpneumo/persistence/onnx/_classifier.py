"""A model in an ONNX file as a scikit-learn classifier, without Keras and TensorFlow."""

import os
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from skpneumo._documentation import DocumentationLinks
from skpneumo._images import check_images
from skpneumo.loading import ImageLoader
from skpneumo.persistence.onnx._metadata import ModelFacts
from skpneumo.persistence.onnx._optional import require_onnx

__all__ = ["OnnxClassifier"]

_REFER = "refer"
# Attributes that the file tells; it is opened when the first of them is asked for.
_FROM_FILE = {
    "classes_",
    "target_names_",
    "pos_label_",
    "threshold_",
    "upper_threshold_",
    "guarantee_",
    "card_",
    "facts_",
}


class OnnxClassifier(DocumentationLinks, ClassifierMixin, BaseEstimator):
    """Classifier that predicts from an ONNX file, of :func:`export_onnx`.

    It needs onnxruntime, and imports neither Keras nor TensorFlow. There is nothing to fit: the
    file is opened when it is used for the first time.

    Parameters
    ----------
    path : str or path-like
        The file.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    target_names_ : list of str
        What they are called; only where the file says so.
    threshold_, pos_label_ : float, scalar
        Probabilities from ``threshold_`` on are called ``pos_label_``; only where something
        chose a threshold, such as :class:`~skpneumo.RecallFloorClassifier`.
    upper_threshold_ : float
        :meth:`decide` refers what lies below it; only with ``threshold_``.
    guarantee_ : dict
        The recall floor and its terms; only where there is one.
    card_ : str
        The model card.

    See Also
    --------
    export_onnx : Writes the file.

    Notes
    -----
    A file from elsewhere does no harm: no other file is read, its size and memory are bounded,
    and operators that :func:`export_onnx` does not use are refused. What it predicts is another
    matter: the digest in it shows damage, not who wrote it.

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
            If it is not a file that :func:`export_onnx` wrote, or is damaged.
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
                f"{os.fspath(self.path)} cannot be used as a model: {error}. "
                "export_onnx or `skpneumo export` writes one."
            ) from error
        self._session = session
        for name, value in _attributes(session.facts).items():
            setattr(self, name, value)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            Paths in any form that :class:`~skpneumo.ImageLoader` takes, and read as it reads
            them, DICOM included; uint8 of shape (n_images, height, width, channels); or a list
            of uint8 arrays of shape (height, width) or (height, width, channels), of any sizes.
            Images are grey or RGB.

        Returns
        -------
        proba : ndarray of shape (n_images, n_classes)
            Columns in the order of ``classes_``.
        """
        return np.array([each.probabilities for each in self._predicted(X)])

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels, at the model's own threshold.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            As in :meth:`predict_proba`.

        Returns
        -------
        labels : ndarray of shape (n_images,)
        """
        return self.classes_[[each.label for each in self._predicted(X)]]

    def decide(self, X: Any) -> NDArray[np.object_]:
        """Labels, or "refer" where neither is safe, as :class:`~skpneumo.RecallFloorClassifier`.

        Parameters
        ----------
        X : array-like of paths, stack of images, or list of images
            As in :meth:`predict_proba`.

        Returns
        -------
        decisions : ndarray of shape (n_images,), dtype object
            Entries of ``classes_``, and "refer". Without an upper threshold nothing is referred.
        """
        said = [*self.classes_.tolist(), _REFER]
        decisions = np.empty(len(X), dtype=object)
        decisions[:] = [said[each.decision] for each in self._predicted(X)]
        return decisions

    def probabilities_and_labels(self, X: Any) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Give what :meth:`predict_proba` and :meth:`predict` give, from one run.

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
        loading = self.facts_.loading
        images: Any
        if _are_images(X):
            images = _images(X)
        else:
            loader = ImageLoader(
                size=tuple(loading.size),
                color_mode=loading.color_mode,
                resize=loading.resize,
                dicom_window=loading.dicom_window,
                cache=False,
            )
            images = np.asarray(loader.transform(X))
        return [self._session.predict(image) for image in images]

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there yet.
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
    """The fitted attributes; what the file does not say has none."""
    found: dict[str, Any] = {
        "facts_": facts,
        "classes_": np.array(facts.classes),
        "card_": facts.card,
        "target_names_": facts.names,
        "guarantee_": facts.guarantee,
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
                f"Image {i} is {image.dtype} of shape {image.shape}; expected uint8 of shape "
                "(height, width), (height, width, 1) or (height, width, 3)."
            )
        image = image[..., None] if image.ndim == 2 else image
        if image.shape[2] not in (1, 3):
            raise ValueError(
                f"Image {i} has {image.shape[2]} channels; expected 1 (grey) or 3 (RGB)."
            )
        yield image
