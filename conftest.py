"""The Python in the README and the docs is run, each page from top to bottom in its own folder."""

import os
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def enter_a_folder_of_its_own(namespace: dict[str, Any]) -> None:
    folder = tempfile.TemporaryDirectory(prefix="skpneumo-page-")
    namespace["_leave"] = (os.getcwd(), folder)
    os.chdir(folder.name)


def leave_it(namespace: dict[str, Any]) -> None:
    before, folder = namespace["_leave"]
    os.chdir(before)
    folder.cleanup()


pytest_collect_file = Sybil(
    name="pages",
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md", "docs/guide/*.md"],
    setup=enter_a_folder_of_its_own,
    teardown=leave_it,
).pytest()
