"""Read from the headers of JPEG, PNG and TIFF how a file was made."""

from typing import Any

import numpy as np
import pandas as pd
from PIL import ExifTags, Image

from skpneumo._formatting import printable

__all__ = ["header_facts"]

_FORMATS = ("JPEG", "PNG", "TIFF")
_LONGEST_NAME = 64


def header_facts(path: str) -> dict[str, Any]:
    """Read the JPEG quantization tables, the device in EXIF, and the compression of a TIFF.

    Parameters
    ----------
    path : str
        A file that has been decoded already.

    Returns
    -------
    facts : dict
        ``jpeg_table``, the mean of the first quantization table, NaN if there is none;
        ``device``, "" if there is none; and ``compression`` of a TIFF as Pillow names it, "raw"
        for none, "" for other formats.
    """
    facts: dict[str, Any] = {"jpeg_table": np.nan, "device": "", "compression": ""}
    try:
        with Image.open(path, formats=_FORMATS) as image:
            tables = getattr(image, "quantization", None)
            exif = image.getexif()
            if image.format == "TIFF":
                facts["compression"] = image.info.get("compression", "")
    except (OSError, ValueError, SyntaxError):  # DICOM, or a header that decoding does not need
        return facts
    if tables:
        # The first table is for grey levels, and may be the only one.
        facts["jpeg_table"] = float(np.mean(tables[min(tables)]))
    named = [exif.get(tag) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)]
    facts["device"] = _name(named)
    return facts


def _name(parts: Any) -> str:
    words = [str(part).strip(" \0") for part in parts if not pd.isna(part) and str(part)]
    return printable(" ".join(words))[:_LONGEST_NAME].strip()
