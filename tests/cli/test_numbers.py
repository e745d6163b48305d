"""Values of options that are no number, or not one that is meant."""

from importlib import import_module

import pytest
from cyclopts import App

from skpneumo.cli import entrypoint, main
from skpneumo.cli._numbers import number_expected

FRACTION = "expected a number above 0 and below 1."
SHARE = "expected a number of at least 0 and at most 1."
WHOLE = "expected a whole number above 0."


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("fit x --recall .9x", f"--recall .9x: {FRACTION}"),
        ("fit x --recall 2", f"--recall 2: {FRACTION}"),
        ("fit x --recall 95%", f"--recall 95%: {FRACTION}"),
        ("fit x --recall 0,95", f"--recall 0,95: {FRACTION} Did you mean 0.95?"),
        ("fit x --white inf", "--white inf: expected a number above 0."),
        ("predict m x --threshold nan", f"--threshold nan: {SHARE}"),
        ("predict m x --threshold -0.1", f"--threshold -0.1: {SHARE}"),
        ("evaluate m x --threshold inf", f"--threshold inf: {SHARE}"),
        ("export m o --tolerance nan", "--tolerance nan: expected a number of at least 0."),
        ("fit x --epochs ten", f"--epochs ten: {WHOLE}"),
        ("fit x --epochs 1.5", f"--epochs 1.5: {WHOLE}"),
        ("fit x --epochs 1,000", f"--epochs 1,000: {WHOLE}"),
        ("fit x --epochs 1e3", f"--epochs 1e3: {WHOLE}"),
        ("fit x --epochs -3", f"--epochs -3: {WHOLE}"),
        ("fit x --n-jobs 1.5", "--n-jobs 1.5: expected a whole number."),
        ("fit x --random-state 20261127150000", "expected at most 4294967295."),
        (f"predict m x --batch-size 1{'0' * 400}", "expected at most 4294967295."),
        ("serve m --port 80.5", "expected a whole number of at least 0 and at most 65535."),
    ],
)
def test_the_range_is_said(typed, said, capsys):
    assert main(typed.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f"{said} Try: skpneumo {typed.split()[0]} --help\n")


@pytest.mark.parametrize("typed", ["--threshold 1", "--threshold 1e-3", "--batch-size 1_000"])
def test_other_spellings_of_numbers_are_accepted(typed, capsys):
    assert main(["predict", "nowhere", "x.png", *typed.split()]) == 1
    assert "There is no model file nowhere." in capsys.readouterr().err


def test_choices_are_no_numbers_whatever_letters_they_contain(capsys):
    """As "integrated_gradients" contains "int"."""
    choices = {}
    for command in entrypoint.COMMANDS:
        module = import_module(f"skpneumo.cli.{command}")
        parsed = App(default_command=getattr(module, command)).assemble_argument_collection()
        for argument in parsed:
            if found := argument.get_choices(force=True):
                assert number_expected(argument) == ""
                choices[command, argument.name] = found
    for choice in choices["explain", "--method"]:
        assert main(["explain", "nowhere", "x.png", "--method", choice]) == 1
        assert "There is no model file nowhere." in capsys.readouterr().err
