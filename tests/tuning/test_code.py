"""Tests of how keys of results change with the code of own functions and classes."""

import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from skpneumo.tuning import _packages
from skpneumo.tuning._code import code_of
from skpneumo.tuning._keys import key_of

STEP = """
import functools, operator, steps
from functools import cached_property, partial
SCALE = 2
SIZES = (8, 16)
def helper(X, power=1, *, times=2):
    return X * SCALE * times
def other(X):
    return X
def decorated(factor):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(self, X):
            return function(self, X) * factor
        return wrapper
    return decorate
def counted(start):
    n = start
    def count(X):
        return X + n
    return count
count = counted(5)
doubled = partial(helper, power=2)
class Base:
    def inherited(self, X):
        return X + 1
class Inner:
    def run(self, X):
        return X - 1
inner = Inner()
class Step(Base):
    power = 4
    def __init__(self, mean=0):
        self.mean = mean
    def get_params(self, deep=True):
        return {}
    @decorated(7)
    def transform(self, X, size=3):
        self.helper = helper(X)
        try:
            X = steps.shift(X) * steps.FACTOR
        except ValueError:
            X = doubled(X)
        return inner.run(count(X.reshape(SIZES)))
    @decorated(8)
    def other(self, X):
        return [x + 1 for x in X]
    @property
    def of_property(self):
        return 11
    @cached_property
    def of_cached_property(self):
        return 12
    @staticmethod
    def of_static(X):
        return X + 13
    @functools.lru_cache
    def of_cache(self):
        return 14
"""
MODULE = """
FACTOR = 2
def shift(X):
    return X + 1
def unused(X):
    return X
"""
# Edits of what the class uses, one of each kind.
EDITS = {
    "method": ("X.reshape(SIZES)", "X.reshape(SIZES) + 1"),
    "operator": ("[x + 1 for", "[x - 1 for"),
    "default of a method": ("size=3", "size=4"),
    "default of a helper": ("power=1", "power=3"),
    "default by keyword": ("times=2", "times=3"),
    "parameters": ("def helper(X, power", "def helper(X, /, power"),
    "exceptions": ("except ValueError", "except KeyError"),
    "helper": ("X * SCALE", "X / SCALE"),
    "constant": ("SCALE = 2", "SCALE = 3"),
    "constant of its type": ("SCALE = 2", "SCALE = 2.0"),
    "tuple": ("(8, 16)", "(8, 32)"),
    "decorator argument": ("decorated(7)", "decorated(9)"),
    "decorator": ("* factor", "+ factor"),
    "closure": ("counted(5)", "counted(6)"),
    "code of a closure": ("X + n", "X - n"),
    "partial": ("partial(helper, power=2)", "partial(helper, power=3)"),
    "function of partial": ("partial(helper, power=2)", "partial(other, X=2)"),
    "base": ("return X + 1", "return X + 2"),
    "class of an object": ("X - 1", "X - 2"),
    "class attribute": ("power = 4", "power = 5"),
    "property": ("return 11", "return 21"),
    "cached_property": ("return 12", "return 22"),
    "staticmethod": ("X + 13", "X + 23"),
    "lru_cache": ("return 14", "return 24"),
}
EDITS_OF_MODULE = {
    "function of a module": ("X + 1", "X + 2"),
    "constant of a module": ("FACTOR = 2", "FACTOR = 3"),
}


@pytest.fixture
def step_of(monkeypatch):
    """Define the class, as in a console, and the module that it uses."""

    def define(source=STEP, module=MODULE):
        steps = ModuleType("steps")
        exec(module, vars(steps))
        monkeypatch.setitem(sys.modules, "steps", steps)
        names = {"__name__": "console"}
        exec(source, names)
        return names["Step"]

    return define


@pytest.mark.parametrize("edit", EDITS)
def test_edited_code_has_another_key(edit, step_of):
    source = STEP.replace(*EDITS[edit])
    assert source != STEP
    unchanged = key_of(step=step_of()())
    assert key_of(step=step_of()()) == unchanged
    assert key_of(step=step_of(source)()) != unchanged
    assert key_of(step=step_of(source)) != key_of(step=step_of())  # the class as a parameter


