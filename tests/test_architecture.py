"""Rules of the code base that no other test checks."""

import ast
import inspect
import json
import re
import subprocess
import sys
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

import skpneumo

PACKAGE = Path(skpneumo.__file__).parent

# A stage may import those before it. Some are still to be built.
STAGES = [
    "_early_interrupt",
    "_quiet_start",
    "_typing",
    "_warning_lines",
    "_messages",
    "_formatting",
    "_spellings",
    "_sklearn",
    "_random",
    "_process_wide",
    "_positive_class",
    "_dicom_files",
    "_file_state",
    "_image_files",
    "_paths",
    "_encoding",
    "_documentation",
    "_image_output",
    "_log_probabilities",
    "_files",
    "_missing_labels",
    "_machine",
    "_memory_files",
    "_progress",
    "_pixel_values",
    "_images",
    "_gate_parts",
    "_burnt_in_text",
    "_lung_field",
    "_page_style",
    "_html",
    "_plotting",
    "_svg",
    "pipeline",
    "datasets",
    "_patients",
    "_interpolation",
    "splitting",
    "rebalancing",
    "_fit_arguments",
    "loading",
    "audit",  # of paths, and looks at pixels
    "enhancement",
    "augmentation",
    "_settings",
    "networks",
    "classifiers",
    "tuning",
    "fitted",
    "decision",
    "_loader_of",
    "_responses",
    "_predictions",
    "_bootstrap",
    "_image_drawing",
    "evaluation",
    "explanation",
    "report",
    "persistence",
    "recipes",  # some of which ship as files
    "serving",
    "cli",
    "__main__",
]

MODULES = sorted(PACKAGE.rglob("*.py"))

# Public name -> the stage that it is imported from, as the stub of the package says.
STAGE_OF_NAME = {
    alias.name: node.module
    for node in ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom) and node.module
    for alias in node.names
}


def stage_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


BUILT = [stage for stage in STAGES if any(stage_of(module) == stage for module in MODULES)]


def imported_stages(module: Path) -> set[str]:
    """Stages that a module imports anywhere, inside functions included."""
    package = ["skpneumo", *module.relative_to(PACKAGE).parts[:-1]]
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    stages = set()
    for name in names:
        top, _, rest = name.partition(".")
        if top == "skpneumo" and rest:
            # `from skpneumo import ImageLoader` imports the stage that has it.
            stages.add(STAGE_OF_NAME.get(rest, rest.split(".")[0]))
    return stages - {stage_of(module), "__version__"}


def relative(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def test_every_module_belongs_to_a_stage():
    assert {stage_of(module) for module in MODULES} <= {"__init__", *STAGES}
    assert set(STAGE_OF_NAME.values()) <= set(BUILT)


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.parent != PACKAGE or m.stem in STAGES], ids=relative
)
def test_no_stage_imports_a_later_one(module):
    imported = imported_stages(module)
    assert imported <= set(STAGES), f"unknown to the order of stages: {imported - set(STAGES)}"
    later = imported & set(STAGES[STAGES.index(stage_of(module)) :])
    assert not later, f"{relative(module)} imports {sorted(later)}, which come after it"


def test_what_one_folder_uses_is_in_that_folder():
    users: dict[str, set[str]] = {stage: set() for stage in BUILT if stage.startswith("_")}
    for module in MODULES:
        for stage in imported_stages(module) & set(users):
            users[stage].add(stage_of(module))
    folders = {module.parent.name for module in MODULES if module.name == "__init__.py"}
    misplaced = {
        stage: sorted(of) for stage, of in users.items() if len(of) == 1 and of <= folders
    }
    assert not misplaced


