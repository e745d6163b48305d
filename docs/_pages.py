"""The pages that are written at build time, each from the one place where its text lives."""

import ast
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

import jupytext
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from skpneumo._page_style import (
    N_COLUMNS_OF_WIDE_TABLE,
    lists_on_phones,
    shaded_where_cut,
)

import _run

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skpneumo"

# Where the output of a block goes once the page is HTML: it is large, and no Markdown.
_PLACE = '<div data-output="{0}"></div>'
PLACE = re.compile(r'<div data-output="(\d+)"></div>')
FIGURE = re.compile(r"<figure.*?</figure>", re.DOTALL)
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
# Where a name or a path may be broken: from_<>estimator, ImageGrid<>Display, train/<>NORMAL.
WORD_BEGINS = re.compile(r"[_/](?=\w)|(?<=[a-z])(?=[A-Z])")
# A row that begins with a number, which says nothing without its column.
NUMBER_FIRST = re.compile(r"^(<tr\b[^>]*>\s*<t[dh]\b)(?=[^>]*>[\d.,]+<)")
# What is printed, in the text of a page and below a block of code; and a line of a table in it.
PRINTED = re.compile(
    r'((?:<div class="language-text highlight"><pre><span></span><code>|<pre>(?!<)))'
    r"([^<]*)</"
)
COLUMNS = re.compile(r"\S {2,}\S|[│├└─]")
_outputs: list[str] = []

# The first cell of a notebook, where the first argument of a script names the data.
_ARGUMENTS = """import sys

sys.argv[1:] = []  # the folder of your X-rays goes between the brackets"""

