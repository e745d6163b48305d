"""What the docs and the pages of the root say is there. The built pages: `test_site.py`."""

import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import _run
import griffe
import pandas as pd
import pytest

import skpneumo
from skpneumo._html import fragment, table
from skpneumo._page_style import lists_on_phones, shaded_where_cut
from skpneumo.cli._usage_errors import options_of
from skpneumo.cli.entrypoint import COMMANDS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pages():
    """The module that writes pages when the docs are built."""
    return module_of_docs("_pages")


def module_of_docs(name):
    """Import a module of the docs, which are no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Without the stages.
PUBLIC = [
    each for each in skpneumo.__all__ if importlib.util.find_spec(f"skpneumo.{each}") is None
]


def stage_of(name):
    return getattr(skpneumo, name).__module__.split(".")[1]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name):
    stage = importlib.import_module(f"skpneumo.{stage_of(name)}")
    assert name in stage.__all__
    assert getattr(stage, name).__doc__


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_relative_links_of_root_pages_lead_somewhere(page):
    code = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
    text = code.sub("", (ROOT / page).read_text(encoding="utf-8"))
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if not link.startswith("http")]
    assert not [link for link in links if not (ROOT / link).exists()]


def test_lines_of_code_fit_their_page():
    """A block on the widest screens the pages are made for has room for so many letters."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for block in _run.blocks_of(page.read_text(encoding="utf-8"), str(page)):
            longest = max(map(len, block.parsed.splitlines()))
            assert longest <= 88, (page, longest)


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_exist(page):
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`(skpneumo [^`]+)`", text)
    for line in [*"".join(blocks).splitlines(), *(span.replace("\n", " ") for span in spans)]:
        for command, rest in re.findall(r"skpneumo ([a-z]+)([^|#]*)", line):
            assert command in COMMANDS
            assert {*re.findall(r"(?<!\S)--?[a-z][\w-]*", rest)} <= options_of(command), line


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Writes a page and runs it; recordings stay in a folder of the test."""
    monkeypatch.setattr(_run, "RECORDINGS", tmp_path / "recordings")

    def run(*blocks):
        path = tmp_path / "page.md"
        text = "".join(f"```python\n{block}\n```\n\n" for block in blocks)
        path.write_text(text, encoding="utf-8")
        return path, _run.page(path)

    return run


def test_blocks_show_what_they_print_and_the_value_of_the_last_expression(page):
    _, blocks = page("x = 2", "print('<one>')\nx + 1", "import pandas as pd\npd.DataFrame([[.5]])")
    assert [block.html for block in blocks[:2]] == ["", "<pre>&lt;one&gt;</pre><pre>3</pre>"]
    assert "0.500" in blocks[2].html
    assert "<table>" in blocks[2].html.replace(' border="0"', "")


def test_printed_sentences_may_be_broken_and_printed_tables_not(page, pages):
    table = "recall        0.914  35\\nnegative pred. .672 204\\nROC AUC       0.985 600  "
    code = f"print('What a table &c says:\\n{table}\\n\\nAnd so on.')"
    _, (block,) = page(code)
    # A block of a page's own text looks as what a block of code prints.
    fenced = (
        f'<div class="language-text highlight"><pre><span></span><code>'
        f"{block.html.removeprefix('<pre>').removesuffix('</pre>')}</code></pre></div>"
    )
    for html in (block.html, fenced):
        shown = pages.on_post_page(html)
        assert '<span class="printed" style="--columns: 25">' in shown
        assert re.findall('<span class="prose">(.*?)</span>', shown) == [
            "What a table &amp;c says:",
            "And so on.",
        ]
        assert "\nnegative pred. .672 204\nROC" in shown


def test_code_is_not_taken_for_what_it_prints(pages):
    code = '<div class="language-python highlight"><pre><span></span><code>1</code></pre></div>'
    assert pages.on_post_page(code) == code


def test_docs_and_reports_shade_the_edges_of_what_scrolls_by_one_rule(pages):
    rule = shaded_where_cut(".skpneumo-page .scroll", "Canvas")
    assert rule in fragment("")
    assert rule.partition("{")[2].replace("Canvas", "") == (
        pages.style()
        .rpartition("code) {")[2]
        .replace("var(--cut-background, var(--md-default-bg-color))", "")
    )


def test_figures_are_drawn_and_closed_and_pages_collected(page):
    import matplotlib.pyplot as plt

    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('two points')\nNone"
    _, (drawn, written) = page(code, "from pathlib import Path\nPath('a.html').write_text('<p>')")
    assert 'aria-label="two points"' in drawn.html
    assert not plt.get_fignums()
    assert written.pages == {"a.html": "<p>"}
    assert written.html == "<pre>3</pre>"


def test_parameters_have_the_choices_and_the_default_that_their_docstring_says():
    docstring = """Build a network.

    Parameters
    ----------
    pooling : {"max", "average"} or None, default=None
        How images are halved.
    weights : dict, "balanced" or None, default="balanced"
        Of classes.
    width, height : int, default=3
        Both sides.
    X : array-like, default=None
        Images.
    estimator : classifier with ``predict_proba``, default=None
        Not fitted.
    """
    roles = module_of_docs("_roles")
    text = roles.markdown(inspect.cleandoc(docstring), {})
    (section,) = (
        each for each in griffe.Docstring(text).parse("numpy") if each.kind.value == "parameters"
    )
    shown = [
        (each.name.replace(roles.SPACE, " "), str(each.annotation).lstrip(roles.NO_PYTHON),
         each.default)
        for each in section.value
    ]  # fmt: skip
    assert shown == [
        ("pooling", '{"max", "average"} or None', "None"),
        ("weights", 'dict, "balanced" or None', '"balanced"'),
        ("width, height", "int", "3"),
        ("X", "array-like", "None"),
        ("estimator", "classifier with predict_proba", "None"),
    ]


def test_search_engines_get_the_first_paragraph_as_plain_text(pages):
    text = '# Title\n\n`A` [link](x.md) to `code`,\nand "more".\n\nThe rest.\n'
    assert pages.description(text) == "A link to code, and &quot;more&quot;."
    assert pages.description("# skpneumo.audit\n\n::: skpneumo.audit\n") == ""


def test_examples_begin_with_the_quick_start(pages):
    assert [path.stem for path in pages.examples()][:2] == ["quick_start", "compare_resamplers"]


def test_a_page_is_run_again_when_it_changes(page, monkeypatch):
    path, _ = page("print(1)")
    assert _run.stored(path)
    path.write_text("```python\nprint(2)\n```\n", encoding="utf-8")
    assert _run.stored(path) is None
    page("print(1)")
    monkeypatch.setattr(_run, "sources", lambda: [path])  # stands for another package
    assert _run.stored(path) is None
    monkeypatch.setenv(_run.STALE, "1")
    assert _run.stored(path)


def test_a_failing_block_fails(page):
    with pytest.raises(ZeroDivisionError):
        page("1 / 0")


def test_each_row_of_a_table_says_all_of_itself(page):
    data = (
        "import pandas as pd\n"
        "data = pd.DataFrame({'split': ['test', 'test'], 'label': ['a', 'b'], 'n': [1, 2]})\n"
    )
    grouped = f"{data}data.groupby(['split', 'label']).sum()"
    pivoted = "data.pivot(index='split', columns='label', values='n')"
    _, (long, wide) = page(grouped, pivoted)
    assert long.html.count("<td>test</td>") == 2
    assert "rowspan" not in long.html
    for block, columns in ((long, ["split", "label", "n"]), (wide, ["split", "a", "b"])):
        assert re.findall("<th>(.*?)</th>", block.html) == columns


@pytest.mark.parametrize(("n_columns", "becomes_a_list"), [(3, False), (4, True)])
def test_docs_and_reports_make_lists_of_the_same_tables(n_columns, becomes_a_list, pages):
    frame = pd.DataFrame([[1] * n_columns], columns=list("abcd")[:n_columns])
    in_report, in_docs = table(frame), pages.with_names_in_cells(_run.table(frame))
    for html in (in_report, in_docs):
        told = re.findall(r'<t[hd]\b[^>]*data-of="(.)"', html)
        assert told == (list(frame.columns) if becomes_a_list else [])
        # A number that begins a row says nothing without its column.
        assert 'class="number" data-of="a">1<' in html or not becomes_a_list


def test_names_in_a_table_may_be_broken_where_their_words_begin(pages):
    cell = '<td title="a_b">from_files, <code>ImageGridDisplay</code> of train/NORMAL, AUC</td>'
    assert pages.breakable(cell) == (
        '<td title="a_b">from_<wbr>files, <code>Image<wbr>Grid<wbr>Display</code> of '
        "train/<wbr>NORMAL, AUC</td>"
    )


def test_docs_and_reports_lay_out_lists_on_a_phone_by_one_rule():
    rule = lists_on_phones(".skpneumo-page")
    assert "[data-of]" in rule
    assert rule in fragment("")
    written = [*(ROOT / "docs/assets").glob("*.css"), ROOT / "skpneumo/_html.py"]
    assert not [path for path in written if "attr(data-of)" in path.read_text(encoding="utf-8")]