def test_imports_are_found_in_every_form(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    module = tmp_path / "loading" / "_module.py"
    module.parent.mkdir()
    module.write_text(
        "import skpneumo.datasets._load\n"
        "from skpneumo._paths import check_paths\n"
        "from skpneumo import CNNClassifier, __version__\n"
        "from ..augmentation import ImageAugmenter\n"
        "from ._other import name\n"
        "def later():\n"
        "    from skpneumo import cli\n"
    )
    assert imported_stages(module) == {"datasets", "_paths", "classifiers", "augmentation", "cli"}


def imported_names(module: Path) -> list[tuple[str, str | None]]:
    """Every module that is imported, with the name that is imported from it, if any."""
    names: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [(node.module, alias.name) for alias in node.names]
    return names


# Where private names of other packages may be imported. Of Keras none are.
HOMES_OF_PRIVATE_NAMES = {"_sklearn.py"}


def is_private(dotted: str) -> bool:
    return dotted.startswith("keras.src") or any(
        part.startswith("_") and part != "__future__" for part in dotted.split(".")
    )


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_private_names_of_other_packages_have_one_home(module):
    private = [
        f"{origin}.{name}" if name else origin
        for origin, name in imported_names(module)
        if origin.split(".")[0] != "skpneumo" and is_private(f"{origin}.{name}")
    ]
    assert not private or relative(module) in HOMES_OF_PRIVATE_NAMES


# Private attributes of other packages that are read, with the reason and the files.
FOREIGN_ATTRIBUTES = {
    # scikit-learn documents them for those who write estimators.
    "_init_callback_context": None,
    "_validate_params": None,
    # Python documents them: the names of a named tuple, and a copy with other values.
    "_fields": None,
    "_replace": None,
    # scikit-learn's scorers have no public place for the curve metric and the label of theirs.
    "_curve_scorer": {"fitted/_threshold.py", "persistence/_estimators.py"},
    "_get_pos_label": {"fitted/_threshold.py"},
    # What a scorer was made of, and what a tuned threshold makes of its scorer in fit.
    "_score_func": {"persistence/_estimators.py"},
    "_sign": {"persistence/_estimators.py"},
    "_kwargs": {"persistence/_estimators.py"},
    "_response_method": {"persistence/_estimators.py"},
    "_get_curve_scorer": {"persistence/_estimators.py"},
    # The callbacks that scikeras has made of its parameters.
    "_fit_callbacks": {"classifiers/engine/_scikeras.py"},
    # Keras's own walk through the layers of a network, which has no public name.
    "_run_through_graph": {"persistence/onnx/_network.py"},
}


def private_attributes(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Names with an underscore that a module reads as attributes, and those that it defines."""
    read, defined = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if isinstance(node.ctx, ast.Store) and own:
                defined.add(node.attr)
            elif not node.attr.startswith("__"):
                read.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        elif isinstance(node, ast.alias):
            defined.add((node.asname or node.name).split(".")[-1])
    return read, defined


def test_private_attributes_of_other_packages_have_one_home():
    found = {
        relative(m): private_attributes(ast.parse(m.read_text(encoding="utf-8"))) for m in MODULES
    }
    ours = set().union(*(defined for _, defined in found.values()))
    foreign = {name: {m for m, (read, _) in found.items() if name in read} for name in
               set().union(*(read for read, _ in found.values())) - ours}  # fmt: skip
    unlisted = {
        name: files
        for name, files in foreign.items()
        if name not in FOREIGN_ATTRIBUTES
        or (FOREIGN_ATTRIBUTES[name] is not None and files - FOREIGN_ATTRIBUTES[name])
    }
    assert not unlisted, f"private attributes of other packages: {unlisted}"


def test_private_attributes_are_found():
    source = "class A:\n    def f(self, model):\n        self._mine = model._layers\n"
    assert private_attributes(ast.parse(source)) == ({"_layers"}, {"A", "f", "_mine"})


def module_name(module: Path) -> str:
    parts = ["skpneumo", *module.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(module: Path, known: set[str]) -> set[str]:
    """Modules of the package that a module imports when it runs, inside functions included."""
    package = module_name(module)
    if module.name != "__init__.py":
        package = package.rpartition(".")[0]
    tree = ast.parse(module.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                if origin == "skpneumo" and alias.name in STAGE_OF_NAME:
                    name = f"skpneumo.{STAGE_OF_NAME[alias.name]}"
                found.add(name if name in known else origin)
    return found & known


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Sets of modules each of which imports, by way of others, all others of its set."""
    names = sorted(imports)
    graph = np.array([[other in imports[name] for other in names] for name in names])
    n, numbers = connected_components(csr_array(graph), connection="strong")
    groups = [[names[i] for i in np.flatnonzero(numbers == number)] for number in range(n)]
    return [group for group in groups if len(group) > 1 or group[0] in imports[group[0]]]


def test_no_import_circles():
    known = {module_name(module) for module in MODULES}
    found = circles({module_name(module): imported_modules(module, known) for module in MODULES})
    assert not found, f"import each other: {found}"


def test_import_circles_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    sources = {
        "a.py": "from skpneumo.b import name",
        "b.py": "def later():\n    import skpneumo.c.d",
        "c/__init__.py": "",
        "c/d.py": "from ..a import name",
        "e.py": "if TYPE_CHECKING:\n    from skpneumo.f import Name",
        "f.py": "from skpneumo import e",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source + "\n")
    modules = sorted(tmp_path.rglob("*.py"))
    known = {module_name(module) for module in modules}
    imports = {module_name(module): imported_modules(module, known) for module in modules}
    assert circles(imports) == [["skpneumo.a", "skpneumo.b", "skpneumo.c.d"]]


# Where code may differ by Keras's backend; the docstrings of these files say so.
BRANCHES_BY_BACKEND = {
    "classifiers/engine/_devices.py",
    "classifiers/engine/_multi_step.py",
    "classifiers/engine/_precision.py",
    "networks/_layers.py",
    "augmentation/_apply.py",
    "explanation/_gradients.py",
}
ASKS_FOR_THE_BACKEND = {"tuning/_keys.py"}  # whose name is a part of a key; it does not branch
_BACKEND = re.compile(
    r"(?:backend|config)\.backend\(\)|^\s*(?:import|from) (?:tensorflow|jax|torch)\b", re.MULTILINE
)


def test_branches_by_backend_have_few_homes_that_say_so():
    sources = {relative(module): module.read_text(encoding="utf-8") for module in MODULES}
    branching = {name for name, source in sources.items() if _BACKEND.search(source)}
    assert branching - ASKS_FOR_THE_BACKEND == BRANCHES_BY_BACKEND
    silent = [
        name
        for name in sorted(BRANCHES_BY_BACKEND)
        if not re.search(r"branch(es)? by backend", ast.get_docstring(ast.parse(sources[name])))
    ]
    assert not silent, f"docstrings that do not say that the file branches by backend: {silent}"


# Private names of another stage that a module imports. What two stages need has a private module
# at the top of the package; these are too close to one stage for that.
CROSS_STAGE_PRIVATE_IMPORTS = {
    ("_patients.py", "datasets"),
    ("audit/_reading.py", "loading"),
    ("classifiers/_transfer.py", "networks"),
    ("classifiers/engine/_compiled.py", "augmentation"),
    ("classifiers/engine/_regularization.py", "networks"),
    ("cli/_collections.py", "datasets"),
    ("cli/explain.py", "explanation"),
    ("explanation/_remaining.py", "evaluation"),
    ("explanation/_source_images.py", "loading"),
    ("report/_evaluation.py", "evaluation"),
    ("report/_explained.py", "explanation"),
    ("report/_sections.py", "audit"),
}


def cross_stage_private_imports() -> set[tuple[str, str]]:
    return {
        (relative(module), stage)
        for module in MODULES
        for origin, name in imported_names(module)
        for stage in [origin.removeprefix("skpneumo.").split(".")[0]]
        if origin.startswith("skpneumo.")
        and stage != stage_of(module)
        and not stage.startswith("_")
        and is_private(f"{origin.removeprefix('skpneumo.')}.{name}")
    }


def test_private_names_of_other_stages_are_imported_from_a_short_list():
    assert cross_stage_private_imports() == CROSS_STAGE_PRIVATE_IMPORTS
    assert len(CROSS_STAGE_PRIVATE_IMPORTS) <= 12


STAGE_PACKAGES = {stage for stage in BUILT if stage != "cli" and stage[0] != "_"}
EARLY = [stage for stage in BUILT if STAGES.index(stage) < STAGES.index("_settings")]
# One after the other in one process, because each begins with importing the same packages.
STATEMENTS = {
    "package": "import skpneumo",
    "stages": "; ".join(f"skpneumo.{stage}" for stage in sorted(STAGE_PACKAGES)),
    "early stages": "import " + ", ".join(f"skpneumo.{stage}" for stage in EARLY),
    "recipe": "skpneumo.make_recipe('HOG-SVM', size=32); skpneumo.list_recipes()",
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The packages that are there after each statement in a fresh process."""
    program = "import json, sys\nloaded = {}\n" + "".join(
        f"{statement}\nloaded[{name!r}] = [n for n in sys.modules if '.' not in n]\n"
        for name, statement in STATEMENTS.items()
    )
    run = subprocess.run(
        [sys.executable, "-c", f"{program}print(json.dumps(loaded))"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: set(found) for name, found in json.loads(run.stdout.splitlines()[-1]).items()}


def test_importing_the_package_is_cheap(loaded):
    heavy = {"keras", "tensorflow", "jax", "torch", "sklearn", "matplotlib", "pandas", "PIL"}
    assert not loaded["package"] & heavy


def test_stages_before_the_networks_do_not_import_keras(loaded):
    assert not loaded["early stages"] & {"keras", "tensorflow", "matplotlib", "pydicom"}


def test_recipes_without_a_network_are_made_without_keras(loaded):
    assert not loaded["recipe"] & {"keras", "tensorflow", "matplotlib"}


@pytest.mark.parametrize("name", sorted(STAGE_OF_NAME))
def test_public_names_resolve_and_are_declared_by_their_stage(name):
    stage = import_module(f"skpneumo.{STAGE_OF_NAME[name]}")
    assert name in stage.__all__
    assert getattr(skpneumo, name) is getattr(stage, name)
    assert name in dir(skpneumo)


def test_stages_are_attributes_of_the_package(loaded):
    """As `sklearn.linear_model` after `import sklearn`."""
    assert STAGE_PACKAGES | set(STAGE_OF_NAME) == set(skpneumo.__all__)
    assert not loaded["stages"] & {"keras", "tensorflow", "matplotlib"}


@pytest.mark.parametrize(
    "package",
    ["skpneumo", *(f"skpneumo.{s}" for s in BUILT if (PACKAGE / s).is_dir() and s != "cli")],
)
def test_packages_show_public_names_only(package):
    module = import_module(package)
    assert sorted(dir(module)) == sorted(module.__all__)
    assert not [name for name in dir(module) if name.startswith("_")]


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="attribute ImageSlicer"):
        skpneumo.ImageSlicer  # noqa: B018


def public_objects() -> list[tuple[str, Any]]:
    """Public classes and functions with their full names; the commands have --help instead."""
    return [
        (f"{stage}.{name}", thing)
        for stage in BUILT
        if stage != "cli" and not stage.startswith("_")
        for name in import_module(f"skpneumo.{stage}").__all__
        for thing in [getattr(import_module(f"skpneumo.{stage}"), name)]
        if inspect.isclass(thing) or inspect.isfunction(thing)
    ]


@pytest.mark.parametrize("stage", [stage for stage in BUILT if stage != "cli" and stage[0] != "_"])
def test_every_stage_declares_its_public_names(stage):
    names = import_module(f"skpneumo.{stage}").__all__
    assert names
    assert len(set(names)) == len(names)


def needed_sections(thing: Any) -> set[str]:
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return {"Examples"}
    if is_dataclass(thing) or (inspect.isclass(thing) and issubclass(thing, tuple)):
        return {"Attributes", "Examples"}  # a result: it is read, not made
    signature = inspect.signature(thing)
    returns = inspect.isfunction(thing) and signature.return_annotation not in (None, "None")
    return (
        {"Examples"}
        | ({"Parameters"} if signature.parameters else set())
        | ({"Returns"} if returns else set())
    )


def test_public_names_are_documented_with_a_runnable_example():
    faults = []
    for name, thing in public_objects():
        docstring = inspect.getdoc(thing) or ""
        found = set(re.findall(r"^([A-Z][A-Za-z ]+)\n-{3,}$", docstring, re.MULTILINE))
        if missing := needed_sections(thing) - found:
            faults.append(f"{name} lacks {sorted(missing)}")
        if not docstring:
            faults.append(f"{name} has no docstring")
        if "Examples" in found and ">>>" not in docstring.split("Examples\n---")[1]:
            faults.append(f"{name} has an example that does not run")
    assert not faults, "\n".join(faults)


def test_public_methods_are_documented():
    undocumented = [
        f"{name}.{method}"
        for name, thing in public_objects()
        if inspect.isclass(thing) and thing.__module__.startswith("skpneumo")
        for method, value in vars(thing).items()
        if not method.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property))
        and not inspect.getdoc(value)
        # What overrides a method of a library answers to the library's documentation.
        and not any(
            hasattr(base, method)
            for base in thing.__mro__
            if not base.__module__.startswith("skpneumo")
        )
    ]
    assert not undocumented


def lines_of_code(module: Path) -> int:
    """Lines that are neither docstring nor comment nor blank."""
    source = module.read_text(encoding="utf-8")
    documentation = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            documentation |= set(range(node.lineno, node.end_lineno + 1))
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in documentation
        for number, line in enumerate(source.splitlines(), start=1)
    )


def test_modules_stay_small():
    large = {relative(m): n for m in MODULES if (n := lines_of_code(m)) > 300}
    assert not large, f"split these into a folder of modules: {large}"


def test_modules_are_named_for_what_they_do():
    nondescript = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert not [
        relative(m)
        for m in MODULES
        if nondescript & set(Path(relative(m)).with_suffix("").parts)
        or m.stem.strip("_") in nondescript
    ]


def test_images_are_opened_with_a_list_of_formats():
    """Image.open without one tries every decoder of Pillow, Ghostscript among them."""
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "Image.open",
                "PIL.Image.open",
            ):
                assert "formats" in {keyword.arg for keyword in node.keywords}, relative(module)


@pytest.mark.parametrize(
    "module", sorted((PACKAGE / "cli").glob("*.py")), ids=lambda module: module.name
)
def test_commands_print_by_what_escapes_names(module):
    if module.name == "_terminal.py":
        return
    prints = [
        node
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    # Rows of a table go where the caller says.
    assert all("file=stream" in ast.unparse(node) for node in prints)
