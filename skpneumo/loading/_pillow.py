"""Decode JPEG, PNG and TIFF with Pillow."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from skpneumo.loading._decoder_messages import libtiff_errors
from skpneumo.loading._integrity import CheckedFile, CheckedJpegFile
from skpneumo.loading._resizing import DecodedImage, scaled_size, turned

__all__ = ["MAX_PIXELS", "read_with_pillow", "refuse_truncated_images", "size_with_pillow"]

# The size above which Pillow suspects a decompression bomb; the largest flat-panel detectors and
# film scanners stay below half of it. A thread needs up to 4 bytes per pixel while it decodes.
MAX_PIXELS = 89_478_485

# A JPEG decoded at a reduced scale has at least this many times the pixels of the result along
# each side, so that resizing still averages.
_DRAFT_GAP = 2

# TIFF tags and values.
_UNSIGNED, _SIGNED = 1, 2
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_NEW_SUBFILE_TYPE, _REDUCED, _MASK = 254, 1, 4
_SUBFILE_TYPE, _OLD_REDUCED = 255, 2


def read_with_pillow(
    image_class: type[CheckedFile],
    file: IO[bytes],
    size: tuple[int, int] | None,
    color_mode: str,
    resize: str,
    white: float | None = None,
) -> DecodedImage:
    """Decode an open file; a JPEG only at the scale that resizing to ``size`` needs.

    Without a size it is decoded at full scale. ``white`` is the value of white in files of more
    than 8 bits that do not declare it, see :class:`~skpneumo.ImageLoader`.

    Raises
    ------
    ValueError
        If the file is damaged, or cannot be converted to a single 8-bit image.
    OSError
        If the file system fails.
    RuntimeError
        If Pillow is set to load truncated images.
    """
    refuse_truncated_images()
    with _damage_explained(image_class):
        # Not Image.open, which tries every format and enforces its own global limit of pixels.
        image = image_class(file)
    _refuse_bombs_and_stacks(image)
    if white is not None:
        _refuse_deep_color(image)
    collected = libtiff_errors() if image.format == "TIFF" else nullcontext(list[str]())
    with _damage_explained(image_class), collected as errors:
        image.check_file()
        scaled_extent = size and _choose_scale(image, size, color_mode, resize)
        _load(image, errors)
        image.check_pixels()
        # Read after loading: by then Pillow has turned a TIFF upright and removed the tag, and a
        # PNG may have its EXIF block after the pixels.
        orientation = orientation_of(image)
    width, height = scaled_extent or image.size
    form, mode = str(image.format), image.mode
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values, bits, black, white = _deep_grey(image, white)
        return DecodedImage(values, width, height, orientation, black, white, form, mode, bits)
    if _tiff_tag(image, ExifTags.Base.SampleFormat, _UNSIGNED) == _SIGNED:
        raise ValueError("signed 8-bit pixels, which Pillow misreads; save them as unsigned")
    bits = 1 if image.mode == "1" else 8
    pixels = _to_eight_bits(image, color_mode)
    return DecodedImage(pixels, width, height, orientation, format=form, mode=mode, bits=bits)


def size_with_pillow(image_class: type[CheckedFile], file: IO[bytes]) -> tuple[int, int]:
    """Read the width and height of the upright image in an open file without decoding it.

    Raises
    ------
    ValueError
        If the file is damaged.
    OSError
        If the file system fails.
    """
    with _damage_explained(image_class):
        image = image_class(file)
        if getattr(image, "is_animated", False):
            _find_only_image(image)
        return turned(image.size, orientation_of(image))


def refuse_truncated_images() -> None:
    """Raise an error if Pillow is set to load truncated images."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise RuntimeError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is True (some code in this process set it), "
            "with which truncated X-rays would load with their missing part grey. Set it to False."
        )


def _load(image: ImageFile.ImageFile, messages: list[str]) -> None:
    try:
        image.load()
    except OSError as error:
        if not messages:
            raise
        raise ValueError(messages[0]) from error
    if messages:  # Pillow has ignored the error
        raise ValueError(messages[0])


@contextmanager
def _damage_explained(image_class: type[ImageFile.ImageFile]) -> Iterator[None]:
    # A broken file can make Pillow raise almost any exception.
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk or the network, not the file
        if str(error) == "unknown pixel mode":
            raise ValueError(
                f"a {image_class.format} with pixels that Pillow does not read, such as floating "
                "point of 16 or 64 bits; save it as 8- or 16-bit grey"
            ) from error
        raise ValueError(
            f"damaged or unsupported {image_class.format} ({str(error) or type(error).__name__}); "
            "copy or export it again"
        ) from error


