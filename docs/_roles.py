"""Docstrings are written for numpydoc; this turns their reStructuredText into Markdown."""

import re
from typing import Any

from griffe import Extension, GriffeLoader, Object

ROLE = re.compile(r":(?:py:)?(?:class|func|meth|mod|attr|data|exc|obj|term):`([^`]+)`")
DOI = re.compile(r":doi:`([^`]+)`")
EXPLICIT = re.compile(r"^(.+?)\s*<([^>]+)>$", re.DOTALL)
LITERAL_BLOCK = re.compile(r"::(\n\s*\n)")
REFERENCE = re.compile(r"^\.\. \[(\w+)\] ((?:.+(?:\n[ ]+\S.*)*))", re.MULTILINE)
CITATION = re.compile(r"\[(\w+)\]_")
SEE_ALSO = re.compile(r"^(See Also\n-+\n)((?:.*\n?)*?)(?=^\S.*\n---|\Z)", re.MULTILINE)
TABLE = re.compile(r"^(=+(?: +=+)+)\n(.+)\n\1\n((?:.*\n)*?)\1$", re.MULTILINE)
# The line of a parameter or attribute: its names and type.
ENTRY = re.compile(r"^([*\w]+(?:, [*\w]+)*) : (.+)$", re.MULTILINE)
# Griffe splits names at a plain space, and would show the text and the first default for each.
SPACE = "\N{FOUR-PER-EM SPACE}"
# Griffe reads types as Python, which loses quotes and makes "array - like", and takes the first of
# several choices for the default. It shows what is no Python as it is.
NO_PYTHON = "\N{WORD JOINER}"


def link(text: str, pages: dict[str, str]) -> str:
    """A cross-reference where the docs have the target, plain code where they do not."""
    if explicit := EXPLICIT.match(text):
        shown, target = explicit.groups()
    else:
        shown, target = (
            (text.rsplit(".", 1)[-1] if text.startswith("~") else text),
            text,
        )
    target = target.lstrip("~!.")
    # The package hands out the names of its stages; their entries are under the stage.
    name, dot, rest = target.removeprefix("skpneumo.").partition(".")
    if name in pages:
        target = pages[name] + dot + rest
    return f'<autoref optional identifier="{target}"><code>{shown.lstrip("!.")}</code></autoref>'


def see_also(section: re.Match[str], pages: dict[str, str]) -> str:
    """The names of a See Also section as a list of links, with what is said of them."""
    entries: list[str] = []
    for line in section[2].splitlines():
        if line.startswith(" ") or (entries and entries[-1].endswith(",")):
            entries[-1] += " " + line.strip()
        elif line.strip():
            entries.append(line.strip())
    items = []
    for entry in entries:
        names, colon, description = entry.partition(" : ")
        links = ", ".join(link(name.strip(), pages) for name in names.split(","))
        items.append(f"- {links}{': ' if colon else ''}{description}")
    return section[1] + "\n".join(items) + "\n\n"


def table(found: re.Match[str]) -> str:
    """A simple table, whose rows may go on where their first cell is empty."""
    starts = [column.start() for column in re.finditer("=+", found[1])]
    ends = [*starts[1:], None]

    def cells(line: str) -> list[str]:
        return [
            line[start:end].strip() for start, end in zip(starts, ends, strict=True)
        ]

    rows: list[list[str]] = []
    for line in found[3].splitlines():
        if line[: starts[1]].strip() or not rows:
            rows.append(cells(line))
        else:
            rows[-1] = [
                f"{a} {b}".strip() for a, b in zip(rows[-1], cells(line), strict=True)
            ]
    return "\n".join(
        "| " + " | ".join(row) + " |"
        for row in [cells(found[2]), ["---"] * len(starts), *rows]
    )


def entry(found: re.Match[str]) -> str:
    """The line of a parameter, so that names, choices and default are shown as they are."""
    kind = found[2].replace("``", "")  # all of it is shown as code
    verbatim = NO_PYTHON if re.search('["-]', kind.partition(", default")[0]) else ""
    return f"{found[1].replace(', ', ',' + SPACE)} : {verbatim}{kind}"


def markdown(text: str, pages: dict[str, str]) -> str:
    """What a docstring says, in Markdown."""
    text = TABLE.sub(table, text)
    text = SEE_ALSO.sub(
        lambda section: see_also(section, pages), text
    )  # its lines are entries
    text = ENTRY.sub(entry, text)
    text = ROLE.sub(lambda role: link(role[1], pages), text)
    text = DOI.sub(r"[doi:\1](https://doi.org/\1)", text)
    text = LITERAL_BLOCK.sub(r":\1", text)
    text = REFERENCE.sub(
        lambda found: f"- \\[{found[1]}\\] " + " ".join(found[2].split()), text
    )
    return CITATION.sub(r"\\[\1\\]", text)


class Roles(Extension):
    """Rewrite every docstring of the package as it is collected."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, str] = {}

    def on_object(self, *, obj: Object, loader: GriffeLoader, **_: Any) -> None:
        """Called for each object once all are read."""
        if not self.pages:
            stages = loader.modules_collection.members["skpneumo"].modules
            self.pages = {
                str(name): f"skpneumo.{stage}.{name}"
                for stage, module in stages.items()
                for name in module.exports or ()
            }
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value, self.pages)
