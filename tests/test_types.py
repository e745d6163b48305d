"""The public surface has types that are complete, strict, short to read and documented."""

import importlib
import inspect
import os
import re
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import skpneumo

STAGES = (
    "skpneumo", "skpneumo.audit", "skpneumo.augmentation", "skpneumo.classifiers",
    "skpneumo.datasets", "skpneumo.decision", "skpneumo.enhancement", "skpneumo.evaluation",
    "skpneumo.explanation", "skpneumo.fitted", "skpneumo.loading", "skpneumo.networks",
    "skpneumo.pipeline", "skpneumo.rebalancing", "skpneumo.recipes", "skpneumo.report",
    "skpneumo.splitting", "skpneumo.tuning",
)  # fmt: skip

# As a user's script under `mypy --strict`: what it is given is what the documentation says.
USER = """
from typing import assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skpneumo import (
    CNNClassifier, ImageLoader, ImageResampler, PatientKFold, Pipeline, RecallFloorClassifier,
    TransferClassifier, build_cnn, evaluate, load_chest_xray, make_recipe, patient_ids,
    patient_train_test_split,
)
from skpneumo.decision import OperatingPoint, choose_operating_point
from skpneumo.evaluation import compare, sensitivity_at_specificity, why_useless
from skpneumo.explanation import ExplanationReport, explanation_report
from skpneumo.report import EvaluationReport

xrays = load_chest_xray("chest_xray", split=["train", "val"])
parts = patient_train_test_split(xrays.filenames, xrays.target, random_state=0)
cnn = CNNClassifier([32, 64], dense_units=(64,), image_shape=(64, 64, 1), class_weight={0: 2.0})
TransferClassifier(head_units=[64], weights=None)
steps = [("balance", ImageResampler("under")), ("load", ImageLoader(size=64)), ("cnn", cnn)]
pipe = Pipeline(steps)
assert_type(pipe.fit(parts[0], parts[2]), Pipeline)
assert_type(cnn.fit(np.zeros((2, 4, 4, 1)), [0, 1]), CNNClassifier)
assert_type(cnn.predict_proba(np.zeros((2, 4, 4, 1))), NDArray[np.float64])
assert_type(make_recipe("robust", size=64), Pipeline)
assert_type(RecallFloorClassifier(pipe).fit(parts[0], parts[2]), RecallFloorClassifier)
assert_type(patient_ids(["person1_virus_6.jpeg"]), NDArray[np.object_])
frame = evaluate(pipe, parts[1], parts[3])
assert_type(frame, pd.DataFrame)
assert_type(why_useless(frame), str)
assert_type(compare(pipe, cnn, parts[1], parts[3]), pd.DataFrame)
assert_type(sensitivity_at_specificity([0, 1], [0.2, 0.8]), float)
assert_type(choose_operating_point([0, 1], [0.2, 0.8]), OperatingPoint)
assert_type(explanation_report(pipe, parts[1], parts[3]), ExplanationReport)
assert_type(EvaluationReport.from_estimator(pipe, parts[1], parts[3]), EvaluationReport)
assert_type(PatientKFold(3), PatientKFold)
CNNClassifier(filters=64)  # type: ignore[arg-type]
CNNClassifier(filters=["a"])  # type: ignore[list-item]
CNNClassifier(filter=(64,))  # type: ignore[call-arg]
evaluate(pipe, parts[1])  # type: ignore[call-arg]
build_cnn((64, 64, 1), filters=64)  # type: ignore[arg-type]
choose_operating_point([0, 1])  # type: ignore[call-arg]
"""