# In the order of the flow, as in the package's docstring.
STAGES = (
    "datasets",
    "audit",
    "splitting",
    "rebalancing",
    "loading",
    "enhancement",
    "augmentation",
    "networks",
    "classifiers",
    "tuning",
    "fitted",
    "decision",
    "evaluation",
    "explanation",
    "report",
    "persistence",
    "recipes",
    "serving",
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the two sections of the navigation whose pages are found, not listed."""
    assert config.nav is not None
    for section in config.nav:
        if "Examples" in section:
            section["Examples"] = [
                "examples/index.md",
                *(f"examples/{path.stem}.md" for path in examples()),
            ]
        elif "API" in section:
            section["API"] = [
                "api/index.md",
                *(f"api/{stage}.md" for stage in stages()),
                "api/pipeline.md",
            ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the written pages to those found in the folder."""
    pages: dict[str, str | bytes] = {
        "assets/tables.css": style(),
        "index.md": from_root(ROOT / "README.md"),
        "changelog.md": from_root(ROOT / "CHANGELOG.md"),
        "developers.md": from_root(ROOT / "CONTRIBUTING.md"),
        "api/index.md": api_index(),
        "examples/index.md": gallery(),
        **{f"api/{stage}.md": api(stage) for stage in stages()},
        **{f"examples/{path.stem}.md": example(path) for path in examples()},
    }
    for path in executed_pages():
        pages |= written_by(path)
    for path in examples():
        pages[f"examples/{path.stem}/{path.stem}.ipynb"] = notebook(path)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def style() -> str:
    """What pages have in common with reports: lists on phones, and shades where more is to see."""
    article = "article.md-content__inner.md-typeset"
    scrolling = f"{article} :is(.output :is(.scroll, figure, pre), .language-text code)"
    return lists_on_phones(article) + shaded_where_cut(
        scrolling, "var(--cut-background, var(--md-default-bg-color))"
    )


def from_root(path: Path) -> str:
    """A page of the repository's root, with its links seen from the docs folder."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r'(src|href)="docs/', r'\1="', text)
    return (
        text.replace("[LICENSE](LICENSE)", "LICENSE")
        .replace("](CHANGELOG.md)", "](changelog.md)")
        .replace("](CONTRIBUTING.md)", "](developers.md)")
        .replace("](examples/)", "](examples/index.md)")
    )


def stages() -> list[str]:
    return [stage for stage in STAGES if source_of(stage).exists()]


def source_of(stage: str) -> Path:
    """Where a stage declares its public names: the stub of a folder, or the module itself."""
    folder = PACKAGE / stage
    return folder / "__init__.pyi" if folder.is_dir() else folder.with_suffix(".py")


def public_names(stage: str) -> list[str]:
    """What a stage declares in ``__all__``, read without importing it."""
    for node in ast.parse(source_of(stage).read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.Assign)
            and getattr(node.targets[0], "id", "") == "__all__"
        ):
            return list(ast.literal_eval(node.value))
    raise ValueError(
        f"{source_of(stage)} declares no __all__, the list of its public names."
    )


def api(stage: str) -> str:
    names = "\n\n".join(
        f"::: skpneumo.{stage}.{name}" for name in sorted(public_names(stage))
    )
    return (
        f"# skpneumo.{stage}\n\n"
        f"::: skpneumo.{stage}\n    options:\n      members: false\n"
        f"      show_root_heading: false\n      show_root_toc_entry: false\n"
        f"      show_source: false\n\n"
        f"{names}\n"
    )


def api_index() -> str:
    rows = "\n".join(
        f"| [{stage}]({stage}.md) | "
        + ", ".join(
            f"[`{name}`][skpneumo.{stage}.{name}]"
            for name in sorted(public_names(stage))
        )
        + " |"
        for stage in stages()
    )
    return (
        "# API\n\nThe stages in the order of the flow. The names of the package's own "
        "`__all__` can be imported from `skpneumo` directly.\n\n"
        f"| stage | names |\n|---|---|\n{rows}\n"
        "| [pipeline](pipeline.md) | [`Pipeline`][skpneumo.pipeline.Pipeline], "
        "[`make_pipeline`][skpneumo.pipeline.make_pipeline] |\n"
    )


def examples() -> list[Path]:
    """The examples by name, after the one to begin with."""
    paths = (ROOT / "examples").glob("*.py")
    return sorted(paths, key=lambda path: (path.stem != "quick_start", path.stem))


def title_and_text(path: Path) -> tuple[str, str]:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not docstring:
        raise ValueError(
            f"{path} has no docstring; its first line is the title of its page."
        )
    title, _, text = docstring.partition("\n")
    return title.rstrip("."), text.strip()


def gallery() -> str:
    cards = "\n".join(card(path) for path in examples())
    return (
        "# Examples\n\nPlain scripts. Each runs as it is on synthetic X-rays, and on your own "
        "folder when its first argument names one. Every page has what the example prints and "
        "draws, and a notebook to download; the tests run them all.\n\n"
        f'<div class="gallery" markdown>\n\n{cards}\n\n</div>\n'
    )


def card(path: Path) -> str:
    """An entry of the gallery: the last thing that the example draws, and its title."""
    outputs = [block.html for block in _run.example(path)]
    drawn = [figure for html in outputs for figure in FIGURE.findall(html)]
    if not drawn:
        raise ValueError(f"{path.name} draws nothing that the gallery could show.")
    # Identifiers of drawings stay apart from those of the other cards.
    thumbnail = _put(drawn[-1].replace("cell-", f"{path.stem}-"))
    title = title_and_text(path)[0]
    return f'<div class="card" markdown>\n\n{thumbnail}\n\n[{title}]({path.stem}.md)\n\n</div>\n'


def example(path: Path) -> str:
    title, text = title_and_text(path)
    blocks = iter(_run.example(path))
    parts = [
        f"# {title}",
        text,
        f"```console\n$ python examples/{path.name}\n```",
        f"[Download as a notebook]({path.stem}/{path.stem}.ipynb){{ .md-button download }}",
    ]
    for cell in _run.cells(path).cells:
        if cell.cell_type == "code":
            parts += [f"```python\n{cell.source}\n```", _put(next(blocks).html)]
        else:
            parts.append(cell.source)
    return "\n\n".join(parts) + "\n"


def notebook(path: Path) -> str:
    """An example as a notebook, without output: whoever downloads it wants to run it."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    title, text = title_and_text(path)
    document = _run.cells(path)
    opening = [new_markdown_cell(f"# {title}\n\n{text}", id="title")]
    if (
        "sys.argv" in path.read_text(encoding="utf-8")
        or "argparse" in document.cells[0].source
    ):
        opening.append(new_code_cell(_ARGUMENTS, id="arguments"))
    document.cells = [*opening, *document.cells]
    for number, cell in enumerate(document.cells):
        cell.id = (
            f"cell-{number}"  # not a random one, which would differ with every build
        )
    document.metadata = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
    }
    return str(jupytext.writes(document, fmt="ipynb"))


def executed_pages() -> list[Path]:
    return [
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs/guide").glob("*.md")),
    ]


