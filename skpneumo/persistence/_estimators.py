"""Encode estimators as a table of objects with their type, parameters and fitted attributes.

An object refers to earlier objects, so that shared ones are stored once and are shared again after
loading, and no object can contain itself.
"""

import inspect
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.metrics import make_scorer
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skpneumo._encoding import Arrays, Decoder, Encoder
from skpneumo._sklearn import BaseSearchCV, _Scorer
from skpneumo.persistence._networks import check_network
from skpneumo.persistence._registry import NAMES, OPTIMIZERS, rules_of

__all__ = ["PROVENANCE_ATTRIBUTE", "decode_model", "encode_model"]

PROVENANCE_ATTRIBUTE = "provenance_"
"""Attribute of a loaded model with the provenance of its file."""

_CALLBACK_PREFIXES = ("_skl_", "_parent_callback_ctx")
_SKLEARN_VERSION = "_sklearn_version"
# A chain of n objects that each contain the previous one twice would be traversed 2 ** n times.
_MOST_OBJECTS, _DEEPEST = 1000, 50
_MOST_OPTIMIZERS = 100
_MOST_JOBS = 1024

_METHODS = ("predict_proba", "decision_function", "predict")
# Errors of estimators with attributes of a kind that no fit sets.
_WRONG_KIND_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError)

_REMEDY = "joblib.dump can save it, as a pickle, which runs code when it is loaded"


def encode_model(estimator: Any) -> tuple[Any, Arrays]:
    """Encode an estimator as JSON content and arrays.

    Raises
    ------
    TypeError
        If it contains something that cannot be encoded.
    """
    encoder = _ModelEncoder(estimator)
    try:
        model = encoder.encode(estimator, type(estimator).__name__)
    except TypeError as error:
        raise TypeError(f"A .skpneumo file cannot store this model: {error}.") from error
    return {"objects": encoder.objects, "model": model}, encoder.arrays


def decode_model(structure: Any, arrays: Arrays, versions: Mapping[str, str]) -> Any:
    """Rebuild an estimator, and check that it is fitted.

    Raises
    ------
    ValueError
        If the structure is not a result of :func:`encode_model`.
    """
    if not isinstance(structure, dict) or not isinstance(structure.get("objects"), list):
        raise ValueError("it holds no objects")
    decoder = _ModelDecoder(arrays, structure["objects"])
    model = decoder.decode(structure.get("model"))
    if not isinstance(model, BaseEstimator):
        raise ValueError(f"it holds a {type(model).__name__}, not an estimator")
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise ValueError(f"it holds a {type(model).__name__} that has not been fitted") from error
    except _WRONG_KIND_ERRORS as error:
        raise ValueError(f"it holds a malformed {type(model).__name__} ({error!r})") from error
    if decoder.of_sklearn:
        _compare_versions(versions)
    return model


