"""The types and functions that a model's file may name: these, and no others.

A name is the public one, from which the type is imported. Where it moves, the name in files
stays, and its place is given in ``_MOVED``. What is private in its package has a name of ours.

To let files hold another estimator, add its public name to ``_ESTIMATORS``: its constructor's
parameters and what its ``fit`` sets must be what :mod:`skpneumo._encoding` writes, or estimators
that are listed. ``tests/persistence`` asks for an example of each.
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
    # Whose predictions are NumPy's on the arrays of a file. What passes them unchecked to C, such
    # as trees, neighbours and kernel machines, is left out: a file could make it read anywhere.
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
"""Optimizers of Keras and schedules of their rates, made of what their ``get_config`` says."""

# What a threshold is tuned by, or features are selected by.
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

# Name in files -> where it is, for what is private or has moved.
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
"""Everything that a file may name."""


@dataclass(frozen=True)
class Rules:
    """What of an estimator a file does not hold.

    Attributes
    ----------
    only : dict of str to tuple
        Parameters that may be a path or run code, and those of their values that are neither.
        With another value they are left at their default.
    without : set of str
        Attributes that are made again from others.
    stateless : bool
        Whether what a fit sets has no part in predictions.
    required : dict of str to tuple
        Parameters that predictions are made by, and those of their values that can be saved: None,
        or functions by their names.
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
    """What of a type's instances is not in a file, by its name."""
    if name.startswith(("imblearn.over_sampling.", "imblearn.under_sampling.")):
        return Rules({}, stateless=True)
    return _RULES.get(name, Rules({}))
