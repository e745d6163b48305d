"""The docs are built as CI publishes them, need no other host, and name what there is.

Their Python blocks are run by the `conftest.py` of the root.
"""

import importlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import skpneumo

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


def stage_of(name):
    return getattr(skpneumo, name).__module__.split(".")[1]


class Fetched(HTMLParser):
    """Collects what a page makes the browser fetch, and its text."""

    def __init__(self):
        super().__init__()
        self.addresses, self.text = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in ("script", "img", "iframe", "source"):
            self.addresses.append(attributes.get("src"))
        elif tag == "link" and attributes.get("rel") != "canonical":
            self.addresses.append(attributes.get("href"))

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    parser = Fetched()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.mark.slow
def test_pages_fetch_nothing_from_other_hosts(site):
    pages = list(site.rglob("*.html"))
    assert pages
    for page in pages:
        for address in read(page).addresses:
            assert not re.match(r"(https?:)?//", address or ""), (page, address)


@pytest.mark.slow
def test_every_public_name_has_its_entry(site):
    for name in skpneumo.__all__:
        stage = stage_of(name)
        page = (site / "api" / stage / "index.html").read_text(encoding="utf-8")
        assert f'id="skpneumo.{stage}.{name}"' in page


@pytest.mark.slow
def test_no_restructured_text_is_left_over(site):
    for page in (site / "api").rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r":(class|func|meth|mod|attr|doi|ref):", text), page
        assert "====" not in text, page


@pytest.mark.slow
def test_front_page_is_the_readme(site):
    first_lines = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line
    ]
    assert first_lines[0].lstrip("# ") in "".join(read(site / "index.html").text)


@pytest.mark.parametrize("name", skpneumo.__all__)
def test_every_public_name_has_a_docstring(name):
    stage = importlib.import_module(f"skpneumo.{stage_of(name)}")
    assert name in stage.__all__
    assert getattr(stage, name).__doc__


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_relative_links_of_root_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if not link.startswith("http")]
    assert not [link for link in links if not (ROOT / link).exists()]
