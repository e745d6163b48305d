"""Import private names of scikit-learn, only here, each with the reason.

A name is imported on first use, so that imports of other modules stay fast. If it no longer
exists, the error names the versions of scikit-learn that work.
"""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import version
from inspect import signature
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    # Decorators without types in scikit-learn, which would remove those of decorated functions.
    Function = TypeVar("Function", bound=Callable[..., Any])

    def validate_params(
        parameter_constraints: dict[str, Any], *, prefer_skip_nested_validation: bool
    ) -> Callable[[Function], Function]: ...

    def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Function], Function]: ...

    def with_callbacks(fit: Function) -> Function: ...


# The tested versions; pyproject.toml has the same bounds.
TESTED_VERSIONS = ">=1.9,<1.10"

_VALIDATION_OF_PARAMETERS = (
    "sklearn.utils._param_validation",
    "scikit-learn documents it for those who write estimators, but has no public path to it",
)

# Name -> module, and why there is no public alternative.
_PRIVATE_NAMES: dict[str, tuple[str, str]] = {
    "HasMethods": _VALIDATION_OF_PARAMETERS,
    "Interval": _VALIDATION_OF_PARAMETERS,
    "Options": _VALIDATION_OF_PARAMETERS,
    "RealNotInt": _VALIDATION_OF_PARAMETERS,
    "StrOptions": _VALIDATION_OF_PARAMETERS,
    "validate_parameter_constraints": _VALIDATION_OF_PARAMETERS,
    "validate_params": _VALIDATION_OF_PARAMETERS,
    "with_callbacks": ("sklearn.callback", "is public, but has no types"),
    "_fit_context": (
        "sklearn.base",
        "checks the constructor's parameters in fit as every scikit-learn estimator does",
    ),
    **dict.fromkeys(
        ("_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
        ("sklearn.calibration", "what CalibratedClassifierCV consists of once it is fitted"),
    ),
    "_BaseScorer": (
        "sklearn.metrics._scorer",
        "the only base of all scorers: what a search scores by is part of its store's key",
    ),
    "_Scorer": ("sklearn.metrics._scorer", "what make_scorer makes"),
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
        raise _unknown_version(f"has no {module}.{name}, which skpneumo needs") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PRIVATE_NAMES)


# Arguments of a replacement for `_fit_and_score`.
_ARGUMENTS_OF_AN_EVALUATION = {
    "estimator", "X", "y", "scorer", "train", "test", "parameters", "fit_params", "score_params",
    "return_train_score", "return_estimator", "error_score", "split_progress", "verbose",
    "caller", "callback_ctx",
}  # fmt: skip


@cache
def search_fit(fit_and_score: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """Make ``BaseSearchCV.fit`` with another function for one candidate on one fold.

    scikit-learn has no hook here: the argument of ``_run_search`` evaluates, collects and formats
    in one closure. A copy of ``fit`` with another ``_fit_and_score`` among its globals leaves
    scikit-learn's module, and so all other searches, unchanged. On first use, it is checked that
    ``fit`` still looks it up there; otherwise the replacement would silently never be called.

    Raises
    ------
    ImportError
        If this version of scikit-learn evaluates candidates differently.
    """
    searches = import_module("sklearn.model_selection._search")
    fit = getattr(searches.BaseSearchCV.fit, "__wrapped__", None)
    if not isinstance(fit, FunctionType) or fit.__closure__:
        raise _unknown_version("wraps BaseSearchCV.fit in another way")
    if "_fit_and_score" not in set(_global_names(fit.__code__)) & vars(searches).keys():
        raise _unknown_version("evaluates the candidates of a search without _fit_and_score")
    if gone := _ARGUMENTS_OF_AN_EVALUATION - signature(searches._fit_and_score).parameters.keys():
        raise _unknown_version(f"has another _fit_and_score, without {', '.join(sorted(gone))}")
    return FunctionType(
        fit.__code__,
        {**vars(searches), "_fit_and_score": fit_and_score},
        argdefs=fit.__defaults__,
    )


def _global_names(code: CodeType) -> Iterator[str]:
    """Yield the global names that a function and its inner functions use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _unknown_version(what: str) -> ImportError:
    return ImportError(
        f"scikit-learn {version('scikit-learn')} {what}. Install a supported version: "
        f'pip install "scikit-learn{TESTED_VERSIONS}".'
    )
