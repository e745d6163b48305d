"""The docs are built as CI publishes them: every page, its output, and every link.

The pages' Python is run by the tests of the pages and of the examples, which leave a recording;
what they have not run by now is run here.
"""

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

import skpneumo
from skpneumo._page_style import lists_on_phones

ROOT = Path(__file__).parents[1]
# Without the stages.
PUBLIC = [
    each for each in skpneumo.__all__ if importlib.util.find_spec(f"skpneumo.{each}") is None
]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


class Read(HTMLParser):
    """What a page makes the browser fetch, where it leads, what leads to it, and its text."""

    def __init__(self):
        super().__init__()
        self.addresses, self.links, self.anchors, self.text = [], [], set(), []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        if tag in ("script", "img", "iframe", "source"):
            self.addresses.append(attributes.get("src"))
        elif tag == "link" and attributes.get("rel") != "canonical":
            self.addresses.append(attributes.get("href"))
        elif tag == "a":
            self.links.append(attributes.get("href"))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_data(self, data):
        self.text.append(data)


@cache
def read(page):
    parser = Read()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def stage_of(name):
    return getattr(skpneumo, name).__module__.split(".")[1]


def test_pages_fetch_nothing_from_other_hosts(site):
    pages = list(site.rglob("*.html"))
    assert pages
    for page in pages:
        for address in read(page).addresses:
            assert not re.match(r"(https?:)?//", address or ""), (page, address)


def broken_links(site):
    """Pairs of a page and a link or an address in it that leads nowhere in the site."""
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # is served from any folder, with absolute links
            continue
        for link in filter(None, [*read(page).links, *read(page).addresses]):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            page_of_site = target.suffix == ".html"
            if not target.exists() or (
                anchor and page_of_site and anchor not in read(target).anchors
            ):
                yield page.relative_to(site), link


def test_every_link_leads_somewhere(site):
    assert list(broken_links(site)) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "page.html").write_text('<a href="#there" id="here"></a><img src="none.png">')
    assert {link for _, link in broken_links(tmp_path)} == {"#there", "none.png"}


def test_every_public_name_has_its_entry(site):
    for name in PUBLIC:
        stage = stage_of(name)
        page = (site / "api" / stage / "index.html").read_text(encoding="utf-8")
        assert f'id="skpneumo.{stage}.{name}"' in page


def test_every_public_name_has_an_example(site):
    gallery = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "examples").glob("*.py"))
    for name in PUBLIC:
        doc = getattr(importlib.import_module(f"skpneumo.{stage_of(name)}"), name).__doc__
        assert ">>>" in doc or re.search(rf"\b{name}\b", gallery), name


def test_no_restructured_text_is_left_over(site):
    for page in (site / "api").rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r":(class|func|meth|mod|attr|doi|ref):", text), page
        assert "====" not in text, page


def test_front_page_is_the_readme(site):
    first_lines = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line
    ]
    assert first_lines[0].lstrip("# ") in "".join(read(site / "index.html").text)


# The pages about numbers or pictures, and what of the two they have to show.
SHOWN = {
    "audit": ("<table", "<iframe"),
    "augmentation": ("<svg",),
    "decision": ("<pre>", "<svg"),
    "enhancement": ("<svg",),
    "evaluation": ("<table", "<svg"),
    "explanation": ("<pre>", "<svg"),
    "loading": ("<svg",),
    "rebalancing": ("<svg",),
    "report": ("<iframe",),
    "splitting": ("<table",),
    "transfer": ("<svg",),
    "tuning": ("<table",),
}


@pytest.mark.parametrize("name", SHOWN)
def test_pages_show_what_their_code_prints_and_draws(name, site):
    page = (site / "guide" / name / "index.html").read_text(encoding="utf-8")
    outputs = "".join(page.split('<div class="output">')[1:])
    assert all(what in outputs for what in SHOWN[name])
    assert "data-output" not in page


def test_no_printed_table_is_wider_than_the_page(site):
    """A page of 1280 pixels has room for 96 characters."""
    widths = {
        page.relative_to(site): max(map(int, found))
        for page in site.rglob("*.html")
        if (found := re.findall("--columns: (\\d+)", page.read_text(encoding="utf-8")))
    }
    assert len(widths) > 5
    assert {page: width for page, width in widths.items() if width > 96} == {}


def test_figures_have_a_name_and_the_colours_of_the_page(site):
    page = (site / "guide" / "evaluation" / "index.html").read_text(encoding="utf-8")
    drawings = re.findall(r'<svg role="img"[^>]*>', page)
    assert drawings
    assert all(re.search(r'aria-label="[^"]+"', each) for each in drawings)
    assert "currentColor" in page


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_gallery_has_a_thumbnail_a_page_and_a_notebook(example, site):
    gallery = (site / "examples" / "index.html").read_text(encoding="utf-8")
    card = gallery.split('<div class="card">')[1:]
    # What follows the last card leads to a page as well.
    mine = next(each for each in card if f'href="{example.stem}/"' in each)
    assert "<svg" in mine
    folder = site / "examples" / example.stem
    assert "<svg" in (folder / "index.html").read_text(encoding="utf-8")
    notebook = nbformat.read(folder / f"{example.stem}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert "sys.argv[1:] = []" in "".join(cell.source for cell in notebook.cells)


def test_pages_use_the_style_of_lists_that_reports_use(site):
    style = (site / "assets" / "tables.css").read_text(encoding="utf-8")
    assert style.startswith(lists_on_phones("article.md-content__inner.md-typeset"))
    shown = (site / "guide" / "evaluation" / "index.html").read_text(encoding="utf-8")
    assert 'href="../../assets/tables.css"' in shown
    assert '<article class="md-content__inner md-typeset">' in shown
    assert 'data-of="' in shown


def test_search_finds_words_and_not_what_was_drawn(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert not any("currentColor" in each["text"] for each in index["docs"])