def test_exchanged_arguments_of_a_decorator_have_another_key(step_of):
    exchanged = STEP.replace("(7)", "(9)").replace("(8)", "(7)").replace("(9)", "(8)")
    assert key_of(step=step_of(exchanged)) != key_of(step=step_of())


@pytest.mark.parametrize("edit", EDITS_OF_MODULE)
def test_edited_modules_of_the_user_have_another_key(edit, step_of):
    module = MODULE.replace(*EDITS_OF_MODULE[edit])
    assert key_of(step=step_of(module=module)) != key_of(step=step_of())


@pytest.mark.parametrize(
    "source",
    [
        STEP.replace("SCALE = 2", "size = mean = run = shift = SCALE = 2"),
        STEP.replace("class Base", "def unused():\n    pass\n\n\n# Moved.\nclass Base"),
    ],
    ids=["global names like those of attributes", "moved"],
)
def test_what_the_code_does_not_use_does_not_change_the_key(source, step_of):
    assert key_of(step=step_of(source)) == key_of(step=step_of())
    assert key_of(step=step_of(module=MODULE.replace("return X\n", "return -X\n"))) == key_of(
        step=step_of()
    )


CHANGING = {
    "global": "n = 0\ndef step():\n    global n\n    n += 1",
    "global of a helper": (
        "n = None\ndef load():\n    global n\n    n = n or 3\n"
        "def step():\n    load()\n    return n"
    ),
    "global function": (
        "f = None\ndef make():\n    return 2\ndef step():\n    global f\n    f = make"
    ),
    "list": "seen = []\ndef step():\n    seen.append(1)",
    "dict": "seen = {}\ndef step():\n    seen[len(seen)] = 1",
    "default of a helper": ("def f(seen=[]):\n    seen.append(1)\ndef step():\n    f()"),
    "nonlocal": (
        "def make():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n"
        "    return step\nstep = make()"
    ),
    "nonlocal of a method": (
        "def make():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n"
        "    return step\nclass Step:\n    run = staticmethod(make())\n"
        "def step():\n    Step.run()"
    ),
    "class attribute": (
        "class Step:\n    n = 0\n    seen = []\n    def run(self):\n"
        "        type(self).n += 1\n        self.seen.append(1)\n"
        "def step():\n    Step().run()"
    ),
    "attribute of a module": "import steps\ndef step():\n    steps.FACTOR += 1",
    "cache": (
        "import functools\n@functools.cache\ndef f():\n    return 2\ndef step():\n    return f()"
    ),
    "dispatch": (
        "import functools, collections.abc\n@functools.singledispatch\ndef f(x):\n    pass\n"
        "def step():\n    f.register(collections.abc.Sized, print)\n    f(2)"
    ),
}


@pytest.mark.parametrize("kind", CHANGING)
def test_what_code_changes_itself_does_not_change_its_key(kind, step_of):
    step_of()
    names = {"__name__": "console"}
    exec(CHANGING[kind], names)

    code = [names[each] for each in ("Step", "step") if each in names]
    before = key_of(code=code)
    names["step"]()
    names["step"]()
    assert key_of(code=code) == before


ODD = """
class Raises:
    def __getattr__(self, name):
        raise RuntimeError(name)
    __repr__ = __eq__ = __getattr__
    @property
    def __class__(self):
        raise RuntimeError
raises = Raises()
itself = []
itself.append(itself)
around = (itself, raises)
def first(X=around):
    return second(X), itself, raises.name, around, steps.missing, missing, Step
def second(X):
    return first(X)
def mutual():
    def a():
        return b()
    def b():
        return a(), unset
    yield a
    unset = 1
local = next(mutual())
class Step:
    raises, itself, local = raises, itself, local
"""


