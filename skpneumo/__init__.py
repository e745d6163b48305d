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
    decision       an operating point with a recall floor
    evaluation     scorers, intervals, displays, report
    explanation    what the network looks at

No stage imports a later one. Public names are handed out lazily: importing ``skpneumo``
imports neither Keras nor matplotlib, nor scikit-learn.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_STAGE_OF_NAME = {
    "etiologies": "datasets",
    "fetch_chest_xray": "datasets",
    "load_chest_xray": "datasets",
    "make_chest_xray": "datasets",
    "patient_ids": "datasets",
    "PatientKFold": "splitting",
    "patient_train_test_split": "splitting",
    "ImageResampler": "rebalancing",
    "ImageLoader": "loading",
    "BorderCropper": "enhancement",
    "ContrastEqualizer": "enhancement",
    "ImageAugmenter": "augmentation",
    "build_cnn": "networks",
    "build_pretrained": "networks",
    "CNNClassifier": "classifiers",
    "TransferClassifier": "classifiers",
    "Pipeline": "pipeline",
    "make_pipeline": "pipeline",
}

__all__ = sorted(_STAGE_OF_NAME)


def __getattr__(name: str) -> Any:
    if name not in _STAGE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_STAGE_OF_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
