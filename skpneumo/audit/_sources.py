"""Sources other than the lungs by which a class might be recognised, and their remedies."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo._lung_field import lung_boxes, share_of_lungs
from skpneumo.audit._reading import THUMBNAIL_SIDE

__all__ = ["Source", "sources_of"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_NOTABLE_AUC = 0.65
# Sources that the disease may change as well need a higher AUC.
_NOTABLE_AUC_OF_DISEASE = 0.8
_CORNER = 16, 6  # width and height, in pixels of a thumbnail: a quarter and a tenth
_FRAME = 6
_BLOCK = 8
# A pixel is outside the lungs if it is in the lungs of fewer images than this share.
_LEAST_SHARE_OF_LUNGS = 0.02
_MOST_DEVICES = 20

_BALANCE = "Balance the classes within each machine, and test within one."
_TEXT = (
    "Paint text over with MarkerRemover, or cover corners at random, "
    "ImageAugmenter(erasing=0.5, marks=0.5)."
)
_SHAPE = (
    "Vary the ratio at random, ImageAugmenter(aspect=0.43), or preserve it, "
    'ImageLoader(resize="pad").'
)
_FRAME_REMEDY = (
    "Vary the field of view, ImageAugmenter(crop_scale=(0.5, 1.5), collimation=0.2), or remove "
    "borders with BorderCropper."
)


class Source(NamedTuple):
    """A source by which a class may be recognised.

    Attributes
    ----------
    features : ndarray of shape (n_files, n_features)
        Features for a linear model.
    remedy : str
        What to do about it.
    may_be_disease : bool
        Whether the disease may change it as well, so that it is no proof of a shortcut.
    region : ndarray of bool, shape (64, 64), or None
        Where on a thumbnail the features are; None if they are of the file or the whole image.
    """

    features: Floats
    remedy: str
    may_be_disease: bool = False
    region: Mask | None = None

    @property
    def notable_auc(self) -> float:
        """The AUC above which the source is a finding."""
        return _NOTABLE_AUC_OF_DISEASE if self.may_be_disease else _NOTABLE_AUC


def sources_of(frame: pd.DataFrame, thumbnails: NDArray[np.uint8]) -> dict[str, Source]:
    """Compute all sources by name."""
    boxes = lung_boxes(thumbnails[..., np.newaxis])
    readable = frame["status"].eq("ok").to_numpy()
    return _of_files(frame) | _of_places(thumbnails, boxes[readable]) | _of_numbers(frame, boxes)


def _of_files(frame: pd.DataFrame) -> dict[str, Source]:
    width, height, n_bytes = (
        frame[name].to_numpy(float, na_value=1.0).clip(1) for name in ("width", "height", "bytes")
    )
    kind = frame["format"].astype(str) + " " + frame["mode"].astype(str)
    return {
        "width over height": Source(_column(np.log(width / height)), _SHAPE),
        "width and height in pixels": Source(
            np.column_stack([np.log(width), np.log(height)]),
            "Images with more pixels are sharper when reduced: vary sharpness at random, "
            f"ImageAugmenter(sharpness=1). {_BALANCE}",
        ),
        "file format, mode and bit depth": Source(
            _indicators(kind + " " + frame["bit_depth"].astype(str)), _BALANCE
        ),
        "JPEG tables": Source(
            np.column_stack([frame["jpeg_table"].fillna(0.0), frame["jpeg_table"].notna()]),
            _BALANCE,
        ),
        "bytes per pixel": Source(
            _column(np.log(n_bytes / (width * height))), _BALANCE, may_be_disease=True
        ),
        "device in the header": Source(_indicators(frame["device"]), _BALANCE),
    }


def _of_places(thumbnails: NDArray[np.uint8], boxes: Floats) -> dict[str, Source]:
    light = thumbnails.astype(float)
    across, down = _CORNER
    sources = {}
    for name, rows, columns in (
        ("upper left", slice(None, down), slice(None, across)),
        ("upper right", slice(None, down), slice(-across, None)),
        ("lower left", slice(-down, None), slice(None, across)),
        ("lower right", slice(-down, None), slice(-across, None)),
    ):
        sources[f"{name} corner"] = Source(
            _block_means(light[:, rows, columns], 2), _TEXT, region=_mask(rows, columns)
        )
    frame = ~_mask(slice(_FRAME, -_FRAME), slice(_FRAME, -_FRAME))
    sources["outer tenth"] = Source(_strips(light), _FRAME_REMEDY, region=frame)
    # One mask for all images, because the outline of the lungs of each could reveal the class.
    share = share_of_lungs(boxes, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    outside = share < _LEAST_SHARE_OF_LUNGS
    sources["everything but the lungs"] = Source(
        _masked_means(light, outside), f"{_FRAME_REMEDY} {_TEXT}", region=outside
    )
    return sources


def _of_numbers(frame: pd.DataFrame, boxes: Floats) -> dict[str, Source]:
    """Compute single numbers of an image, all of which pneumonia may change as well."""
    sharpness = "Vary it at random, ImageAugmenter(sharpness=1)."
    numbers = {
        "mean grey level": (
            frame["mean"],
            'Normalize the exposure of each image, CNNClassifier(normalization="image").',
        ),
        "sharpness": (frame["sharpness"], sharpness),
        "local contrast": (
            frame["local_contrast"],
            "Vary it at random, ImageAugmenter(local_contrast=0.5).",
        ),
        "noise": (frame["noise"], f"{sharpness} Add noise, ImageAugmenter(noise=8)."),
        "width over height of the lungs": (pd.Series(np.log(boxes[:, 2] / boxes[:, 3])), _SHAPE),
    }
    return {
        name: Source(_column(values.fillna(0.0).to_numpy(float)), remedy, may_be_disease=True)
        for name, (values, remedy) in numbers.items()
    }


def _column(values: Floats) -> Floats:
    return np.asarray(values, float)[:, np.newaxis]


def _indicators(values: pd.Series) -> Floats:
    """Make an indicator column for each of the most frequent values."""
    frequent = values.value_counts().index[:_MOST_DEVICES]
    return np.column_stack([values.eq(value).to_numpy(float) for value in frequent])


def _mask(rows: slice, columns: slice) -> Mask:
    mask = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), bool)
    mask[rows, columns] = True
    return mask


def _strips(light: Floats) -> Floats:
    """Compute means along the four sides, over eight pixels of a thumbnail each."""
    sides = [
        light[:, :_FRAME].mean(axis=1),
        light[:, -_FRAME:].mean(axis=1),
        light[:, :, :_FRAME].mean(axis=2),
        light[:, :, -_FRAME:].mean(axis=2),
    ]
    return np.column_stack([_block_means(side[:, np.newaxis], 1, _BLOCK) for side in sides])


def _masked_means(light: Floats, mask: Mask) -> Floats:
    """Compute means of blocks over the mask, for blocks that overlap it."""
    share = _block_means(mask[np.newaxis].astype(float), _BLOCK)[0]
    within = _block_means(light * mask, _BLOCK)
    return within[:, share > 0] / share[share > 0]


def _block_means(light: Floats, down: int, across: int | None = None) -> Floats:
    """Compute means of blocks of pixels, one row per image."""
    across = down if across is None else across
    n, height, width = light.shape
    blocks = light.reshape(n, height // down, down, width // across, across)
    return blocks.mean(axis=(2, 4)).reshape(n, -1)
