from . import (
    audit,
    augmentation,
    classifiers,
    datasets,
    decision,
    enhancement,
    evaluation,
    explanation,
    fitted,
    loading,
    networks,
    persistence,
    pipeline,
    rebalancing,
    recipes,
    report,
    serving,
    splitting,
    tuning,
)
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
from .persistence import OnnxClassifier, export_onnx, load_model, read_provenance, save_model
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
    "OnnxClassifier",
    "PatientKFold",
    "Pipeline",
    "RecallFloorClassifier",
    "ResumableGridSearchCV",
    "ResumableHalvingGridSearchCV",
    "ResumableHalvingRandomSearchCV",
    "ResumableRandomizedSearchCV",
    "TransferClassifier",
    "activation_maps",
    "audit",
    "audit_images",
    "augmentation",
    "build_cnn",
    "build_pretrained",
    "classifiers",
    "compare",
    "compare_protocols",
    "datasets",
    "decision",
    "enhancement",
    "etiologies",
    "evaluate",
    "evaluation",
    "explanation",
    "explanation_report",
    "export_onnx",
    "fetch_chest_xray",
    "fitted",
    "grad_cam",
    "integrated_gradients",
    "lime_map",
    "list_recipes",
    "load_chest_xray",
    "load_image_table",
    "load_model",
    "load_pretrained",
    "loading",
    "make_chest_xray",
    "make_pipeline",
    "make_recipe",
    "networks",
    "occlusion_map",
    "patient_ids",
    "patient_train_test_split",
    "persistence",
    "pipeline",
    "read_dicom_headers",
    "read_provenance",
    "rebalancing",
    "recall_first",
    "recipes",
    "report",
    "save_model",
    "serving",
    "splitting",
    "tuning",
]
