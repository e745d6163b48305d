from ._dicom_headers import read_dicom_headers
from ._fetch import fetch_chest_xray
from ._file_names import etiologies, patient_ids
from ._load import load_chest_xray
from ._load_table import load_image_table
from ._make import make_chest_xray
from ._warnings import (
    CollectionWarning,
    SharedPatientsWarning,
    SkippedFilesWarning,
    UnknownPatientsWarning,
)

__all__ = [
    "CollectionWarning",
    "SharedPatientsWarning",
    "SkippedFilesWarning",
    "UnknownPatientsWarning",
    "etiologies",
    "fetch_chest_xray",
    "load_chest_xray",
    "load_image_table",
    "make_chest_xray",
    "patient_ids",
    "read_dicom_headers",
]
