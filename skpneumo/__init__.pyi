from .audit import audit_images
from .augmentation import ImageAugmenter
from .classifiers import CNNClassifier, TransferClassifier
from .datasets import (
    etiologies,
    fetch_chest_xray,
    load_chest_xray,
    load_image_table,
    make_chest_xray,
    patient_ids,
    read_dicom_headers,
)
from .decision import RecallFloorClassifier
from .enhancement import BorderCropper, ContrastEqualizer, MarkerRemover
from .evaluation import compare, compare_protocols, evaluate
from .explanation import (
    activation_maps,
    explanation_report,
    grad_cam,
    integrated_gradients,
    lime_map,
    occlusion_map,
)
from .loading import ImageLoader
from .networks import build_cnn, build_pretrained
from .persistence import load_model, read_provenance, save_model
from .pipeline import Pipeline, make_pipeline
from .rebalancing import ImageResampler
from .recipes import list_recipes, load_pretrained, make_recipe
from .splitting import PatientKFold, patient_train_test_split
from .tuning import (
    ResumableGridSearchCV,
    ResumableHalvingGridSearchCV,
    ResumableHalvingRandomSearchCV,
    ResumableRandomizedSearchCV,
    recall_first,
)

__version__: str

__all__ = [
    "BorderCropper",
    "CNNClassifier",
    "ContrastEqualizer",
    "ImageAugmenter",
    "ImageLoader",
    "ImageResampler",
    "MarkerRemover",
    "PatientKFold",
    "Pipeline",
    "RecallFloorClassifier",
    "ResumableGridSearchCV",
    "ResumableHalvingGridSearchCV",
    "ResumableHalvingRandomSearchCV",
    "ResumableRandomizedSearchCV",
    "TransferClassifier",
    "activation_maps",
    "audit_images",
    "build_cnn",
    "build_pretrained",
    "compare",
    "compare_protocols",
    "etiologies",
    "evaluate",
    "explanation_report",
    "fetch_chest_xray",
    "grad_cam",
    "integrated_gradients",
    "lime_map",
    "list_recipes",
    "load_chest_xray",
    "load_image_table",
    "load_model",
    "load_pretrained",
    "make_chest_xray",
    "make_pipeline",
    "make_recipe",
    "occlusion_map",
    "patient_ids",
    "patient_train_test_split",
    "read_dicom_headers",
    "read_provenance",
    "recall_first",
    "save_model",
]
