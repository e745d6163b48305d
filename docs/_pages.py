"""The pages that are written at build time, each from the one place where its text lives."""

import ast
import re
from contextlib import redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skpneumo"

# The page whose Python is run when the docs are built, for what it prints and draws.
EXECUTED = "guide/explanation.md"
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

_printed: dict[str, str] = {}

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
    "decision",
    "fitted",
    "evaluation",
    "explanation",
    "report",
    "persistence",
    "recipes",
    "serving",
    "persistence",
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
        "index.md": from_root(ROOT / "README.md"),
        "changelog.md": from_root(ROOT / "CHANGELOG.md"),
        "developers.md": from_root(ROOT / "CONTRIBUTING.md"),
        "api/index.md": api_index(),
        "examples/index.md": gallery(),
        **{f"api/{stage}.md": api(stage) for stage in stages()},
        **{f"examples/{path.stem}.md": example(path) for path in examples()},
    }
    pages |= pictures() | run_page(ROOT / "docs" / EXECUTED)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


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
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    raise ValueError(f"{source_of(stage)} declares no __all__, the list of its public names.")


def api(stage: str) -> str:
    names = "\n\n".join(f"::: skpneumo.{stage}.{name}" for name in sorted(public_names(stage)))
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
        + ", ".join(f"[`{name}`][skpneumo.{stage}.{name}]" for name in sorted(public_names(stage)))
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
    return sorted((ROOT / "examples").glob("*.py"))


def title_and_text(path: Path) -> tuple[str, str]:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not docstring:
        raise ValueError(f"{path} has no docstring; its first line is the title of its page.")
    title, _, text = docstring.partition("\n")
    return title.rstrip("."), text.strip()


def gallery() -> str:
    entries = "\n".join(
        f"- [{title_and_text(path)[0]}]({path.stem}.md): `examples/{path.name}`"
        for path in examples()
    )
    return (
        "# Examples\n\nPlain scripts. Each runs as it is on synthetic radiographs, and on your "
        "own folder when its first argument names one; the tests run them all.\n\n"
        f"{entries}\n"
    )


def example(path: Path) -> str:
    title, text = title_and_text(path)
    source = path.read_text(encoding="utf-8")
    code = source[source.index('"""', 3) + 3 :].strip()
    return (
        f"# {title}\n\n{text}\n\n"
        f"```console\n$ python examples/{path.name}\n```\n\n```python\n{code}\n```\n"
    )


def pictures() -> dict[str, str | bytes]:
    """What the tutorial's code draws, drawn by it."""
    import matplotlib

    matplotlib.use("agg")
    from skpneumo.datasets import make_chest_xray
    from skpneumo.evaluation import ImageGridDisplay

    xrays = make_chest_xray(n_patients=20, difficulty=0.0, random_state=0)
    names = [xrays.target_names[label] for label in xrays.target]
    figure = ImageGridDisplay.from_images(xrays.filenames, names, n_images=8, n_columns=4).figure_
    buffer = BytesIO()
    figure.savefig(buffer, dpi=100)
    return {"assets/synthetic-radiographs.png": buffer.getvalue()}


def run_page(path: Path) -> dict[str, str | bytes]:
    """Run the Python of a page from top to bottom, and draw the displays that it names.

    What each block prints is kept, and put below it by :func:`on_page_markdown`.
    """
    import matplotlib

    matplotlib.use("agg")
    namespace: dict[str, Any] = {}
    for code in PYTHON.findall(path.read_text(encoding="utf-8")):
        with redirect_stdout(StringIO()) as printed:
            exec(compile(code, path.name, "exec"), namespace)
        _printed[code] = printed.getvalue()
    drawn: dict[str, str | bytes] = {}
    for name, value in namespace.items():
        if hasattr(value, "figure_"):
            buffer = BytesIO()
            value.figure_.savefig(buffer, dpi=100)
            drawn[f"assets/{name}.png"] = buffer.getvalue()
    return drawn


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let the help of every command follow the introduction to them, and output its code."""
    if page.file.src_uri == EXECUTED:
        return PYTHON.sub(lambda block: block[0] + _in_a_box(_printed.get(block[1], "")), markdown)
    if page.file.src_uri != "cli.md":
        return markdown
    from cyclopts.docs.markdown import generate_markdown_docs

    from skpneumo.cli.entrypoint import app

    return markdown + generate_markdown_docs(
        app, heading_level=2, no_root_title=True, generate_toc=False, skip_preamble=True
    )


def _in_a_box(printed: str) -> str:
    return f"\n\n```text\n{printed.rstrip()}\n```" if printed else ""
