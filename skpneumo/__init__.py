"""Pneumonia from chest X-rays as a scikit-learn citizen.

The package is one flow, and its modules are the stages of it::

    paths ─> audit, split by patient ─> rebalanced paths ─> images ─> augmented images
          ─> network ─> probability ─> decision ─> evaluation, explanation

    datasets       finds, downloads or invents X-ray files; reads patients off their names
    audit          what is wrong with this collection
    splitting      splitters that never let a patient cross a split
    rebalancing    under- and oversampling of paths or images
    loading        paths -> uint8 images
    enhancement    fixed preprocessing of images
    augmentation   random preprocessing of images, in training only
    networks       pure functions: shape -> keras.Model
    classifiers    the networks as scikit-learn classifiers
    tuning         searches that resume, halve by epochs and share a device
    decision       an operating point with a recall floor
    fitted         looks inside a fitted estimator: transformers, classifiers, threshold
    evaluation     scorers, intervals, displays
    explanation    what the network looks at
    report         a page with all there is to say about a model
    recipes        whole pipelines by name

No stage imports a later one. Public names are handed out lazily: importing ``skpneumo``
imports neither Keras nor matplotlib, nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skpneumo.audit import audit_images
    from skpneumo.augmentation import ImageAugmenter
    from skpneumo.classifiers import CNNClassifier, TransferClassifier
    from skpneumo.datasets import (
        etiologies,
        fetch_chest_xray,
        load_chest_xray,
        make_chest_xray,
        patient_ids,
    )
    from skpneumo.decision import RecallFloorClassifier
    from skpneumo.enhancement import BorderCropper, ContrastEqualizer
    from skpneumo.evaluation import compare, compare_protocols, evaluate
    from skpneumo.explanation import (
        activation_maps,
        explanation_report,
        grad_cam,
        integrated_gradients,
        lime_map,
        occlusion_map,
    )
    from skpneumo.loading import ImageLoader
    from skpneumo.networks import build_cnn, build_pretrained
    from skpneumo.pipeline import Pipeline, make_pipeline
    from skpneumo.rebalancing import ImageResampler
    from skpneumo.recipes import list_recipes, make_recipe
    from skpneumo.splitting import PatientKFold, patient_train_test_split
    from skpneumo.tuning import (
        ResumableGridSearchCV,
        ResumableHalvingGridSearchCV,
        ResumableHalvingRandomSearchCV,
        ResumableRandomizedSearchCV,
    )

__version__ = "0.1.0"

_STAGE_OF_NAME = {
    "BorderCropper": "enhancement",
    "CNNClassifier": "classifiers",
    "ContrastEqualizer": "enhancement",
    "ImageAugmenter": "augmentation",
    "ImageLoader": "loading",
    "ImageResampler": "rebalancing",
    "PatientKFold": "splitting",
    "Pipeline": "pipeline",
    "RecallFloorClassifier": "decision",
    "ResumableGridSearchCV": "tuning",
    "ResumableHalvingGridSearchCV": "tuning",
    "ResumableHalvingRandomSearchCV": "tuning",
    "ResumableRandomizedSearchCV": "tuning",
    "TransferClassifier": "classifiers",
    "activation_maps": "explanation",
    "audit_images": "audit",
    "build_cnn": "networks",
    "build_pretrained": "networks",
    "compare": "evaluation",
    "compare_protocols": "evaluation",
    "etiologies": "datasets",
    "evaluate": "evaluation",
    "explanation_report": "explanation",
    "fetch_chest_xray": "datasets",
    "grad_cam": "explanation",
    "integrated_gradients": "explanation",
    "lime_map": "explanation",
    "list_recipes": "recipes",
    "load_chest_xray": "datasets",
    "make_chest_xray": "datasets",
    "make_pipeline": "pipeline",
    "make_recipe": "recipes",
    "occlusion_map": "explanation",
    "patient_ids": "datasets",
    "patient_train_test_split": "splitting",
}

__all__ = [
    "BorderCropper",
    "CNNClassifier",
    "ContrastEqualizer",
    "ImageAugmenter",
    "ImageLoader",
    "ImageResampler",
    "PatientKFold",
    "Pipeline",
    "RecallFloorClassifier",
    "ResumableGridSearchCV",
    "ResumableHalvingGridSearchCV",
    "ResumableHalvingRandomSearchCV",
    "ResumableRandomizedSearchCV",
    "TransferClassifier",
    "activation_maps",
    "audit_images",
    "build_cnn",
    "build_pretrained",
    "compare",
    "compare_protocols",
    "etiologies",
    "evaluate",
    "explanation_report",
    "fetch_chest_xray",
    "grad_cam",
    "integrated_gradients",
    "lime_map",
    "list_recipes",
    "load_chest_xray",
    "make_chest_xray",
    "make_pipeline",
    "make_recipe",
    "occlusion_map",
    "patient_ids",
    "patient_train_test_split",
]


def __getattr__(name: str) -> Any:
    if name not in _STAGE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_STAGE_OF_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
