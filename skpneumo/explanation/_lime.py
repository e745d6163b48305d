"""Explain predictions by LIME: a linear model of the effect of hiding superpixels."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._progress import progress
from skpneumo._random import check_random_state, random_seed
from skpneumo._sklearn import Interval, StrOptions, validate_params
from skpneumo._typing import ArrayLike
from skpneumo.explanation._model import split_at_images, target_columns
from skpneumo.explanation._occluder import FILL, hidden_images

__all__ = ["lime_map"]

# For grey levels from 0 to 1: high enough for compact superpixels in spite of noise, and low
# enough for them to follow the edges of heart and lungs.
_COMPACTNESS = 0.1
_SMOOTHING = 0.01  # share of a side


@validate_params(
    {
        "n_superpixels": [Interval(Integral, 2, None, closed="left")],
        "n_samples": [Interval(Integral, 2, None, closed="left")],
        "fill": FILL,
        "scale": [StrOptions({"log_odds", "probability"})],
        "random_state": ["random_state"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def lime_map(
    estimator: Any,
    X: Any,
    *,
    target: Any = None,
    n_superpixels: int = 100,
    n_samples: int = 500,
    fill: str | ArrayLike = "mirror",
    scale: str = "log_odds",
    random_state: int | np.random.RandomState | None = 0,
    batch_size: int = 256,
) -> NDArray[np.float32]:
    """Map the weight of each superpixel in a linear model of the prediction, by LIME.

    Random superpixels are hidden, and a ridge regression is fitted to the predictions (Ribeiro et
    al. [1]_), by the lime library.

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
        Any classifier, preferably a pipeline from images or paths.
    X : array-like of length n_images
        Input of the estimator: paths, or images of shape (n_images, height, width, channels).
    target : label, default=None
        The class to map the evidence for. None uses the positive one of two classes, or the most
        probable one of more for each image.
    n_superpixels : int, default=100
        Approximate number of superpixels of an image, by SLIC on smoothed grey levels. lime's
        default, quickshift, divides a grey image into hundreds of fragments.
    n_samples : int, default=500
        Number of versions of each image.
    fill : {"mirror"}, float or array of shape (height, width, channels), default="mirror"
        Replacement for hidden superpixels: the mirrored image, a grey value, or an image. See
        :func:`occlusion_map`. lime's default, the mean of the superpixel, would not hide an
        opacity.
    scale : {"log_odds", "probability"}, default="log_odds"
        Scale of the prediction that the regression explains.
    random_state : int, RandomState instance or None, default=0
        Seed of the superpixels to hide. It is used again for each image, so that a map does not
        depend on the other images.
    batch_size : int, default=256
        Number of versions at a time.

    Returns
    -------
    maps : ndarray of float32, shape (n_images, height, width)
        Evidence for the target (positive) or against it (negative); each pixel has the weight of
        its superpixel.

    Raises
    ------
    ImportError
        If lime is not installed.
    ValueError
        If the classifier has no ``predict_proba``, there are no images to hide parts of, or
        ``target`` is not a class.

    References
    ----------
    .. [1] Ribeiro, Singh and Guestrin, "Why should I trust you? Explaining the predictions of
       any classifier", KDD 2016.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import lime_map
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> lime_map(pipe, xrays.filenames[:3], n_samples=50).shape
    (3, 32, 32)
    """
    try:
        from skpneumo.explanation._lime_explainer import QuietExplainer
    except ImportError as error:
        raise ImportError(
            'LIME needs the package lime, which is not installed: pip install "skpneumo[explain]"'
        ) from error
    model, images = split_at_images(estimator, X)
    columns = target_columns(model, images, target)
    hidden = hidden_images(images, fill)
    seed = random_seed(check_random_state(random_state))
    n_channels = images.shape[-1]
    maps = np.empty(images.shape[:3], dtype=np.float32)
    for row in progress(range(len(images)), "LIME"):

        def score(versions: NDArray[Any], column: int = int(columns[row])) -> NDArray[np.float64]:
            versions = versions[..., :n_channels]
            return model.scores(versions, np.full(len(versions), column), scale)[:, np.newaxis]

        explanation = QuietExplainer(random_state=np.random.RandomState(seed)).explain_instance(
            _with_colour(images[row]),
            score,
            labels=(0,),
            top_labels=None,
            hide_color=_with_colour(hidden[row]),
            num_samples=n_samples,
            batch_size=batch_size,
            segmentation_fn=lambda image: _superpixels(image, n_superpixels),
        )
        weights = np.zeros(explanation.segments.max() + 1, dtype=np.float32)
        for superpixel, weight in explanation.local_exp[0]:
            weights[superpixel] = weight
        maps[row] = weights[explanation.segments]
    return maps


def _with_colour(image: NDArray[Any]) -> NDArray[Any]:
    """Repeat a grey image over three channels, because lime requires them (lime#661)."""
    return image.repeat(3, axis=-1) if image.shape[-1] == 1 else image


def _superpixels(image: NDArray[Any], n_superpixels: int) -> NDArray[np.intp]:
    from skimage.segmentation import slic

    grey = image.mean(axis=-1)
    low, high = grey.min(), grey.max()
    return slic(
        (grey - low) / max(high - low, 1e-9),
        n_segments=n_superpixels,
        compactness=_COMPACTNESS,
        sigma=_SMOOTHING * min(grey.shape),
        start_label=0,
        channel_axis=None,
    )
