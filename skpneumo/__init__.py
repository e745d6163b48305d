"""Pneumonia from chest X-rays as a scikit-learn citizen.

The package is one flow, and its modules are the stages of it::

    paths ─> audit, split by patient ─> rebalanced paths ─> images ─> augmented images
          ─> network ─> probability ─> decision ─> evaluation, explanation ─> report

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
    fitted         looks inside a fitted estimator: transformers, classifiers, threshold
    decision       an operating point with a recall floor; an input gate
    evaluation     scorers, intervals, comparisons, displays
    explanation    what the network looks at
    report         all of it on one HTML page
    persistence    fitted estimators as files that run no code
    recipes        whole pipelines by name
    serving        a local page and a REST interface over a saved model

No stage imports a later one. Public names are imported when they are first used: importing
``skpneumo`` imports neither Keras nor matplotlib, nor scikit-learn.
"""

from skpneumo._early_interrupt import end_silently_if_command

end_silently_if_command()  # before anything that takes time

import lazy_loader as lazy  # noqa: E402

from skpneumo._quiet_start import import_tensorflow_quietly  # noqa: E402

__version__ = "0.1.0"

import_tensorflow_quietly()

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
