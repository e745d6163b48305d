"""Occlusion: what the classifier says when a part of the image is hidden."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skpneumo._progress import in_batches
from skpneumo._sklearn import Interval, StrOptions, validate_params
from skpneumo._typing import ArrayLike
from skpneumo.explanation._model import take_apart, target_columns
from skpneumo.explanation._occluder import FILL, hidden_look

__all__ = ["occlusion_map"]


@validate_params(
    {
        "patch": [Interval(Integral, 1, None, closed="left"), None],
        "stride": [Interval(Integral, 1, None, closed="left"), None],
        "fill": FILL,
        "scale": [StrOptions({"log_odds", "probability"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def occlusion_map(
    estimator: Any,
    X: Any,
    *,
    target: Any = None,
    patch: int | None = None,
    stride: int | None = None,
    fill: str | ArrayLike = "mirror",
    scale: str = "log_odds",
    batch_size: int = 256,
) -> NDArray[np.float32]:
    """Map what hiding each part of an image takes from the prediction.

    A patch is moved over the image (Zeiler and Fergus [1]_). A pixel's value is the mean, over
    the patches that cover it, of how far the prediction falls. The rim of the patch is soft, for
    a network would take a sharp one for a finding.

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
        Of this package, of scikit-learn or another; best a pipeline from images or paths.
    X : array-like of length n_images
        What the estimator takes: paths, or images of shape (n_images, height, width, channels).
    target : label, default=None
        The class whose evidence is mapped. None: the second of two classes, PNEUMONIA; of
        more, the most probable one of each image.
    patch : int, default=None
        Side of the patch in pixels, where its rim is half clear. None: a fifth of the height,
        and of the width.
    stride : int, default=None
        Pixels from one patch to the next, no more than a patch. None: half a patch.
    fill : {"mirror"}, float or array of shape (height, width, channels), default="mirror"
        What is seen in place of the patch. "mirror": the same place on the other side of the
        image, which is how a reader judges a lung, and leaves no hole that looks like a
        disease. A number: that grey value; 0 is air. An image: the same place on it, such as
        on the mean of many normal images.
    scale : {"log_odds", "probability"}, default="log_odds"
        What falls. Log odds tell places apart where a network is sure. Probabilities suit
        classifiers that reach 0 and 1, as forests do; their log odds are cut off at 1e-9.
    batch_size : int, default=256
        Images at a time.

    Returns
    -------
    maps : ndarray of float32, shape (n_images, height, width)
        Evidence for the target where positive, against it where negative; of the size of the
        last images before the classifier.

    Raises
    ------
    ValueError
        If the classifier has no ``predict_proba``, there are no images to hide parts of,
        ``target`` is not a class, or ``stride`` is greater than ``patch``.

    Notes
    -----
    With "mirror" nothing is found where both sides are alike: in the middle of the image, or in
    two lungs that are equally affected.

    References
    ----------
    .. [1] Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skpneumo import ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import occlusion_map
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> as_rows = FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255)
    >>> pipe = make_pipeline(ImageLoader(size=32), as_rows, LogisticRegression())
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> occlusion_map(pipe, xrays.filenames[:3]).shape
    (3, 32, 32)
    """
    model, images = take_apart(estimator, X)
    columns = target_columns(model, images, target)
    places = [
        _Place(rows, across, np.multiply.outer(down, along)[:, :, np.newaxis])
        for rows, down in _patches(images.shape[1], patch, stride)
        for across, along in _patches(images.shape[2], patch, stride)
    ]
    hidden = hidden_look(images, fill)
    falls = np.empty((len(images), len(places)))
    for some in in_batches(falls.size, batch_size, "Occlusion"):
        which, where = np.divmod(some, len(places))
        batch = images[which]
        for changed, row, number in zip(batch, which, where, strict=True):
            places[number].cover(changed, hidden[row])
        falls[which, where] = -model.scores(batch, columns[which], scale)
    falls += model.scores(images, columns, scale)[:, np.newaxis]

    maps, covered = np.zeros(images.shape[:3]), np.zeros(images.shape[1:3])
    for fall, place in zip(falls.T, places, strict=True):
        share = place.share[:, :, 0]
        maps[:, place.rows, place.across] += fall[:, np.newaxis, np.newaxis] * share
        covered[place.rows, place.across] += share
    return (maps / covered).astype(np.float32)


class _Place(NamedTuple):
    """Where a patch lies, and how much of each pixel it covers there."""

    rows: slice
    across: slice
    share: NDArray[np.float32]

    def cover(self, image: NDArray[Any], hidden: NDArray[Any]) -> None:
        part = image[self.rows, self.across]
        seen = hidden[self.rows, self.across]
        covered = part + self.share * (seen.astype(np.float32) - part)
        part[:] = np.rint(covered) if image.dtype.kind in "iu" else covered


def _patches(
    length: int, patch: int | None, stride: int | None
) -> list[tuple[slice, NDArray[np.float32]]]:
    """The places of a patch along one side, and how much of each pixel it covers.

    All of the middle half, none from a quarter outside, half a cosine between.
    """
    patch = patch or max(1, round(length / 5))
    stride = stride or max(1, patch // 2)
    if stride > patch:
        raise ValueError(
            f"stride={stride} leaves gaps between patches of {patch} pixels. Expected a stride "
            "no greater than the patch."
        )
    n_patches = -(-length // stride)
    first = (length - (n_patches - 1) * stride) / 2
    places = []
    for centre in first + stride * np.arange(n_patches):
        distance = np.abs(np.arange(length) + 0.5 - centre) / patch
        share = 0.5 + 0.5 * np.cos(2 * np.pi * np.clip(distance - 0.25, 0.0, 0.5))
        touched = np.flatnonzero(share > 0)
        place = slice(int(touched[0]), int(touched[-1]) + 1)
        places.append((place, share[place].astype(np.float32)))
    return places
