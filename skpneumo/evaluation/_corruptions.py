"""Corruptions that mimic another machine, operator or file format."""

from collections.abc import Callable

from PIL import Image

from skpneumo.evaluation._geometric_corruptions import (
    crop,
    keystone,
    pad,
    rotate,
    shift,
    taller,
    wider,
)
from skpneumo.evaluation._intensity_corruptions import (
    contrast,
    darker_and_flatter,
    gamma,
    linear_window,
    local_contrast,
    sigmoid_window,
)
from skpneumo.evaluation._mark_corruptions import (
    frame,
    marker,
    text_in_corners,
    text_painted_out,
)
from skpneumo.evaluation._sharpness_corruptions import (
    blur,
    half_resolution,
    jpeg,
    noise,
    sharper,
)

__all__ = ["CORRUPTIONS", "HELD_BACK", "Corruption"]

Corruption = Callable[[Image.Image], Image.Image]

CORRUPTIONS: dict[str, Corruption] = {
    "gamma 0.6": gamma(0.6),
    "gamma 1.6": gamma(1.6),
    "contrast x 0.6": contrast(0.6),
    "contrast x 1.5": contrast(1.5),
    "cropped to 80 %": crop(0.8),
    "padded to 125 %": pad(1.25),
    "blur 1.5 px": blur(1.5),
    "noise 10/255": noise(10),
    "JPEG quality 30": jpeg(30),
    "black borders 10 %": frame(0.1, 0),
    "half resolution": half_resolution,
    "burnt-in marker": marker,
    "taller by 20 %": taller(1.2),
    "taller by 30 %": taller(1.3),
    "wider by 20 %": wider(1.2),
    "wider by 30 %": wider(1.3),
    "rotated by 10°": rotate(10),
    "off centre sideways": shift(0.12, 0),
    "off centre upwards": shift(0, -0.12),
    "keystone 15 %": keystone(0.15),
    "darker and flatter x 0.8": darker_and_flatter(0.8),
    "darker and flatter x 0.65": darker_and_flatter(0.65),
    "darker and flatter x 0.5": darker_and_flatter(0.5),
    "narrow window": linear_window(0.1, 0.8),
    "sigmoid window": sigmoid_window(0.5, 0.6),
    "fine contrast x 0.6": local_contrast(0.6, 0.03),
    "fine contrast x 1.6": local_contrast(1.6, 0.03),
    "coarse contrast x 0.6": local_contrast(0.6, 0.12),
    "coarse contrast x 1.6": local_contrast(1.6, 0.12),
    "blur 2.5 px": blur(2.5),
    "sharpened": sharper(1.5, 150),
    "noise 20/255": noise(20),
    "text in every corner": text_in_corners,
    "text painted out": text_painted_out,
    "grey frame 8 %": frame(0.08, 110),
    "white frame 8 %": frame(0.08, 255),
}
"""Corruptions by name: functions from a grey image to one of the same size."""

HELD_BACK = ("keystone 15 %", "sigmoid window", "white frame 8 %")
"""Corruptions that no recipe is trained on or chosen by: geometry, grey levels, surroundings.

They were chosen before any recipe was tested on them. None of them is an augmentation: a
projection is not an affine map, a sigmoid is not a factor, power or linear window, and no
augmentation makes all four edges white.
"""
