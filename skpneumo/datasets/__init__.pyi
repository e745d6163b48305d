from ._dicom_headers import read_dicom_headers
from ._fetch import fetch_chest_xray
from ._load import CollectionWarning, load_chest_xray
from ._make import make_chest_xray
from ._patients import UnknownNamesWarning, etiologies, patient_ids

__all__ = [
    "CollectionWarning",
    "UnknownNamesWarning",
    "etiologies",
    "fetch_chest_xray",
    "load_chest_xray",
    "make_chest_xray",
    "patient_ids",
    "read_dicom_headers",
]