class _ModelEncoder(Encoder):
    """Encodes estimators and their parameters."""

    def __init__(self, model: Any) -> None:
        super().__init__(NAMES)
        self._model = model
        self.objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def encode_other(self, value: Any, place: str) -> Any:
        if type(value) is Bunch:
            return {"Bunch": self.encode_items(value, place)}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._encode_named_tuple(value, place)
        if isinstance(value, BaseSearchCV):
            raise TypeError(
                f"{place} is a {type(value).__name__}, a search. Save its best_estimator_ instead"
            )
        if type(value) is _Scorer:
            parts = (value._score_func, value._sign > 0, value._response_method, value._kwargs)
            return {"scorer": [self.encode(each, f"{place}.{each!r}") for each in parts]}
        kind = type(value)
        name = self.registry.name_of(kind)
        if name is None:
            raise TypeError(
                f"{place} is a {kind.__module__}.{kind.__qualname__}, which is not on the list of "
                f"allowed types. {_REMEDY}"
            )
        if name in OPTIMIZERS:
            return {"keras": [name, self.encode(self._configuration(value), place)]}
        if id(value) not in self._numbers:
            entry = self._entry(name, value, place)
            self._alive.append(value)
            self._numbers[id(value)] = len(self.objects)
            self.objects.append(entry)
        return {"object": self._numbers[id(value)]}

    def _entry(self, name: str, value: Any, place: str) -> dict[str, Any]:
        rules = rules_of(name)
        given = _parameters(value)
        for key, values in rules.required.items():
            if _function_name(given[key]) not in values:
                raise TypeError(
                    f"{place}.{key} is {given[key]!r}, which a file cannot store. {_REMEDY}"
                )
        parameters = {
            key: self.encode(entry, f"{place}.{key}")
            for key, entry in given.items()
            if key not in rules.only or any(_same(entry, each) for each in rules.only[key])
        }
        entry: dict[str, Any] = {"type": name, "parameters": parameters}
        if isinstance(value, BaseEstimator) and not rules.stateless:
            # Leaves out attributes that the estimator itself does not pickle.
            state = value.__getstate__()
            entry["state"] = {
                key: self.encode(content, f"{place}.{key}")
                for key, content in state.items()
                if key not in given
                and key not in rules.without
                and key != _SKLEARN_VERSION
                and not key.startswith(_CALLBACK_PREFIXES)
                and not (key == PROVENANCE_ATTRIBUTE and value is self._model)
            }
        return entry

    def _encode_named_tuple(self, value: Any, place: str) -> Any:
        name = self.registry.name_of(type(value))
        if name is None:
            raise TypeError(f"{place} holds a {type(value).__name__}")
        return {"named": [name, [self.encode(each, place) for each in value]]}

    def _configuration(self, value: Any) -> dict[str, Any]:
        """Get the configuration of an optimizer, with a schedule of its rate as an object."""
        configuration = value.get_config()
        rate = configuration.get("learning_rate")
        if isinstance(rate, dict):
            import keras

            configuration["learning_rate"] = keras.optimizers.schedules.deserialize(rate)
        return configuration


class _ModelDecoder(Decoder):
    """Creates estimators by their constructors, and sets their fitted attributes."""

    def __init__(self, arrays: Arrays, entries: list[Any]) -> None:
        super().__init__(NAMES, arrays)
        self.kinds |= {
            "Bunch": lambda content: Bunch(**self.decode_items(content)),
            "keras": self._decode_keras,
            "named": self._decode_named_tuple,
            "object": self._decode_reference,
            "scorer": self._decode_scorer,
        }
        self.of_sklearn = False
        self._objects: list[Any] = []
        self._sizes: list[tuple[int, int]] = []
        self._n_optimizers = 0
        if len(entries) > _MOST_OBJECTS:
            raise ValueError(
                f"it holds {len(entries)} objects, but at most {_MOST_OBJECTS} are read"
            )
        for entry in entries:
            self._size, self._depth = 1, 1
            try:
                self._objects.append(self._decode_object(entry))
            except _WRONG_KIND_ERRORS as error:
                raise ValueError(f"it holds a malformed object ({error!r})") from error
            self._sizes.append((self._size, self._depth))

    def _decode_reference(self, content: Any) -> Any:
        if type(content) is not int or not 0 <= content < len(self._objects):
            raise ValueError(f"it refers to an object {content!r}, which does not exist")
        size, depth = self._sizes[content]
        self._size, self._depth = self._size + size, max(self._depth, 1 + depth)
        if self._size > _MOST_OBJECTS or self._depth > _DEEPEST:
            raise ValueError(
                f"it holds more than {_MOST_OBJECTS} nested estimators, or nests them {_DEEPEST} "
                "deep"
            )
        return self._objects[content]

    def _decode_object(self, entry: Any) -> Any:
        if not isinstance(entry, dict) or not entry.keys() <= {"type", "parameters", "state"}:
            raise ValueError("it holds a malformed object")
        name: Any = entry.get("type")
        made = self.registry.find(name)
        if not isinstance(made, type):
            raise ValueError(f"it holds an object of {name!r}, which is not a type")
        parameters = self._decode_names(entry.get("parameters"), f"parameters of {name}")
        _check_parameters(name, parameters)
        try:
            value = made(**parameters)
            if hasattr(value, "_parameter_constraints"):
                value._validate_params()
        except (TypeError, ValueError) as error:
            raise ValueError(f"it holds a {name} with wrong parameters: {error}") from error
        state = self._decode_names(entry.get("state", {}), f"attributes of {name}")
        self.of_sklearn |= made.__module__.startswith("sklearn.")
        if isinstance(value, BaseEstimator):
            _set_state(value, name, state)
        elif state:
            raise ValueError(f"it holds a {name} with attributes, which this type does not have")
        return value

    def _decode_names(self, content: Any, what: str) -> dict[str, Any]:
        if not isinstance(content, dict):
            raise ValueError(f"it has no {what}")
        return {key: self.decode(entry) for key, entry in content.items()}

    def _decode_keras(self, content: Any) -> Any:
        name, configuration = content
        if name not in OPTIMIZERS:
            raise ValueError(f"it holds the unknown optimizer {name!r}")
        arguments = self.decode(configuration)
        self._n_optimizers += 1
        if self._n_optimizers > _MOST_OPTIMIZERS:
            raise ValueError(f"it holds more than {_MOST_OPTIMIZERS} optimizers")
        return self.registry.find(name)(**arguments)

    def _decode_scorer(self, content: Any) -> Any:
        function, greater_is_better, response_method, kwargs = map(self.decode, content)
        if not isinstance(greater_is_better, bool):
            raise TypeError("no sign")
        return make_scorer(
            function,
            greater_is_better=greater_is_better,
            response_method=response_method,
            **kwargs,
        )

    def _decode_named_tuple(self, content: Any) -> Any:
        name, entries = content
        made = self.registry.find(name)
        if not (isinstance(made, type) and issubclass(made, tuple)):
            raise ValueError(f"it holds a {name!r}, which is not a named tuple")
        return made(*[self.decode(entry) for entry in entries])


