"""Detect pneumonia on chest X-rays with scikit-learn estimators.

The modules of the package are the stages of one flow::

    paths ─> audit, split by patient ─> rebalanced paths ─> images ─> augmented images
          ─> network ─> probability ─> decision ─> evaluation, explanation ─> report

    datasets       finds, downloads or draws X-ray files; reads patients from file names
    audit          finds problems of a collection
    splitting      splitters that keep each patient in one part
    rebalancing    under- and oversampling of paths or images
    loading        paths -> uint8 images
    enhancement    fixed preprocessing of images
    augmentation   random preprocessing of images, in training only
    networks       functions that build a keras.Model for a shape
    classifiers    the networks as scikit-learn classifiers
    tuning         searches that resume, halve by epochs and share a device
    fitted         looks inside a fitted estimator: transformers, classifiers, threshold
    decision       an operating point with a recall floor; an input gate
    evaluation     scorers, intervals, comparisons, displays
    explanation    heat maps, and tests whether to trust them
    report         all results on one HTML page
    persistence    saves fitted estimators in files that run no code
    recipes        whole pipelines by name
    serving        a local page and a REST interface over a saved model

No stage imports a later one. Public names and stages are imported on first use, so importing
``skpneumo`` does not import Keras, matplotlib or scikit-learn.
"""

from skpneumo._early_interrupt import end_silently_if_command

end_silently_if_command()  # before anything slow

import lazy_loader as lazy  # noqa: E402

from skpneumo._quiet_start import import_tensorflow_quietly  # noqa: E402

__version__ = "0.1.0"

import_tensorflow_quietly()

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
