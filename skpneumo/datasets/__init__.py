"""Collections of chest X-rays: read from a folder, downloaded, or invented.

Every function that returns a collection returns the same :class:`~sklearn.utils.Bunch`: paths,
targets, patients, etiologies and splits, row by row. Nothing here opens an image.
"""

from skpneumo.datasets._fetch import fetch_chest_xray
from skpneumo.datasets._load import CollectionWarning, load_chest_xray
from skpneumo.datasets._make import make_chest_xray
from skpneumo.datasets._patients import UnknownNamesWarning, etiologies, patient_ids

__all__ = [
    "CollectionWarning",
    "UnknownNamesWarning",
    "etiologies",
    "fetch_chest_xray",
    "load_chest_xray",
    "make_chest_xray",
    "patient_ids",
]
