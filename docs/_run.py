"""Runs the Python of a page or an example, and records what each block prints, shows and draws.

Sybil finds the blocks of a page and jupytext the cells of an example. The tests run them too, and
leave the recording for the build of the docs, so that nothing has to be run twice.
"""

import ast
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass, field
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from html import escape
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import SkipTest

import jupytext
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / ".cache" / "pages"
# What a recording depends on, beside the page and the package.
VERSIONS = ("keras", "matplotlib", "numpy", "pandas", "scikit-learn", "tensorflow")
# Set to anything, it takes the recording of a page that is as it was, whatever the package is:
# for those who write pages and change nothing else.
STALE = "SKPNEUMO_STALE_PAGES"
N_ROWS = 20
N_COLUMNS = 9


@dataclass
class Block:
    """A block of code, what it showed as HTML, and the pages that it wrote."""

    code: str
    html: str = ""
    pages: dict[str, str] = field(default_factory=dict)


def run_block(
    code: str, namespace: dict[str, Any], name: str, filename: str, line: int
) -> Block:
    """Run a block as a notebook does: the value of a last expression is shown."""
    from skpneumo._svg import drawing

    tree = ast.parse(code)
    ast.increment_lineno(tree, line)
    last = (
        tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    )
    before = set(Path().glob("*.html"))
    value = None
    with drawing(), redirect_stdout(StringIO()) as printed:
        exec(compile(tree, filename, "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(
                compile(ast.Expression(last.value), filename, "eval"), namespace
            )
    outputs = [as_text(printed.getvalue()) if printed.getvalue() else ""]
    outputs += [shown(value), *figures(name)]
    written = sorted(set(Path().glob("*.html")) - before)
    return Block(
        code,
        "".join(outputs),
        {path.name: path.read_text(encoding="utf-8") for path in written},
    )


def shown(value: Any) -> str:
    """A value as a notebook shows it; nothing for what is drawn, or fitted, instead."""
    if value is None or hasattr(value, "figure_") or hasattr(value, "get_params"):
        return ""
    if hasattr(value, "to_frame"):
        value = value.to_frame()
    if hasattr(value, "iloc") and not type(value).__module__.startswith("skpneumo"):
        return table(value)
    if hasattr(value, "_repr_html_"):
        return f'<div class="scroll">{value._repr_html_()}</div>'
    return as_text(value if isinstance(value, str) else repr(value))


def as_text(text: str) -> str:
    """Text as a terminal shows it."""
    return f"<pre>{escape(text.rstrip())}</pre>"


def table(frame: Any) -> str:
    """The first rows of a frame, without the numbers that rows have where nobody named them.

    Columns that would lie beyond the edge are named below.
    """
    # Names of rows become columns: each row says all, also where a phone makes a block of it.
    named = any(name is not None for name in frame.index.names)
    if named:
        frame = frame.reset_index().rename_axis(columns=None)
    shown = not named and not str(frame.index.dtype).startswith("int")
    html = frame.iloc[:N_ROWS, :N_COLUMNS].to_html(
        border=0, index=shown, float_format=number, na_rep=""
    )
    html = html.replace(' class="dataframe"', "").replace(
        ' style="text-align: right;"', ""
    )
    left = len(frame) - N_ROWS
    more = f"<p>… and {left:,} more rows</p>" if left > 0 else ""
    if others := ", ".join(
        f"<code>{escape(str(name))}</code>" for name in frame.columns[N_COLUMNS:]
    ):
        more += f"<p>Further columns: {others}</p>"
    return f'<div class="scroll">{html}</div>{more}'


def number(value: float) -> str:
    return f"{value:.1e}" if 0 < abs(value) < 0.001 else f"{value:.3f}"


def figures(name: str) -> list[str]:
    """The open figures, which are closed."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    import matplotlib.pyplot as plt
    from skpneumo._svg import bare_svg

    drawn = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        width, height = figure.get_size_inches()
        svg = bare_svg(figure, f"{name}-{number}", label(figure))
        drawn.append(
            f'<figure style="max-width: {width * 80:.0f}px; --width: {width * 80:.0f}px; '
            f'--ratio: {width / height:.2f}">'
            f"{svg}</figure>"
        )
        plt.close(figure)
    return drawn


def label(figure: Any) -> str:
    """What a figure shows, for those who cannot see it: its titles, else its axes."""
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    titles = [each.replace("\n", " ") for each in titles if each]
    if not titles:
        titles = [
            f"{axes.get_ylabel()} against {axes.get_xlabel()}"
            for axes in figure.axes
            if axes.get_xlabel()
        ]
    return "; ".join(titles) or "Drawn by the code above"


@contextmanager
def empty_folder() -> Iterator[None]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="skpneumo-page-") as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def evaluate(example: Example) -> None:
    """Sybil's evaluator: run a block of a page, and add it to the recording of the page."""
    __tracebackhide__ = True
    blocks: list[Block] = example.namespace.setdefault("_blocks", [])
    blocks.append(
        run_block(
            str(example.parsed),
            example.namespace,
            f"block-{len(blocks)}",
            example.path,
            example.line + example.parsed.line_offset,
        )
    )
    if not left_to_run(example.document.text, example.path, blocks):
        store(Path(example.path), blocks)


def parsers() -> list[Any]:
    python = PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE)
    python.codeblock_parser = CodeBlockParser("python", evaluate)
    return [python, SkipParser()]


