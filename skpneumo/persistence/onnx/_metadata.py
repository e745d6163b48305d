"""The description of the model in an ONNX file."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

__all__ = [
    "FORMAT",
    "GateFacts",
    "Loading",
    "ModelFacts",
    "digest_of",
    "facts_from",
    "facts_to_properties",
]

FORMAT = 1

_LARGEST_SIDE = 8192
_LARGEST_NUMBER = 2**62
_LARGEST_CARD = 4 * 2**20  # characters


@dataclass(frozen=True)
class Loading:
    """Parameters of the ImageLoader that reads images for the graph."""

    size: tuple[int, int]
    color_mode: str
    resize: str
    dicom_window: int | None
    white: float | None = None


@dataclass(frozen=True)
class GateFacts:
    """An input gate: an image is withheld if a score of its checks is above the threshold.

    Attributes
    ----------
    checks : list of str
        Names of the checks, in the order of the scores.
    thresholds : list of float
        The highest scores that pass.
    reasons : list of str
        Why an image is withheld, in words, for each check.
    on_outlier : {"warn", "nan", "raise"}
        What happens if an image is withheld.
    false_alarm_rate : float
        Share of new patients with an image that is withheld.
    terms : str
        Meaning and conditions of the rate.
    """

    checks: list[str]
    thresholds: list[float]
    reasons: list[str]
    on_outlier: str
    false_alarm_rate: float
    terms: str


@dataclass(frozen=True)
class ModelFacts:
    """Description of a model besides its graph.

    Attributes
    ----------
    classes : list
        The labels, in the order of the probabilities.
    names : list of str or None
        Names of the classes, if known.
    positive : label or None
        The class of the threshold, if it is the illness. If None, the threshold is for the second
        class.
    threshold, upper_threshold : float or None
        The class of the threshold is predicted if its probability is ``threshold`` or more, and
        referred if it is below ``upper_threshold``. None for more than two classes.
    chosen_by : str or None
        Type that chose the threshold, such as "RecallFloorClassifier".
    guarantee : dict or None
        The recall floor: ``recall``, ``confidence``, ``guarantee`` and ``terms``.
    gate : GateFacts or None
        The input gate, if there is one.
    loading : Loading
        How files are read.
    card : str
        The model card; may be empty.
    provenance : dict or None
        The provenance that the model was loaded with.
    version : str
        Version of this package that wrote the file.
    value_range : tuple of (low, high) or None, default=None
        The range of the training images; None if a step between the loader and the networks
        changes it, as contrast equalisation does.
    """

    classes: list[Any]
    names: list[str] | None
    positive: Any
    threshold: float | None
    upper_threshold: float | None
    chosen_by: str | None
    guarantee: dict[str, Any] | None
    gate: GateFacts | None
    loading: Loading
    card: str
    provenance: dict[str, Any] | None
    version: str
    value_range: tuple[float, float] | None = None


def facts_to_properties(facts: ModelFacts) -> dict[str, str]:
    """Convert facts to text: the card unchanged, and everything else to JSON."""
    values = asdict(facts) | {"format": FORMAT}
    card = values.pop("card")
    return {name: json.dumps(value, allow_nan=False) for name, value in values.items()} | {
        "card": card
    }


def facts_from(properties: dict[str, str]) -> ModelFacts:
    """Read facts from text, and check them.

    Raises
    ------
    ValueError
        If one is missing or is not what it should be.
    """
    values = dict(properties)
    card = values.pop("card", "")
    try:
        read = {name: json.loads(text) for name, text in values.items() if name != "digest"}
    except (ValueError, RecursionError) as error:
        raise ValueError("its properties are not JSON") from error
    if read.pop("format", None) != FORMAT:
        raise ValueError(
            f"its format is {properties.get('format', 'not stated')}, but this version reads "
            f"{FORMAT}; export the model again, or update skpneumo"
        )
    try:
        loading = Loading(**read.pop("loading"))
        gate = read.pop("gate")
        gate = None if gate is None else GateFacts(**gate)
        facts = ModelFacts(gate=gate, loading=loading, card=card, **read)
    except (TypeError, KeyError) as error:
        raise ValueError(f"its properties are not those of a model ({error})") from None
    for wrong in _what_is_wrong(facts):
        raise ValueError(f"its property {wrong}")
    return facts


def digest_of(model: "onnx.ModelProto", properties: dict[str, str]) -> str:
    """Compute the digest of the graph, its versions, and all properties but the digest itself."""
    told = {name: text for name, text in properties.items() if name != "digest"}
    versions = [model.ir_version, [(each.domain, each.version) for each in model.opset_import]]
    digest = hashlib.sha256(json.dumps([versions, told], sort_keys=True).encode())
    digest.update(model.graph.SerializeToString(deterministic=True))
    return f"sha256:{digest.hexdigest()}"


def _what_is_wrong(facts: ModelFacts) -> list[str]:
    classes, loading = facts.classes, facts.loading
    if not _is_list_of(classes, (str, int, float, bool)) or len(set(map(str, classes))) < 2:
        return [f"classes is {classes!r}, not a list of two or more labels"]
    kinds = {type(each) for each in classes}
    checks = {
        "classes": len(kinds) == 1 and (kinds <= {str, bool} or all(map(_is_number, classes))),
        "names": facts.names is None
        or (_is_list_of(facts.names, (str,)) and len(facts.names) == len(classes)),
        "positive": facts.positive in [None, *classes],
        "threshold": facts.threshold is None or _is_number(facts.threshold),
        "upper_threshold": facts.upper_threshold is None or _is_number(facts.upper_threshold),
        "chosen_by": facts.chosen_by is None or isinstance(facts.chosen_by, str),
        "guarantee": facts.guarantee is None or isinstance(facts.guarantee, dict),
        "gate": facts.gate is None or _is_gate(facts.gate),
        "provenance": facts.provenance is None or isinstance(facts.provenance, dict),
        "version": isinstance(facts.version, str),
        "loading": _is_list_of(loading.size, (int,))
        and len(loading.size) == 2
        and all(0 < side <= _LARGEST_SIDE for side in loading.size)
        and loading.color_mode in ("grayscale", "rgb")
        and loading.resize in ("stretch", "pad", "crop")
        and (loading.dicom_window is None or type(loading.dicom_window) is int)
        and (loading.white is None or (_is_number(loading.white) and loading.white > 0)),
        "value_range": facts.value_range is None
        or (_is_list_of(facts.value_range, (int, float)) and len(facts.value_range) == 2),
        "card": isinstance(facts.card, str) and len(facts.card) <= _LARGEST_CARD,
    }
    return [f"{name} is not valid" for name, right in checks.items() if not right]


def _is_gate(gate: GateFacts) -> bool:
    return (
        _is_list_of(gate.checks, (str,))
        and _is_list_of(gate.reasons, (str,))
        and _is_list_of(gate.thresholds, (int, float))
        and 0 < len(gate.checks) == len(gate.thresholds) == len(gate.reasons)
        and all(gate.reasons)
        and all(map(_is_number, [*gate.thresholds, gate.false_alarm_rate]))
        and gate.on_outlier in ("warn", "nan", "raise")
        and isinstance(gate.terms, str)
    )


def _is_list_of(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, list | tuple) and all(type(each) in kinds for each in value)


def _is_number(value: Any) -> bool:
    # Compared, because an integer can be too large for a float.
    return type(value) in (int, float) and abs(value) <= _LARGEST_NUMBER
