"""Plant shortcuts in synthetic images: features that reveal the class without the disease."""

from dataclasses import replace

from PIL import ExifTags, Image, ImageDraw, ImageFont

from skpneumo.datasets._rendering import Acquisition

__all__ = ["SHORTCUTS", "planted_acquisition", "planted_file", "planted_image"]

SHORTCUTS = ("ratio", "text", "border", "exposure", "device")

_HEIGHT_FACTOR = 1.2
_GAMMA_FACTOR = 1.6
_BORDER = 0.06  # of the width, at either side
_QUALITY_LOSS = 35  # of the JPEG quality, 1 to 95


def planted_acquisition(
    acquisition: Acquisition, shortcuts: tuple[str, ...], positive: bool
) -> Acquisition:
    """Give the images of one class another shape or exposure."""
    if "ratio" in shortcuts and not positive:  # taller, so that nothing is cut off
        acquisition = replace(acquisition, height=round(_HEIGHT_FACTOR * acquisition.height))
    if "exposure" in shortcuts and positive:
        acquisition = replace(acquisition, gamma=_GAMMA_FACTOR * acquisition.gamma)
    return acquisition


def planted_image(image: Image.Image, shortcuts: tuple[str, ...], positive: bool) -> Image.Image:
    """Burn letters into a corner of positive images, and blacken their sides."""
    if not positive or not {"text", "border"} & set(shortcuts):
        return image
    image = image.copy()
    width, height = image.size
    draw = ImageDraw.Draw(image)
    if "border" in shortcuts:
        wide = round(_BORDER * width)
        draw.rectangle((0, 0, wide, height), fill=0)
        draw.rectangle((width - wide, 0, width, height), fill=0)
    if "text" in shortcuts:
        font = ImageFont.load_default(max(1, round(0.07 * height)))
        draw.text((0.97 * width, 0.02 * height), "AP", fill=255, font=font, anchor="ra")
    return image


def planted_file(
    quality: int, shortcuts: tuple[str, ...], positive: bool
) -> tuple[int, dict[int, str]]:
    """Compress positive images more, and name another device in their files.

    Returns
    -------
    quality : int
        JPEG quality.
    exif : dict of int to str
        Tags of the file; empty if no device is planted.
    """
    if "device" not in shortcuts:
        return quality, {}
    model = "portable unit" if positive else "fixed unit"
    tags = {int(ExifTags.Base.Make): "synthetic", int(ExifTags.Base.Model): model}
    return quality - _QUALITY_LOSS * positive, tags
