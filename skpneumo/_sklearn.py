"""Private names of scikit-learn, imported here and nowhere else, each with the reason.

A name is imported when it is first used, so that light stages stay light. Where it has vanished,
the error says which versions of scikit-learn work.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

# The versions that the tests ran with; pyproject.toml has the same bounds.
TESTED_VERSIONS = ">=1.9,<1.10"

_VALIDATION_OF_PARAMETERS = (
    "sklearn.utils._param_validation",
    "scikit-learn documents it for those who write estimators, but has no public path to it",
)

# Name -> module and why there is no public way.
_PRIVATE_NAMES: dict[str, tuple[str, str]] = {
    "HasMethods": _VALIDATION_OF_PARAMETERS,
    "Interval": _VALIDATION_OF_PARAMETERS,
    "Options": _VALIDATION_OF_PARAMETERS,
    "RealNotInt": _VALIDATION_OF_PARAMETERS,
    "StrOptions": _VALIDATION_OF_PARAMETERS,
    "validate_parameter_constraints": _VALIDATION_OF_PARAMETERS,
    "validate_params": _VALIDATION_OF_PARAMETERS,
    "_fit_context": (
        "sklearn.base",
        "checks the constructor's parameters in fit as every scikit-learn estimator does",
    ),
    "_BaseScorer": (
        "sklearn.metrics._scorer",
        "the only base of all scorers: what a search scores by is part of its store's key",
    ),
    "BaseSearchCV": (
        "sklearn.model_selection._search",
        "the only base of all searches, halving ones included",
    ),
    "GroupsConsumerMixin": (
        "sklearn.model_selection._split",
        "requests groups in metadata routing as scikit-learn's own group splitters do",
    ),
    "_validate_shuffle_split": (
        "sklearn.model_selection._split",
        "the sizes and the errors of train_test_split",
    ),
    "_yields_constant_splits": (
        "sklearn.model_selection._split",
        "whether a splitter gives the same folds again",
    ),
    "_fit_and_score": (
        "sklearn.model_selection._validation",
        "one candidate on one fold; a search has no hook at this place",
    ),
    "_name_estimators": ("sklearn.pipeline", "the names that make_pipeline gives"),
    "_safe_indexing": (
        "sklearn.utils",
        "rows of lists, frames and arrays alike; the public safe indexing went away in 0.24",
    ),
    "_get_response_values_binary": (
        "sklearn.utils._response",
        "predict_proba or decision_function of the positive class",
    ),
    "_approximate_mode": ("sklearn.utils.extmath", "how stratified splits share out a remainder"),
    "_routing_enabled": ("sklearn.utils.metadata_routing", "whether metadata is routed"),
    "_check_method_params": (
        "sklearn.utils.validation",
        "the rows of every row-aligned fit parameter",
    ),
    "_check_pos_label_consistency": (
        "sklearn.utils.validation",
        "the errors of scikit-learn's metrics for pos_label",
    ),
    "_check_sample_weight": ("sklearn.utils.validation", "the errors of scikit-learn's weights"),
    "_check_y": ("sklearn.utils.validation", "labels that may be text"),
    "_num_samples": ("sklearn.utils.validation", "the length of lists, frames and arrays alike"),
}


def __getattr__(name: str) -> Any:
    if name not in _PRIVATE_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _ = _PRIVATE_NAMES[name]
    try:
        value = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"scikit-learn {version('scikit-learn')} has no {module}.{name}, which skpneumo "
            f'needs. Install a version that works: pip install "scikit-learn{TESTED_VERSIONS}".'
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PRIVATE_NAMES)
