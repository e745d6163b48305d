"""Explain predictions by hiding parts of the image."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skpneumo._progress import in_batches
from skpneumo._sklearn import Interval, StrOptions, validate_params
from skpneumo._typing import ArrayLike
from skpneumo.explanation._model import split_at_images, target_columns
from skpneumo.explanation._occluder import FILL, hidden_images

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
    """Map how much hiding each part of an image lowers the prediction.

    A patch is moved over the image (Zeiler and Fergus [1]_). The value of a pixel is the mean drop
    of the prediction over the patches that cover it. The edge of the patch is soft, because a
    network might take a sharp edge for a finding.

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
        Any classifier, preferably a pipeline from images or paths.
    X : array-like of length n_images
        Input of the estimator: paths, or images of shape (n_images, height, width, channels).
    target : label, default=None
        The class to map the evidence for. None uses the positive one of two classes, or the most
        probable one of more for each image.
    patch : int, default=None
        Side of the patch in pixels, measured where its edge is half transparent. None uses a fifth
        of the height and of the width.
    stride : int, default=None
        Distance between patches in pixels, at most the size of a patch. None uses half a patch.
    fill : {"mirror"}, float or array of shape (height, width, channels), default="mirror"
        Replacement for the patch. "mirror" uses the mirrored image, with which a radiologist also
        compares a lung, and which leaves no hole that looks like a disease. A number is a grey
        value; 0 is air. An image is used at the same place, such as the mean of many normal
        images.
    scale : {"log_odds", "probability"}, default="log_odds"
        Scale of the drop. Log odds distinguish places even if a network is very confident.
        Probabilities suit classifiers that reach 0 and 1, such as forests; for log odds these are
        clipped at 1e-9.
    batch_size : int, default=256
        Number of images at a time.

    Returns
    -------
    maps : ndarray of float32, shape (n_images, height, width)
        Evidence for the target (positive) or against it (negative), of the size of the last images
        before the classifier.

    Raises
    ------
    ValueError
        If the classifier has no ``predict_proba``, there are no images to hide parts of,
        ``target`` is not a class, or ``stride`` is greater than ``patch``.

    Notes
    -----
    "mirror" finds nothing where both sides are alike: in the middle of the image, or if both lungs
    are equally affected.

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
    model, images = split_at_images(estimator, X)
    columns = target_columns(model, images, target)
    places = [
        _Place(rows, across, np.multiply.outer(down, along)[:, :, np.newaxis])
        for rows, down in _patches(images.shape[1], patch, stride)
        for across, along in _patches(images.shape[2], patch, stride)
    ]
    hidden = hidden_images(images, fill)
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
    """Position of a patch, and the share of each pixel that it covers."""

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
    """List the positions of a patch along one side, with the share of each pixel it covers.

    The middle half is fully covered; the cover falls as half a cosine to a quarter outside.
    """
    patch = patch or max(1, round(length / 5))
    stride = stride or max(1, patch // 2)
    if stride > patch:
        raise ValueError(
            f"stride={stride} leaves gaps between patches of {patch} pixels. Pass a stride of at "
            f"most {patch}."
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