def test_odd_objects_in_code_are_no_error(step_of):
    step_of()
    names = {"__name__": "console", "steps": sys.modules["steps"]}
    exec(ODD, names)
    parts = [names[each] for each in ("second", "local", "Step")]
    assert key_of(parts=parts) == key_of(parts=parts)


def metric_of(folder, name, body):
    """Define a function as if it was imported from a file of the folder."""
    module = ModuleType(name)
    module.__file__ = str(folder / f"{name}.py")
    sys.modules[name] = module
    exec(f"def metric(y, predicted):\n    return {body}\n", vars(module))
    for each in (_packages.package_of, _packages._release):
        each.cache_clear()
    return key_of(metric=module.metric)


@pytest.fixture
def modules(monkeypatch):
    with monkeypatch.context() as patch:
        for name in ("own_metrics", "colorsys"):
            patch.setitem(sys.modules, name, None)
        yield
    _packages.package_of.cache_clear()


@pytest.mark.parametrize("project", ["own-metrics", "another-name"])
@pytest.mark.usefixtures("modules")
def test_installed_code_is_known_by_the_version_of_its_package(project, tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    information = folder / f"{project.replace('-', '_')}-1.0.dist-info"
    information.mkdir(parents=True)
    monkeypatch.syspath_prepend(folder)
    # Reading those of all packages takes seconds.
    monkeypatch.setattr(_packages, "packages_distributions", lambda: {"own_metrics": [project]})
    keys = []
    for version in ("1.0", "1.0", "1.1"):
        metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        (information / "METADATA").write_text(metadata)
        keys.append(metric_of(folder, "own_metrics", "0.0"))
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.usefixtures("modules")
def test_installed_code_without_a_version_is_described(tmp_path, monkeypatch):
    monkeypatch.setattr(_packages, "packages_distributions", dict)
    keys = [metric_of(tmp_path / "site-packages", "own_metrics", each) for each in "001"]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.usefixtures("modules")
def test_a_file_of_the_user_with_a_name_of_the_standard_library_is_described(tmp_path):
    keys = [metric_of(tmp_path, "colorsys", each) for each in "001"]
    assert keys[0] == keys[1] != keys[2]


def test_code_of_packages_is_not_described():
    class Step(TransformerMixin, BaseEstimator):
        def transform(self, X):
            return np.sqrt(X)

    code = code_of(Step)
    assert {"sklearn", f"numpy {np.__version__}"} < set(code)
    assert not [each for each in code if each.startswith(('["sklearn.base', '["numpy'))]


def test_keys_are_the_same_after_a_fit_and_in_workers(tmp_path):
    script = """if True:
        import sys
        from functools import partial, wraps
        import numpy as np
        from sklearn.base import BaseEstimator, TransformerMixin
        from sklearn.dummy import DummyClassifier
        from sklearn.pipeline import make_pipeline
        from skpneumo.tuning import ResumableGridSearchCV
        size, T, seen, SCALE = 1, 2, [], 0.5
        def scaled(by):
            def decorate(function):
                @wraps(function)
                def wrapper(self, X):
                    return function(self, X) * by
                return wrapper
            return decorate
        half = partial(np.multiply, 0.5)
        class Base(TransformerMixin, BaseEstimator):
            power, scale, n_calls = 1, 0.5, 0
            def fit(self, X, y):
                return self
        class Step(Base):
            power, scale = 1, Base.scale
            @scaled(2)
            def transform(self, X):
                seen.append(1)
                type(self).n_calls += 1
                return half(X * X.size + X.T) if X.size in {"a", "b", 8} else X ** SCALE
        for n_jobs in (1, 1, 2):
            search = ResumableGridSearchCV(
                make_pipeline(Step(), DummyClassifier()),
                {"dummyclassifier__random_state": [0, 1]},
                cv=2, store=sys.argv[1], n_jobs=n_jobs, refit=False,
            )
            print(search.fit(np.eye(8), [0, 1] * 4).n_restored_)
    """

    run = [sys.executable, "-c", script, tmp_path / "store"]
    output = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["0", "4", "4"]