@pytest.mark.slow
def test_a_users_script_passes_a_strict_check(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(USER)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports",
         "--follow-imports=silent", "--cache-dir", os.devnull, "--config-file=",
         str(script)],
        cwd=Path(skpneumo.__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def public_functions():
    """Every public function, and every public method of every public class, by its name."""
    for stage in STAGES:
        module = importlib.import_module(stage)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield f"{stage}.{name}", value
            elif inspect.isclass(value):
                for method, function in vars(value).items():
                    function = getattr(function, "__func__", function)
                    own = method == "__init__" or not method.startswith("_")
                    if inspect.isfunction(function) and own:
                        yield f"{stage}.{name}.{method}", function


def test_every_public_parameter_has_a_type():
    untyped = [
        name
        for name, function in public_functions()
        for parameter in inspect.signature(inspect.unwrap(function)).parameters.values()
        if parameter.name not in ("self", "cls") and parameter.annotation is parameter.empty
    ]
    assert not untyped


def test_every_public_function_says_what_it_returns():
    silent = [
        name
        for name, function in public_functions()
        if not name.endswith("__init__")
        and inspect.signature(inspect.unwrap(function)).return_annotation
        is inspect.Signature.empty
    ]
    assert not silent


def test_signatures_are_short_to_read():
    """In help() and in notebooks an array-like is one word."""
    long = [
        name
        for name, function in public_functions()
        for parameter in inspect.signature(inspect.unwrap(function)).parameters.values()
        if "_SupportsArray" in inspect.formatannotation(parameter.annotation)
    ]
    assert not long


def test_sequences_of_numbers_are_said_to_be_such():
    from skpneumo import CNNClassifier, TransferClassifier, build_cnn, build_pretrained

    for function, names in {
        CNNClassifier.__init__: ("filters", "dense_units"),
        TransferClassifier.__init__: ("head_units",),
        build_cnn: ("filters", "dense_units"),
        build_pretrained: ("head_units",),
    }.items():
        for name in names:
            assert "Sequence[int]" in str(inspect.signature(function).parameters[name].annotation)


PARAMETERS = re.compile(r"^Parameters\n-+\n(.*?)(?:^\w[\w ]+\n---|\Z)", re.MULTILINE | re.DOTALL)
OTHER_WORDS = {"10 GiB": "10737418240"}  # defaults that are documented in another unit
NOT_OURS = ("ImageArray.", "AugmentationLayer.")  # NumPy and Keras document their methods


def documented_parameters(docstring):
    """The type of each parameter, by its name, in the order of a docstring."""
    text = inspect.cleandoc(docstring or "").replace("\\\n", "")
    (section,) = PARAMETERS.findall(text) or [""]
    entries = re.findall(r"^(\S.*?)(?: : (.*))?$", section, re.MULTILINE)
    return {name.strip().lstrip("*"): kind for names, kind in entries for name in names.split(",")}


def documented_functions():
    """Public functions with the docstring of their parameters, which a class has for __init__."""
    for name, function in public_functions():
        owner, _, method = name.rpartition(".")
        if any(f".{each}" in name for each in NOT_OURS) and method not in ("__init__", "carrying"):
            continue
        if method != "__init__":
            yield name, function, function.__doc__
            continue
        module, _, cls = owner.rpartition(".")
        cls = getattr(importlib.import_module(module), cls)
        if not is_dataclass(cls) and not issubclass(cls, Exception | tuple):  # read, not made
            yield name, function, cls.__doc__


def test_docstrings_have_the_parameters_of_the_signature_in_its_order():
    faults = {}
    for name, function, docstring in documented_functions():
        found = documented_parameters(docstring)
        own = [each for each, kind in found.items() if kind != "object"]  # not "as in" another
        parameters = list(inspect.signature(function).parameters)
        parameters = [each for each in parameters if each not in ("self", "cls")]
        if sorted(found) != sorted(parameters) or own != [p for p in parameters if p in own]:
            faults[name] = (parameters, list(found))
    assert not faults


def test_docstrings_have_the_type_and_default_of_each_parameter():
    faults = []
    for name, function, docstring in documented_functions():
        found = documented_parameters(docstring)
        for parameter in inspect.signature(function).parameters.values():
            kind = found.get(parameter.name, "object")
            default = re.search(r"default=(.*)", kind)
            said = default and OTHER_WORDS.get(default[1], default[1].replace('"', "'"))
            has_default = parameter.default is not parameter.empty and kind != "object"
            right = said is not None and (
                said == repr(parameter.default) or eval(said) == parameter.default
            )
            if not kind or has_default is not (said is not None) or (said and not right):
                faults.append(f"{name}({parameter.name}={parameter.default!r}): {kind!r}")
    assert not faults
