"""The pipeline of ``fit`` and ``tune``, in one place."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skpneumo import Pipeline

__all__ = ["default_pipeline"]


def default_pipeline(
    size: int, epochs: int, random_state: int, n_jobs: int | None, verbose: bool
) -> "Pipeline":
    """Load paths and train a residual network; that of ``benchmarks/patient_holdout.py``."""
    from skpneumo.cli._quiet_start import start_keras

    start_keras()
    from skpneumo import CNNClassifier, ImageAugmenter, ImageLoader, Pipeline

    network = CNNClassifier(
        filters=(16, 32, 64, 128),
        convs_per_block=2,
        residual=True,
        batch_norm=True,
        global_pooling="average",
        dense_units=(),
        epochs=epochs,
        schedule="cosine",
        augmentation=ImageAugmenter(
            rotation=10, zoom=0.1, width_shift=0.1, height_shift=0.1, horizontal_flip=True
        ),
        verbose=2 if verbose else 0,
        random_state=random_state,
    )
    return Pipeline([("load", ImageLoader(size=size, n_jobs=n_jobs)), ("cnn", network)])
