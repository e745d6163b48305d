"""The Python in the docs is run, each page from top to bottom in its own folder."""

import importlib.util
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# The tests' matrices are small, and several processes run beside each other: threads of BLAS and
# of OpenMP would spend more time waiting for each other than computing.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest  # noqa: E402
from sybil import Sybil  # noqa: E402


def load_runner() -> Any:
    """The module that runs pages when the docs are built; the docs are no package."""
    spec = importlib.util.spec_from_file_location("_run", Path(__file__).parent / "docs/_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_run"] = module
    spec.loader.exec_module(module)
    return module


run = load_runner()


def enter_a_folder_of_its_own(namespace: dict[str, Any]) -> None:
    namespace["_leave"] = ExitStack()
    namespace["_leave"].enter_context(run.empty_folder())


def leave_it(namespace: dict[str, Any]) -> None:
    namespace["_leave"].close()


pages = Sybil(
    name="pages",
    parsers=run.parsers(),
    patterns=["docs/*.md", "docs/guide/*.md"],
    setup=enter_a_folder_of_its_own,
    teardown=leave_it,
)
pytest_collect_file = pages.pytest()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Have a folder's tests in one process: its files share what they fit and compile."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LoadFolderScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            parts = file.split("/")
            return parts[1] if parts[0] == "tests" and len(parts) > 2 else file

    return LoadFolderScheduling(config, log)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Run what takes longest first, and the site once its pages and examples are recorded.

    The build of the site runs what has no recording. With ``-n``, the processes get the files in
    this order; short ones come last, so that no process is left alone with a long one.
    """
    items.sort(key=running_order)


def running_order(item: Any) -> int:
    if item.nodeid.startswith(("docs/", "tests/test_examples.py", "tests/test_readme.py")):
        return 0
    if item.nodeid.startswith("tests/test_site.py"):
        return 2
    return 3 if item.nodeid.startswith("skpneumo/") else 1