def _refuse_bombs_and_stacks(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"claims {width} x {height} pixels, more than the limit of {MAX_PIXELS:,} that guards "
            "against decompression bombs; export it at a lower resolution"
        )
    if getattr(image, "is_animated", False) and not _find_only_image(image):
        raise ValueError(
            "contains more than one image, and nothing says which is the X-ray; "
            "save that one as a separate file"
        )


def _refuse_deep_color(image: ImageFile.ImageFile) -> None:
    """Raise if Pillow reads only the upper bytes of colours, so that white has no effect."""
    deep = any(";16" in str(tile.args) for tile in image.tile)
    if deep and image.mode in ("LA", "RGB", "RGBA"):
        raise ValueError(
            "colour of 16 bits, of which 8 are read, so that the value of white has no effect; "
            "save it as 16-bit grey"
        )


def _find_only_image(image: ImageFile.ImageFile) -> bool:
    """Seek the only page of a TIFF that is neither a reduced version nor a mask of another."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    with _damage_explained(type(image)):
        pages = []
        for page in range(image.n_frames):
            image.seek(page)
            kind = _tiff_tag(image, _NEW_SUBFILE_TYPE, 0)
            if not kind & (_REDUCED | _MASK) and image.tag_v2.get(_SUBFILE_TYPE) != _OLD_REDUCED:
                pages.append(page)
        image.seek(pages[0] if pages else 0)
    return len(pages) == 1


def _choose_scale(
    image: ImageFile.ImageFile, size: tuple[int, int], color_mode: str, resize: str
) -> tuple[float, float] | None:
    """Set a JPEG to decode at the scale needed; return its exact width and height then."""
    # libjpeg decodes lossless JPEG only at full size.
    if not isinstance(image, CheckedJpegFile) or image.is_lossless:
        return None
    width, height = scaled_size(*image.size, turned(size, orientation_of(image)), resize)
    # For grey, libjpeg skips the colour planes; its luma is that of mode "L".
    mode = "L" if color_mode == "grayscale" else None
    drafted = image.draft(mode, (_DRAFT_GAP * width, _DRAFT_GAP * height))
    return None if drafted is None else drafted[1][2:]


def orientation_of(image: ImageFile.ImageFile) -> int:
    """Read the EXIF orientation: 1, upright, to 8; from 5 on, width and height are exchanged."""
    try:
        orientation: Any = image.getexif().get(ExifTags.Base.Orientation)
    except (SyntaxError, struct.error, KeyError, TypeError, ValueError):
        return 1  # a broken EXIF block does not affect the pixels
    return orientation if orientation in range(1, 9) else 1


def _deep_grey(
    image: ImageFile.ImageFile, given_white: float | None
) -> tuple[Image.Image, int, float, float]:
    """Convert grey of more than 8 bits to mode "F"; return it, its bits, black and white."""
    bits = _tiff_tag(image, ExifTags.Base.BitsPerSample, 32 if image.mode == "F" else 16)
    sample_format = _tiff_tag(image, ExifTags.Base.SampleFormat, _UNSIGNED)
    polarity = _tiff_tag(image, ExifTags.Base.PhotometricInterpretation, _BLACK_IS_ZERO)
    if image.mode == "F":
        black, white = 0.0, 1.0
    elif bits == 16 and sample_format == _SIGNED:
        black, white = -(2.0**15), 2.0**15 - 1
    else:
        black, white = 0.0, 2.0 ** min(bits, 16) - 1
    declares_white = bits < 16 or (bits == 16 and sample_format == _SIGNED)
    if given_white is not None and not declares_white:
        white = given_white
    values = image.convert("F")
    if image.mode in ("I", "F") or white == given_white:
        pixels = np.asarray(values)
        lowest, highest = pixels.min(), pixels.max()
        if not (black <= lowest and highest <= white):  # also true for NaN
            kind = "floating-point" if image.mode == "F" else f"{bits}-bit"
            raise ValueError(
                f"{kind} pixels from {lowest:g} to {highest:g}, but {black:g} counts as black and "
                f"{white:g} as white; pass the value of white with ImageLoader(white=), or save "
                "it as 16-bit grey"
            )
    if polarity == _WHITE_IS_ZERO:  # Pillow inverts only images of up to 8 bits
        black, white = white, black
    return values, bits, black, white


def _tiff_tag(image: ImageFile.ImageFile, tag: int, default: int) -> int:
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return default
    value = image.tag_v2.get(tag, default)
    return value[0] if isinstance(value, tuple) else value


def _to_eight_bits(image: Image.Image, color_mode: str) -> Image.Image:
    """Convert to mode "L" or "RGB"; grey stays grey until it has been resized."""
    if image.has_transparency_data:
        # Composing over black is multiplying colours by alpha.
        red, green, blue, _ = image.convert("RGBA").convert("RGBa").split()
        image = Image.merge("RGB", (red, green, blue))
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if color_mode == "grayscale" and image.mode == "RGB":
        image = image.convert("L")
    return image