def blocks_of(text: str, path: str) -> list[Any]:
    """The regions of a page's Python, in order."""
    from sybil.document import Document

    return list(CodeBlockParser("python", evaluate)(Document(text, path)))


def left_to_run(text: str, path: str, blocks: list[Block]) -> int:
    """How many blocks are neither recorded nor skipped."""
    regions = blocks_of(text, path)
    skipped = sum(
        "<!--- skip:" in text[max(0, r.start - 60) : r.start] for r in regions
    )
    return len(regions) - skipped - len(blocks)


def page(path: Path) -> list[Block]:
    """The blocks of a page, run now unless a recording is there."""
    if (blocks := stored(path)) is None:
        document = Sybil(parsers=parsers(), patterns=["*"]).parse(path)
        with empty_folder():
            for example in document.examples():
                with suppress(SkipTest):  # the page says so, and why
                    example.evaluate()
        blocks = document.namespace.get("_blocks", [])
        store(path, blocks)
    return blocks


def cells(path: Path) -> Any:
    """An example without its docstring, as a notebook."""
    source = path.read_text(encoding="utf-8")
    return jupytext.reads(source[source.index('"""', 3) + 3 :].strip(), "py:percent")


def example(path: Path) -> list[Block]:
    """The cells of an example, run now unless a recording is there."""
    return record_example(path) if (blocks := stored(path)) is None else blocks


def record_example(path: Path) -> list[Block]:
    """Run the cells of an example as its script would run, without arguments."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    namespace: dict[str, Any] = {"__name__": "__main__", "__doc__": docstring}
    blocks: list[Block] = []
    arguments = sys.argv
    sys.argv = [str(path)]
    try:
        with empty_folder():
            for cell in cells(path).cells:
                if cell.cell_type == "code":
                    name = f"cell-{len(blocks)}"
                    blocks.append(run_block(cell.source, namespace, name, path.name, 0))
    finally:
        sys.argv = arguments
    store(path, blocks)
    return blocks


def key(path: Path) -> str:
    """What the recording of a page depends on: the page, and whatever else there is."""
    return f"{digest_of([path])} {digest_of(sources())}"


def sources() -> list[Path]:
    return sorted([*(ROOT / "skpneumo").rglob("*.py"), Path(__file__)])


def digest_of(paths: list[Path]) -> str:
    digest = hashlib.sha256(" ".join(map(version, VERSIONS)).encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def recording(path: Path) -> Path:
    return RECORDINGS / f"{path.parent.name}-{path.stem}.json"


def store(path: Path, blocks: list[Block]) -> None:
    target = recording(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Other processes may read meanwhile.
    unfinished = target.with_suffix(f".{os.getpid()}")
    content = {"key": key(path), "blocks": [asdict(block) for block in blocks]}
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    unfinished.replace(target)


def stored(path: Path) -> list[Block] | None:
    if not recording(path).exists():
        return None
    content = json.loads(recording(path).read_text(encoding="utf-8"))
    wanted = key(path)
    if STALE in os.environ:
        content["key"], wanted = content["key"].split()[0], wanted.split()[0]
    return (
        [Block(**block) for block in content["blocks"]]
        if content["key"] == wanted
        else None
    )
