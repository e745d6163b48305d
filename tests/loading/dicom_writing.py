"""DICOM files of any kind, written by pydicom, for the tests."""

import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

DX = "1.2.840.10008.5.1.4.1.1.1.1"
PYDICOM_DATA = Path(pydicom.__file__).parent / "data"


def write_dicom(
    path, stored, *, bits=None, signed=False, syntax=ExplicitVRLittleEndian, **elements
):
    """Write stored values, integers of shape (rows, columns) or (rows, columns, 3)."""
    stored = np.asarray(stored)
    allocated = 8 if stored.dtype.itemsize == 1 else 16
    ds = Dataset()
    ds.SOPClassUID = DX
    ds.SOPInstanceUID = generate_uid()
    ds.Modality = "DX"
    ds.Rows, ds.Columns = stored.shape[:2]
    ds.SamplesPerPixel = 1 if stored.ndim == 2 else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if stored.ndim == 2 else "RGB"
    if stored.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored = allocated, bits or allocated
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(signed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tests write odd values on purpose
        for keyword, value in elements.items():
            if value is not None:
                setattr(ds, keyword, value)
            elif keyword in ds:
                del ds[keyword]
    kind = f"{'<' if syntax.is_little_endian else '>'}{'i' if signed else 'u'}{allocated // 8}"
    data = stored.astype(kind).tobytes()
    if "PixelData" not in elements:
        ds.PixelData = data + b"\0" * (len(data) % 2)
        ds["PixelData"].VR = "OB" if allocated == 8 else "OW"
    return save(ds, path, syntax)


def save(ds, path, syntax):
    if not hasattr(ds, "file_meta"):
        ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.save_as(path, enforce_file_format=True)
    return str(path)


def as_radiograph(source, path, **elements):
    """Copy a file of any class as a digital X-ray, its pixel data untouched."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(source, force=True)
        ds.Modality, ds.SOPClassUID = "DX", DX
        ds.file_meta.MediaStorageSOPClassUID = DX
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        ds.save_as(path, enforce_file_format=True)
    return str(path)


def lut(entries, first=0, bits=8, vr="OW", byte_order="<"):
    """An item of a LUT sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 65536, first, bits])
    if vr == "OW":
        item.add_new("LUTData", "OW", np.asarray(entries, f"{byte_order}u2").tobytes())
    else:
        item.add_new("LUTData", "US", [int(entry) for entry in entries])
    return item
