"""Write the statements of a model file about itself as parts of a card.

A file may state anything, so its statements are shown as text, and attributed to the file.
"""

from collections.abc import Mapping
from typing import Any

from skpneumo.report._card_blocks import Block, Bullets, Text, facts_table

__all__ = ["card_of_file", "stated_analyses", "stated_limits", "stated_training"]

_LIMITS = "limits"
_COLLECTION = "collection"


def card_of_file(estimator: Any) -> dict[str, Any]:
    """Get the card from the provenance of a loaded model; empty if there is none."""
    provenance = getattr(estimator, "provenance_", None)
    card = provenance.get("card") if isinstance(provenance, Mapping) else None
    return dict(card) if isinstance(card, Mapping) else {}


def stated_training(from_file: Mapping[str, Any]) -> list[Block]:
    """Write what a file says about its training: the collection, and single facts."""
    facts = {
        name: _written(value)
        for name, value in from_file.items()
        if name != _COLLECTION and _is_plain(value)
    }
    about = from_file.get(_COLLECTION)
    return [
        *([Text(about)] if isinstance(about, str) else []),
        *([facts_table(facts, "According to the model file")] if facts else []),
    ]


def stated_limits(from_file: Mapping[str, Any]) -> list[Block]:
    """Write the limits that a file states."""
    limits = from_file.get(_LIMITS)
    return [Bullets(_texts(limits))] if isinstance(limits, list) else []


def stated_analyses(from_file: Mapping[str, Any]) -> list[Block]:
    """Write the tables and lists of a file, except its limits."""
    blocks: list[Block] = []
    for name, value in from_file.items():
        if isinstance(value, Mapping):
            facts = {str(key): _written(each) for key, each in value.items() if _is_plain(each)}
            blocks.append(facts_table(facts, f"{name}, according to the model file"))
        elif isinstance(value, list) and name != _LIMITS:
            blocks += [Text(f"{name}, according to the model file:"), Bullets(_texts(value))]
    return blocks


def _texts(values: list[Any]) -> list[str]:
    return [_written(each) for each in values if _is_plain(each)]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _written(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