def written_by(path: Path) -> dict[str, str | bytes]:
    """The HTML pages that the Python of a page writes, beside that page."""
    folder = path.relative_to(ROOT / "docs").with_suffix("")
    return {
        f"{folder}/{name}": content
        for block in _run.page(path)
        for name, content in block.pages.items()
    }


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put its output below each block of Python, and the help of all commands on their page."""
    page.meta.setdefault("description", description(markdown))
    path = ROOT / "docs" / page.file.src_uri
    if path in executed_pages():
        markdown = with_outputs(markdown, path)
    if page.file.src_uri != "cli.md":
        return markdown
    from cyclopts.docs.markdown import generate_markdown_docs
    from skpneumo.cli.entrypoint import COMMANDS, app, show_whole_docstring

    for name in COMMANDS:
        show_whole_docstring(name)
    commands = generate_markdown_docs(
        app, heading_level=2, no_root_title=True, generate_toc=False, skip_preamble=True
    )
    commands = commands.replace(r"\|", "|")  # escaped as in tables, but these are lists
    return f"{markdown}\n\n{commands}"


def description(markdown: str) -> str:
    """The first paragraph of a page as plain text, for search engines; "" if there is none."""
    paragraphs = (each for each in markdown.split("\n\n") if re.match(r"`?\w", each))
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", next(paragraphs, ""))
    return escape(" ".join(re.sub("[`*]", "", text).split()))


def with_outputs(markdown: str, path: Path) -> str:
    """The text of a page, with a place below each block that showed something."""
    blocks = _run.page(path)
    parts, end = [], 0
    for region in _run.blocks_of(markdown, str(path)):
        if not blocks or region.parsed != blocks[0].code:
            continue  # a block that is not run
        block = blocks.pop(0)
        html = block.html + "".join(embedded(name) for name in block.pages)
        if html:
            start = (
                markdown.rindex("\n", 0, region.start + 1) + 1 if region.start else 0
            )
            indent = re.match(" *", markdown[start:])
            place = f"\n\n{indent[0] if indent else ''}{_put(html)}\n"
            parts += [markdown[end : region.end], place]
            end = region.end
    return "".join([*parts, markdown[end:]])


def embedded(name: str) -> str:
    """A page that the code has written, within the page and by itself."""
    return (
        f'<iframe src="{name}" title="{name}" loading="lazy"></iframe>'
        f'<p><a href="{name}" target="_blank">Open this page by itself</a></p>'
    )


def _put(html: str) -> str:
    if not html:
        return ""
    _outputs.append(html)
    return _PLACE.format(len(_outputs) - 1)


def on_post_page(output: str, **_: Any) -> str:
    """Fill the places; too late for the search, which is to find what people wrote."""
    filled = PLACE.sub(
        lambda place: f'<div class="output">{_outputs[int(place[1])]}</div>', output
    )
    filled = PRINTED.sub(lambda found: found[1] + readable(found[2]) + "</", filled)
    return TABLE.sub(lambda found: breakable(with_names_in_cells(found[0])), filled)


def readable(printed: str) -> str:
    """What a block prints, so that a phone can break its sentences, and make its tables fit."""
    lines = printed.split("\n")
    found = [bool(COLUMNS.search(line)) for line in lines]
    # A name may fill its column, so a line between two of a table is of the table, too.
    between = [
        before and after
        for before, after in zip([False, *found], [*found[1:], False], strict=False)
    ]
    of_table = [one or other for one, other in zip(found, between, strict=True)]
    width = max(
        (
            len(unescape(line))
            for line, is_row in zip(lines, of_table, strict=True)
            if is_row
        ),
        default=0,
    )
    shown = [
        line if is_row or not line else f'<span class="prose">{line}</span>'
        for line, is_row in zip(lines, of_table, strict=True)
    ]
    text = "\n".join(shown)
    return f'<span class="printed" style="--columns: {width}">{text}</span>'


def breakable(table: str) -> str:
    """A table whose long names may be broken where a reader would, and not within a word."""
    return re.sub(
        r">[^<>]+<", lambda text: WORD_BEGINS.sub(r"\g<0><wbr>", text[0]), table
    )


def with_names_in_cells(table: str) -> str:
    """A wide table whose cells know their columns, so that a phone can show it as a list."""
    head, _, body = table.partition("</thead>")
    names = [
        re.sub(r"<[^>]*>", "", name).strip().replace('"', "&quot;")
        for name in re.findall(r"<th\b[^>]*>(.*?)</th>", head, re.DOTALL)
    ]
    if not body or "data-of=" in body or len(names) < N_COLUMNS_OF_WIDE_TABLE:
        return table

    def named(row: re.Match[str]) -> str:
        columns = iter(names)
        cells = re.sub(
            r"<(td|th)\b",
            lambda cell: f'{cell[0]} data-of="{next(columns, "")}"',
            row[0],
        )
        return NUMBER_FIRST.sub(r'\1 class="number"', cells)

    return head + "</thead>" + re.sub(r"<tr\b.*?</tr>", named, body, flags=re.DOTALL)
