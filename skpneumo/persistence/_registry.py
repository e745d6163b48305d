"""The closed list of types and functions that a model file may name.

A name is the public one, from which the type is imported. If a type moves, its name in files
stays, and ``_MOVED`` has its new location. Private types of packages have names of our own.

To allow another estimator, add its public name to ``_ESTIMATORS``. Its parameters and fitted
attributes must be of types that :mod:`skpneumo._encoding` supports, or listed estimators.
``tests/persistence`` requires an example of each.
"""

from dataclasses import dataclass, field
from typing import Any

from skpneumo._encoding import NETWORK_NAMES, Registry

__all__ = ["BUILDERS", "NAMES", "OPTIMIZERS", "Rules", "rules_of"]

_ESTIMATORS = (
    "skpneumo.BorderCropper",
    "skpneumo.CNNClassifier",
    "skpneumo.ContrastEqualizer",
    "skpneumo.ImageAugmenter",
    "skpneumo.ImageLoader",
    "skpneumo.ImageResampler",
    "skpneumo.MarkerRemover",
    "skpneumo.Pipeline",
    "skpneumo.RecallFloorClassifier",
    "skpneumo.TransferClassifier",
    "skpneumo.decision.InputGate",
    "skpneumo.decision.PriorShiftClassifier",
    # Estimators that predict by NumPy. Those that pass arrays to C code without checks, such as
    # trees, neighbours and kernel machines, are left out: a file could make them read any memory.
    "sklearn.calibration.CalibratedClassifierCV",
    "sklearn.decomposition.PCA",
    "sklearn.decomposition.TruncatedSVD",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "sklearn.dummy.DummyClassifier",
    "sklearn.ensemble.StackingClassifier",
    "sklearn.ensemble.VotingClassifier",
    "sklearn.feature_selection.SelectKBest",
    "sklearn.feature_selection.SelectPercentile",
    "sklearn.feature_selection.VarianceThreshold",
    "sklearn.frozen.FrozenEstimator",
    "sklearn.impute.SimpleImputer",
    "sklearn.isotonic.IsotonicRegression",
    "sklearn.linear_model.LogisticRegression",
    "sklearn.linear_model.LogisticRegressionCV",
    "sklearn.linear_model.Perceptron",
    "sklearn.linear_model.RidgeClassifier",
    "sklearn.linear_model.RidgeClassifierCV",
    "sklearn.model_selection.FixedThresholdClassifier",
    "sklearn.model_selection.TunedThresholdClassifierCV",
    "sklearn.naive_bayes.GaussianNB",
    "sklearn.pipeline.FeatureUnion",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing.FunctionTransformer",
    "sklearn.preprocessing.LabelBinarizer",
    "sklearn.preprocessing.LabelEncoder",
    "sklearn.preprocessing.MaxAbsScaler",
    "sklearn.preprocessing.MinMaxScaler",
    "sklearn.preprocessing.Normalizer",
    "sklearn.preprocessing.PowerTransformer",
    "sklearn.preprocessing.QuantileTransformer",
    "sklearn.preprocessing.RobustScaler",
    "sklearn.preprocessing.StandardScaler",
    "sklearn.svm.LinearSVC",
    "imblearn.pipeline.Pipeline",
    "imblearn.over_sampling.ADASYN",
    "imblearn.over_sampling.BorderlineSMOTE",
    "imblearn.over_sampling.RandomOverSampler",
    "imblearn.over_sampling.SMOTE",
    "imblearn.under_sampling.EditedNearestNeighbours",
    "imblearn.under_sampling.NearMiss",
    "imblearn.under_sampling.RandomUnderSampler",
    "imblearn.under_sampling.TomekLinks",
)

_SPLITTERS = (
    "skpneumo.PatientKFold",
    "sklearn.model_selection.GroupKFold",
    "sklearn.model_selection.GroupShuffleSplit",
    "sklearn.model_selection.KFold",
    "sklearn.model_selection.ShuffleSplit",
    "sklearn.model_selection.StratifiedGroupKFold",
    "sklearn.model_selection.StratifiedKFold",
    "sklearn.model_selection.StratifiedShuffleSplit",
)

