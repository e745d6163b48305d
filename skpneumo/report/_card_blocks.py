"""Parts of a model card, which can be written as Markdown and as HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from skpneumo._html import table
from skpneumo.report._markup import bullets, paragraph

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Block", "Bullets", "CardSection", "Open", "Table", "Text", "facts_table"]


class Block(Protocol):
    """Part of a section of a card."""

    def markdown(self) -> str:
        """Format as Markdown, without a final line break."""

    def html(self) -> str:
        """Format as HTML."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str

    def markdown(self) -> str:
        return _plain(self.text)

    def html(self) -> str:
        return paragraph(self.text)


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]

    def markdown(self) -> str:
        return "\n".join(f"- {_plain(item)}" for item in self.items)

    def html(self) -> str:
        return bullets(self.items)


@dataclass(frozen=True)
class Table:
    """A table with its caption."""

    frame: "pd.DataFrame"
    caption: str

    def markdown(self) -> str:
        names = [_plain(str(name)) for name in self.frame.columns]
        rows = self.frame.itertuples(index=False, name=None)
        lines = [_line(names), _line(["---"] * len(names)), *(_line(map(_cell, r)) for r in rows)]
        return f"*{_plain(self.caption)}*\n\n" + "\n".join(lines)

    def html(self) -> str:
        return table(self.frame, self.caption)


@dataclass(frozen=True)
class Open:
    """Items that only a person can write, with answers or left open."""

    questions: Mapping[str, str]
    answers: Mapping[str, str]

    def markdown(self) -> str:
        lines = []
        for name, question in self.questions.items():
            if name in self.answers:
                lines.append(f"- [x] **{_plain(name)}:** {_plain(self.answers[name])}")
            else:
                lines.append(f"- [ ] **{_plain(name)}, to be written:** {_plain(question)}")
        return "\n".join(lines)

    def html(self) -> str:
        items = (
            f"\N{BALLOT BOX WITH CHECK} {name}: {self.answers[name]}"
            if name in self.answers
            else f"\N{BALLOT BOX} {name}, to be written: {question}"
            for name, question in self.questions.items()
        )
        return bullets(items, "boxes")


@dataclass(frozen=True)
class CardSection:
    """A section with its heading."""

    title: str
    blocks: Sequence[Block]

    def markdown(self) -> str:
        return "\n\n".join([f"## {self.title}", *(block.markdown() for block in self.blocks)])

    def html(self) -> str:
        return f"<h3>{self.title}</h3>{''.join(block.html() for block in self.blocks)}"


def facts_table(facts: Mapping[str, str], caption: str) -> Table:
    """Make a table of facts and their values."""
    import pandas as pd

    return Table(pd.DataFrame(facts.items(), columns=["what", "value"]), caption)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    return _plain(f"{value:,}" if isinstance(value, int) else str(value))


def _plain(text: str) -> str:
    """Escape markup and line breaks: file names and labels may contain anything."""
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.splitlines())