def _parameters(value: Any) -> dict[str, Any]:
    if isinstance(value, BaseEstimator):
        return value.get_params(deep=False)
    names = inspect.signature(type(value)).parameters
    return {name: getattr(value, name) for name in names}


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and value == other


def _function_name(value: Any) -> str | None:
    """Get the name of a function that a file may contain, None for None, and "" for others."""
    return None if value is None else NAMES.name_of(value) or ""


def _check_parameters(name: str, parameters: dict[str, Any]) -> None:
    rules = rules_of(name)
    wrong = [
        key
        for key, values in rules.only.items()
        if key in parameters and not any(_same(parameters[key], each) for each in values)
    ]
    wrong += [
        key
        for key, values in rules.required.items()
        if _function_name(parameters.get(key)) not in values
    ]
    if wrong:
        key = wrong[0]
        raise ValueError(f"it sets {key} of a {name} to {parameters[key]!r}, which is not allowed")
    jobs = parameters.get("n_jobs")
    if isinstance(jobs, int) and abs(jobs) > _MOST_JOBS:
        raise ValueError(
            f"it sets n_jobs of a {name} to {jobs}, but at most {_MOST_JOBS} is allowed"
        )


def _set_state(value: Any, name: str, state: dict[str, Any]) -> None:
    """Set fitted attributes, as unpickling would, but none that the type itself defines."""
    parameters = value.get_params(deep=False)
    wrong = [
        key
        for key in state
        if not key.isidentifier()
        or key.startswith("__")
        or key in parameters
        or hasattr(type(value), key)
    ]
    if wrong:
        raise ValueError(f"it sets {wrong[0]!r} of a {name}, which is not a fitted attribute")
    if rules_of(name).stateless and state:
        raise ValueError(f"it sets attributes of a {name}, which is saved without any")
    if type(value).__module__.startswith("sklearn."):
        state = {**state, _SKLEARN_VERSION: sklearn.__version__}
    value.__setstate__(state)
    methods = state.get("stack_method_", [])  # methods that are called by name
    if not isinstance(methods, list) or not all(method in _METHODS for method in methods):
        raise ValueError(f"it holds a {name} that stacks the methods {methods!r}")
    if name == "sklearn.model_selection.TunedThresholdClassifierCV" and "estimator_" in state:
        value._curve_scorer = value._get_curve_scorer()
    check_network(value)


def _compare_versions(versions: Mapping[str, str]) -> None:
    then, now = versions.get("scikit-learn"), version("scikit-learn")
    if not isinstance(then, str) or then.split(".")[:2] != now.split(".")[:2]:
        warnings.warn(
            f"The model was saved with scikit-learn {then} and is loaded with {now}, so its "
            "predictions may differ. Compare some predictions, and save it again.",
            UserWarning,
            stacklevel=4,
        )
