"""What a DICOM image looks like, pixel by pixel from the standard, to compare the loader with.

Written from PS3.3 C.7.6.3, C.7.9 and C.11 and PS3.5 8, not from the loader: on pixels instead of
tables, with bits taken from the bytes of the file wherever nothing compresses them, and with
another decoder than the loader's where one is installed.
"""

import warnings

import numpy as np
import pydicom
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRBigEndian, RLELossless


def reference_image(path, window=0):
    """Grey levels from 0 to 255 as float, with a third axis for colour."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of elements that do not matter here
        return image_of(pydicom.dcmread(path, force=True), window)


def image_of(ds, window):
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        return palette_colors(ds, stored_values(ds))
    if ds.SamplesPerPixel == 3:
        return colors(ds)
    stored = stored_values(ds)
    grey = presented(ds, stored, window)
    padding = is_padding(ds, stored)
    return np.where(padding, 0.0, grey) * 255


# --- PS3.5 8: from bytes to stored values


def syntax_of(ds):
    return ds.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")


def decoded(ds, **options):
    """By a plugin that the loader does not use, where there is one."""
    decoder = get_decoder(syntax_of(ds))
    plugins = decoder.available_plugins
    for other in ("gdcm", "pyjpegls", "pydicom", *plugins):
        if other in plugins:
            try:
                return decoder.as_array(ds, index=0, decoding_plugin=other, **options)[0]
            except RuntimeError:
                continue
    raise RuntimeError("no decoder")


def samples(ds):
    """All samples of a file without compression, in the order of its bytes."""
    byte_order = ">" if syntax_of(ds) == ExplicitVRBigEndian else "<"
    data = ds.PixelData
    if ds.BitsAllocated == 1:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if ds.BitsAllocated == 8 and byte_order == ">" and ds["PixelData"].VR == "OW":
        data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    return np.frombuffer(data, f"{byte_order}u{ds.BitsAllocated // 8}").astype(np.int64)


def stored_values(ds):
    shape = ds.Rows, ds.Columns
    syntax = ds.file_meta.get("TransferSyntaxUID")
    if syntax is not None and syntax.is_encapsulated and syntax != RLELossless:
        return decoded(ds, raw=True).astype(np.int64)
    if syntax == RLELossless:
        raw = decoded(ds, raw=True, correct_unused_bits=False).astype(np.int64)
    else:
        raw = samples(ds)[: ds.Rows * ds.Columns].reshape(shape)
    high_bit = ds.get("HighBit", ds.BitsStored - 1)
    values = (raw >> (high_bit + 1 - ds.BitsStored)) % 2**ds.BitsStored
    if ds.PixelRepresentation == 1:
        values = np.where(values >= 2 ** (ds.BitsStored - 1), values - 2**ds.BitsStored, values)
    return values


# --- PS3.3 C.11: grey


def lookup(item, inputs, may_be_negative):
    """C.11.1.1: entry of each input, and the highest an entry can be."""
    n_entries, first, bits = (int(number) for number in item.LUTDescriptor)
    n_entries = n_entries or 65536
    if may_be_negative and first > 32767:
        first -= 65536
    data = item.LUTData
    if isinstance(data, bytes):
        little = item.original_encoding[1] is not False
        if len(data) < 2 * n_entries:
            data = np.frombuffer(data, np.uint8)
        else:
            data = np.frombuffer(data, "<u2" if little else ">u2")
    entries = np.atleast_1d(np.asarray(data, dtype=float))[:n_entries]
    position = np.round(inputs) - first
    position = np.minimum(np.maximum(position, 0), n_entries - 1).astype(int)
    return entries[position], 2.0**bits - 1


def presented(ds, stored, window):
    x = stored.astype(float)
    if ds.PixelRepresentation == 1:
        ends = [-(2.0 ** (ds.BitsStored - 1)), 2.0 ** (ds.BitsStored - 1) - 1]
    else:
        ends = [0.0, 2.0**ds.BitsStored - 1]
    lowest_stored = ends[0]
    # C.11.1 Modality LUT
    if ds.get("ModalityLUTSequence"):
        x, highest = lookup(ds.ModalityLUTSequence[0], x, lowest_stored < 0)
        ends = [0.0, highest]
    elif "RescaleSlope" in ds:
        slope, intercept = float(ds.RescaleSlope), float(ds.RescaleIntercept)
        x = slope * x + intercept
        ends = [slope * end + intercept for end in ends]
    black, white = min(ends), max(ends)
    # C.11.2 VOI LUT
    luts = list(ds.get("VOILUTSequence", []))
    centers = np.atleast_1d(np.asarray(ds.get("WindowCenter", []), dtype=float))
    widths = np.atleast_1d(np.asarray(ds.get("WindowWidth", []), dtype=float))
    if window is None or len(luts) + len(centers) == 0:
        y = (x - black) / (white - black)
    elif window < len(luts):
        entries, highest = lookup(luts[window], x, black < 0)
        y = entries / highest
    else:
        position = window - len(luts)
        y = windowed(x, centers[position], widths[position], ds.get("VOILUTFunction", "LINEAR"))
    # C.11.6, and C.7.6.3.1.2 for MONOCHROME1
    if ds.get("PresentationLUTSequence"):
        item = ds.PresentationLUTSequence[0]
        n_entries = item.LUTDescriptor[0] or 65536
        entries, highest = lookup(item, y * (n_entries - 1) + item.LUTDescriptor[1], False)
        return entries / highest
    inverse = ds.get("PresentationLUTShape") == "INVERSE"
    return 1 - y if inverse or ds.PhotometricInterpretation == "MONOCHROME1" else y


def windowed(x, c, w, function):
    """The three functions in the words of C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2."""
    y = np.empty_like(x)
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1.0 / (1.0 + np.exp(-4.0 * (x - c) / w))
    if function == "LINEAR":
        below, above = x <= c - 0.5 - (w - 1) / 2, x > c - 0.5 + (w - 1) / 2
        between = ~below & ~above
        if w > 1:
            y[between] = ((x[between] - (c - 0.5)) / (w - 1)) + 0.5
    else:
        assert function == "LINEAR_EXACT"
        below, above = x <= c - w / 2, x > c + w / 2
        between = ~below & ~above
        y[between] = (x[between] - c) / w + 0.5
    y[below], y[above] = 0.0, 1.0
    return y


def is_padding(ds, stored):
    """C.7.5.1.1.2."""
    if "PixelPaddingValue" not in ds:
        return np.zeros(stored.shape, dtype=bool)
    ends = [ds.PixelPaddingValue, ds.get("PixelPaddingRangeLimit", ds.PixelPaddingValue)]
    if ds.PixelRepresentation == 1:
        ends = [end - 65536 if end > 32767 else end for end in ends]
    return (min(ends) <= stored) & (stored <= max(ends))


# --- PS3.3 C.7.6.3.1: colour


def colors(ds):
    highest = 2.0**ds.BitsStored - 1
    syntax = ds.file_meta.get("TransferSyntaxUID")
    if syntax is not None and syntax.is_encapsulated:
        # Which colours a codestream has is between its decoder and its markers.
        return decoded(ds).astype(float) * (255 / highest)
    flat = samples(ds)
    n_pixels = ds.Rows * ds.Columns
    if ds.PhotometricInterpretation == "YBR_FULL_422":
        quadruples = flat[: 2 * n_pixels].reshape(-1, 4)
        luma = quadruples[:, :2].reshape(-1)
        planes = [luma, quadruples[:, 2].repeat(2), quadruples[:, 3].repeat(2)]
    elif ds.PlanarConfiguration == 1:
        planes = list(flat[: 3 * n_pixels].reshape(3, n_pixels))
    else:
        planes = list(flat[: 3 * n_pixels].reshape(n_pixels, 3).T)
    first, second, third = (plane.astype(float) for plane in planes)
    if ds.PhotometricInterpretation.startswith("YBR"):
        blue, red = second - 128, third - 128
        planes = [
            first + 1.402 * red,
            first - 0.344136 * blue - 0.714136 * red,
            first + 1.772 * blue,
        ]
    pixels = np.stack([np.asarray(plane, float) for plane in planes], axis=-1)
    return np.clip(pixels.reshape(ds.Rows, ds.Columns, 3), 0, highest) * (255 / highest)


def palette_colors(ds, stored):
    planes = []
    for color in ("Red", "Green", "Blue"):
        n_entries, first, bits = ds[f"{color}PaletteColorLookupTableDescriptor"].value
        n_entries = n_entries or 65536
        data = ds[f"{color}PaletteColorLookupTableData"].value
        if len(data) >= 2 * n_entries:
            big = syntax_of(ds) == ExplicitVRBigEndian
            entries = np.frombuffer(data, ">u2" if big else "<u2")
        else:
            entries = np.frombuffer(data, np.uint8)
        position = np.clip(stored - first, 0, n_entries - 1)
        planes.append(entries[position] * (255 / (2.0**bits - 1)))
    return np.stack(planes, axis=-1)
