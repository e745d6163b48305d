"""Write the elements of a report as HTML, escaping text from files and users."""

from collections.abc import Iterable
from html import escape
from typing import Any, NamedTuple

from skpneumo._html import prose, table
from skpneumo.report._evaluation import Estimate

__all__ = [
    "Section",
    "bullets",
    "callout",
    "details",
    "gap",
    "left_out",
    "pairs_table",
    "paragraph",
    "preformatted",
    "rows_table",
    "sizes",
]


class Section(NamedTuple):
    """A section of the page: its name in links, its heading, its HTML."""

    name: str
    title: str
    body: str


def sizes(estimate: Estimate) -> dict[str, int]:
    return {"images": estimate.n, "patients": estimate.n_patients}


def rows_table(rows: list[dict[str, Any]], caption: str) -> str:
    import pandas as pd

    return table(pd.DataFrame(rows), caption)


def pairs_table(facts: dict[str, str], columns: tuple[str, str], caption: str) -> str:
    return rows_table([dict(zip(columns, fact, strict=True)) for fact in facts.items()], caption)


def paragraph(text: str) -> str:
    return f"<p>{prose(text)}</p>"


def bullets(items: Iterable[str], look: str = "") -> str:
    opening = f'<ul class="{look}">' if look else "<ul>"
    return f"{opening}{''.join(f'<li>{prose(item)}</li>' for item in items)}</ul>"


def preformatted(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def details(title: str, body: str) -> str:
    """Write a part that can be unfolded; ``body`` is HTML."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def callout(severity: str, name: str, text: str) -> str:
    return (
        f'<p class="callout"><strong class="{severity}">{escape(name)}</strong> {prose(text)}</p>'
    )


def left_out(reason: str) -> str:
    """Write a placeholder for an empty section."""
    return paragraph(f"Left out: {reason}")


def gap(title: str, reason: str) -> str:
    """Write a placeholder for a figure that cannot be plotted."""
    return (
        f'<figure class="wide"><figcaption><b>{escape(title)}.</b> Left out: {escape(reason)}'
        "</figcaption></figure>"
    )
