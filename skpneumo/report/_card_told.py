"""What the file of a model says of itself, as parts of a card.

A file may say anything, and about anything: it is shown as text, and as the word of the file.
"""

from collections.abc import Mapping
from typing import Any

from skpneumo.report._card_blocks import Block, Bullets, Facts, Text

__all__ = ["told_blocks", "told_of"]

_LIMITS = "limits"
_COLLECTION = "collection"


def told_of(estimator: Any) -> dict[str, Any]:
    """The card in the provenance of a loaded model; empty if there is none."""
    provenance = getattr(estimator, "provenance_", None)
    card = provenance.get("card") if isinstance(provenance, Mapping) else None
    return dict(card) if isinstance(card, Mapping) else {}


def told_blocks(told: Mapping[str, Any], section: str) -> list[Block]:
    """What a section of the card has of it: numbers and text, lists of text, tables of both."""
    if section == "Training data":
        facts = {
            name: _written(value)
            for name, value in told.items()
            if name != _COLLECTION and _is_plain(value)
        }
        about = told.get(_COLLECTION)
        return [
            *([Text(about)] if isinstance(about, str) else []),
            *([Facts(facts, "As the model's file says")] if facts else []),
        ]
    if section == "Caveats and recommendations":
        limits = told.get(_LIMITS)
        return [Bullets(_texts(limits))] if isinstance(limits, list) else []
    blocks: list[Block] = []
    for name, value in told.items():
        if isinstance(value, Mapping):
            facts = {str(key): _written(each) for key, each in value.items() if _is_plain(each)}
            blocks.append(Facts(facts, f"{name}, as the model's file says"))
        elif isinstance(value, list) and name != _LIMITS:
            blocks += [Text(f"{name}, as the model's file says:"), Bullets(_texts(value))]
    return blocks


def _texts(values: list[Any]) -> list[str]:
    return [_written(each) for each in values if _is_plain(each)]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _written(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