OPTIMIZERS = (
    *(
        f"keras.optimizers.{name}"
        for name in (
            "Adadelta", "Adafactor", "Adagrad", "Adam", "Adamax", "AdamW", "Ftrl", "Lamb", "Lion",
            "Nadam", "RMSprop", "SGD",
        )
    ),
    *(
        f"keras.optimizers.schedules.{name}"
        for name in (
            "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay",
            "PiecewiseConstantDecay", "PolynomialDecay",
        )
    ),
)  # fmt: skip
"""Optimizers of Keras and schedules of their rates, created from their ``get_config``."""

# Functions by which a threshold is tuned or features are selected.
_FUNCTIONS = (
    "sklearn.feature_selection.f_classif",
    "sklearn.feature_selection.mutual_info_classif",
    *(
        f"sklearn.metrics.{name}_score"
        for name in (
            "accuracy", "average_precision", "balanced_accuracy", "f1", "fbeta", "jaccard",
            "precision", "recall", "roc_auc",
        )
    ),
    "sklearn.metrics.log_loss",
    "sklearn.metrics.matthews_corrcoef",
    "skpneumo.evaluation.sensitivity_at_specificity",
    "skpneumo.recipes.hog_features",
)  # fmt: skip

# Location by the name in files, for types that are private or have moved.
_MOVED = {
    "skpneumo.decision.LogitClassifier": "skpneumo.decision._logits:LogitClassifier",
    "skpneumo.evaluation.recall": "skpneumo.evaluation._scorers:_recall",
    "skpneumo.evaluation.specificity": "skpneumo.evaluation._scorers:_specificity",
    "skpneumo.decision.Scores": "skpneumo.decision._mixtures:Scores",
    "sklearn.calibration.CalibratedClassifier": "skpneumo._sklearn:_CalibratedClassifier",
    "sklearn.calibration.SigmoidCalibration": "skpneumo._sklearn:_SigmoidCalibration",
    "sklearn.calibration.TemperatureScaling": "skpneumo._sklearn:_TemperatureScaling",
}

BUILDERS = tuple(name for name in NETWORK_NAMES if name.startswith("skpneumo.build_"))
"""The functions that build networks."""

NAMES = Registry(
    {
        name: ":".join(name.rsplit(".", 1))
        for name in (*_ESTIMATORS, *_SPLITTERS, *OPTIMIZERS, *_FUNCTIONS)
    }
    | NETWORK_NAMES
    | _MOVED
)
"""All types and functions that a file may name."""


@dataclass(frozen=True)
class Rules:
    """What a file does not store of an estimator.

    Attributes
    ----------
    only : dict of str to tuple
        Parameters that may be a path or run code, with those of their values that are neither.
        With any other value they are not stored, and have their default after loading.
    without : set of str
        Attributes that are computed from others.
    stateless : bool
        Whether predictions do not depend on fitted attributes.
    required : dict of str to tuple
        Parameters that predictions depend on, with those of their values that can be saved: None,
        or names of functions.
    """

    only: dict[str, tuple[Any, ...]]
    without: frozenset[str] = frozenset()
    stateless: bool = False
    required: dict[str, tuple[str | None, ...]] = field(default_factory=dict)


_PIPELINE = Rules({"memory": (None,)})
_RULES = {
    "skpneumo.CNNClassifier": Rules({"callbacks": (None,)}),
    "skpneumo.TransferClassifier": Rules({"callbacks": (None,), "weights": (None, "imagenet")}),
    "skpneumo.ImageLoader": Rules({"cache": (None, False)}),
    "skpneumo.ImageAugmenter": Rules({}, stateless=True),
    "skpneumo.ImageResampler": Rules({}, stateless=True),
    "skpneumo.Pipeline": _PIPELINE,
    "sklearn.pipeline.Pipeline": _PIPELINE,
    "imblearn.pipeline.Pipeline": _PIPELINE,
    "sklearn.isotonic.IsotonicRegression": Rules({}, frozenset({"f_"})),
    "sklearn.linear_model.Perceptron": Rules({}, frozenset({"_loss_function_"})),
    "sklearn.model_selection.TunedThresholdClassifierCV": Rules({}, frozenset({"_curve_scorer"})),
    "sklearn.preprocessing.FunctionTransformer": Rules(
        {},
        required={
            "func": (None, "skpneumo.recipes.hog_features"),
            "inverse_func": (None,),
            "kw_args": (None,),
            "inv_kw_args": (None,),
        },
    ),
}


def rules_of(name: str) -> Rules:
    """Get the rules of a type by its name."""
    if name.startswith(("imblearn.over_sampling.", "imblearn.under_sampling.")):
        return Rules({}, stateless=True)
    return _RULES.get(name, Rules({}))
