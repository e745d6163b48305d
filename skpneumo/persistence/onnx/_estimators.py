"""Add fitted estimators to a graph, from the image to the probabilities of all classes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline

from skpneumo._messages import by_interface
from skpneumo._sklearn import BaseSearchCV
from skpneumo.classifiers import CNNClassifier, TransferClassifier
from skpneumo.decision import InputGate, PriorShiftClassifier, RecallFloorClassifier
from skpneumo.fitted import classifiers_of, gate_of, split_transformers, unwrap
from skpneumo.loading import ImageLoader
from skpneumo.persistence.onnx._calibration import (
    both_classes,
    calibrate_by_class,
    calibrate_recall_floor,
    column,
    shift_prior,
)
from skpneumo.persistence.onnx._enhancement import ENHANCEMENTS
from skpneumo.persistence.onnx._errors import NotExportableError
from skpneumo.persistence.onnx._gate import add_checks
from skpneumo.persistence.onnx._graph import DOUBLE, GraphBuilder, Tensor
from skpneumo.persistence.onnx._network import add_network
from skpneumo.persistence.onnx._resizing import load_image

__all__ = ["EstimatorGraph"]


class EstimatorGraph:
    """Adds a fitted estimator, and all that it contains, to a graph.

    Parameters
    ----------
    graph : GraphBuilder
        The graph to add nodes to.
    image : str
        Name of the graph's input.

    Attributes
    ----------
    loaders : list of ImageLoader
        The loaders of the estimator, one for each path through it.
    value_range : tuple of (low, high) or None
        The range of the training images of all networks, if loaders make their input.
    """

    def __init__(self, graph: GraphBuilder, image: str) -> None:
        self.graph = graph
        self.image = image
        self.loaders: list[ImageLoader] = []
        self._n_gates = 0
        self._loaded: list[Tensor] = []
        self._ranges: set[tuple[float, float] | None] = set()

    @property
    def value_range(self) -> tuple[float, float] | None:
        return next(iter(self._ranges)) if len(self._ranges) == 1 else None

    def probabilities(self, estimator: Any, images: Tensor | None = None) -> str:
        """Add the result of ``predict_proba``: float64 of shape (1, n_classes).

        Parameters
        ----------
        estimator : fitted classifier
            The estimator, nested in any way.
        images : Tensor or None, default=None
            Input of the estimator; by default the input of the graph, in place of a path.

        Raises
        ------
        NotExportableError
            If it contains something that cannot be expressed.
        """
        for kind, add in _ESTIMATORS.items():
            if isinstance(estimator, kind):
                return add(self, estimator, images)
        raise NotExportableError(
            f"{type(estimator).__name__} cannot be exported to ONNX. Supported are pipelines, and "
            f"{', '.join(sorted(each.__name__ for each in _ESTIMATORS))}. {_instead()}"
        )

    def gate_scores(self, estimator: Any) -> str | None:
        """Add the scores of the input gate's checks; None without a gate.

        Call it after :meth:`probabilities`.
        """
        inner = gate_of(estimator)
        if self._n_gates > (inner is not None):
            raise NotExportableError(
                f"The model has {self._n_gates} input gates, but an ONNX file can have only one, "
                "around the whole model: InputGate(model)."
            )
        if inner is None:
            return None
        transformers, predictor = split_transformers(inner.gate.estimator_)
        images = None
        for step in [*inner.transformers, *transformers]:
            images = self._transformed(step, images)
        first = classifiers_of(predictor)[0]
        features = None
        if "features" in inner.gate.checks_:
            logits = add_network(
                self.graph, first.classifier.network_, _loaded(images, first.classifier)
            )
            features = self.graph.maker_of(logits.name).input[0]
        return add_checks(self.graph, inner.gate, _loaded(images, inner.gate), features)

    def _gated(self, gate: InputGate, images: Tensor | None) -> str:
        self._n_gates += 1
        return self.probabilities(gate.estimator_, images)

    def _pipeline(self, pipeline: Pipeline, images: Tensor | None) -> str:
        for _, step in pipeline.steps[:-1]:
            # Resamplers do nothing in prediction.
            if step in (None, "passthrough") or hasattr(step, "fit_resample"):
                continue
            images = self._transformed(step, images)
        return self.probabilities(pipeline.steps[-1][1], images)

    def _transformed(self, step: Any, images: Tensor | None) -> Tensor:
        if isinstance(step, ImageLoader):
            if images is not None:
                raise NotExportableError(
                    "The model has a second ImageLoader behind the first. Train it with one."
                )
            self.loaders.append(step)
            self._loaded.append(load_image(self.graph, self.image, step))
            return self._loaded[-1]
        if type(step) not in ENHANCEMENTS:
            raise NotExportableError(
                f"The step {type(step).__name__} cannot be exported to ONNX. The steps before the "
                f"classifier can be ImageLoader, ContrastEqualizer and BorderCropper. {_instead()}"
            )
        return ENHANCEMENTS[type(step)](self.graph, step, _loaded(images, step))

    def _network(self, classifier: Any, images: Tensor | None) -> str:
        if classifier.n_tta and classifier.augmentation is not None:
            raise NotExportableError(
                f"The model has n_tta={classifier.n_tta}, an average over augmented versions of "
                "each image, which cannot be exported to ONNX. Train it with n_tta=0, or call "
                "set_params(n_tta=0) and choose its threshold again."
            )
        images = _loaded(images, classifier)
        if images.shape != classifier.input_shape_:
            raise NotExportableError(
                f"The classifier was fitted on images of shape {classifier.input_shape_}, but the "
                f"steps before it make images of shape {images.shape}."
            )
        self._ranges.add(classifier.value_range_ if images in self._loaded else None)
        graph = self.graph
        logits = add_network(graph, classifier.network_, images)
        logits_64 = graph.node("Cast", logits.name, to=DOUBLE)
        if logits.shape == (1,):
            return both_classes(graph, graph.node("Sigmoid", logits_64), 1)
        return graph.node("Softmax", logits_64, axis=1)

    def _average(self, voting: VotingClassifier, images: Tensor | None) -> str:
        if voting.voting != "soft":
            raise NotExportableError(
                "VotingClassifier(voting='hard') has no probabilities. Use voting='soft'."
            )
        weights = None
        if voting.weights is not None:
            kept = [each != "drop" for _, each in voting.estimators]
            weights = np.asarray(voting.weights, dtype=float)[kept]
        members = [self._member(each, voting, images) for each in voting.estimators_]
        return self._mean(members, weights)

    def _calibrated(self, calibrated: CalibratedClassifierCV, images: Tensor | None) -> str:
        members = []
        for each in calibrated.calibrated_classifiers_:
            if hasattr(each.estimator, "decision_function"):
                raise NotExportableError(
                    f"{type(unwrap(each.estimator)).__name__} has no probabilities of its own and "
                    "is calibrated by its decision_function, but only networks of this package, "
                    "and the calibration of their probabilities, can be exported to ONNX. "
                    + _instead()
                )
            raw = self._member(each.estimator, calibrated, images)
            members.append(calibrate_by_class(self.graph, each, raw))
        return self._mean(members)

    def _recall_floor(self, classifier: RecallFloorClassifier, images: Tensor | None) -> str:
        number = classifier.classes_.tolist().index(classifier.pos_label_)
        scores = [
            column(self.graph, self._member(each, classifier, images), number)
            for each in classifier.estimators_
        ]
        score = calibrate_recall_floor(self.graph, classifier, self._mean(scores))
        return both_classes(self.graph, score, number)

    def _prior_shift(self, classifier: PriorShiftClassifier, images: Tensor | None) -> str:
        number = classifier.classes_.tolist().index(classifier.pos_label_)
        before = self.probabilities(classifier.estimator_, images)
        score = shift_prior(self.graph, classifier, column(self.graph, before, number))
        return both_classes(self.graph, score, number)

    def _inner(self, outer: Any, images: Tensor | None) -> str:
        """Add the estimator inside a wrapper that does not change probabilities."""
        for name in ("best_estimator_", "estimator_", "estimator"):
            if hasattr(outer, name) and name in vars(outer):
                return self.probabilities(getattr(outer, name), images)
        raise NotExportableError(f"{type(outer).__name__} has not been fitted.")

    def _member(self, member: Any, outer: Any, images: Tensor | None) -> str:
        if len(member.classes_) != len(outer.classes_):
            raise NotExportableError(
                f"A member of {type(outer).__name__} has {len(member.classes_)} of the "
                f"{len(outer.classes_)} classes. Fit it on folds that have all classes."
            )
        return self.probabilities(member, images)

    def _mean(self, members: list[str], weights: Any = None) -> str:
        if len(members) == 1:
            return members[0]
        graph = self.graph
        # In NumPy's order, so that values exactly at a threshold stay there.
        if weights is not None:
            members = [
                graph.node("Mul", member, graph.double(float(weight)))
                for member, weight in zip(members, weights, strict=True)
            ]
        total = members[0]
        for member in members[1:]:
            total = graph.node("Add", total, member)
        n = float(len(members) if weights is None else weights.sum())
        return graph.node("Div", total, graph.double(n))


def _instead() -> str:
    """Advise what to do with a model of another kind."""
    return by_interface(
        python="Use the model itself: save_model writes it to a file, for other machines as well.",
        shell="Train a network, such as the recipe robust.",
    )


def _loaded(images: Tensor | None, step: Any) -> Tensor:
    if images is None:
        raise NotExportableError(
            f"{type(step).__name__} has no ImageLoader before it, so it is unknown how images are "
            "resized. Add one: make_pipeline(ImageLoader(size=...), "
            "FrozenEstimator(classifier)).fit(paths, y)."
        )
    return images


# The first matching type is used.
_ESTIMATORS: dict[type, Callable[[EstimatorGraph, Any, Tensor | None], str]] = {
    Pipeline: EstimatorGraph._pipeline,
    FrozenEstimator: EstimatorGraph._inner,
    BaseSearchCV: EstimatorGraph._inner,
    FixedThresholdClassifier: EstimatorGraph._inner,
    TunedThresholdClassifierCV: EstimatorGraph._inner,
    CNNClassifier: EstimatorGraph._network,
    TransferClassifier: EstimatorGraph._network,
    VotingClassifier: EstimatorGraph._average,
    CalibratedClassifierCV: EstimatorGraph._calibrated,
    RecallFloorClassifier: EstimatorGraph._recall_floor,
    PriorShiftClassifier: EstimatorGraph._prior_shift,
    InputGate: EstimatorGraph._gated,
}
