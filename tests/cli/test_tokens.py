import pytest
from cyclopts import CycloptsError

from skpneumo.cli import main
from skpneumo.cli._tokens import check_tokens, normalized
from skpneumo.cli._usage_errors import options_of
from skpneumo.cli.entrypoint import COMMANDS


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["fit", ""], "An argument is empty, as from a variable of the shell that is not set."),
        (["predict", "m", ""], "An argument is empty"),
        (["fit", "x", "--out", ""], "The value of --out is empty"),
        (["fit", "x", "--out="], "The value of --out is empty"),
        (["evaluate", "m", "--table", ""], "The value of --table is empty"),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(typed, said, capsys):
    assert main(typed) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.endswith(f" Try: skpneumo {typed[0]} --help\n")


def test_after_two_hyphens_all_arguments_are_files():
    assert normalized(["predict", "m", "--", "-x.png", "--debug", "-", "y.png"]) == [
        "predict", "m", "./-x.png", "./--debug", "-", "y.png",
    ]  # fmt: skip


@pytest.mark.parametrize("token", ["-o", "-v", "-", "x-out.csv", "-1", "-outside.csv"])
def test_options_of_one_letter_may_be_followed_by_their_value(token):
    check_tokens(["predict", "m", token], COMMANDS)


@pytest.mark.parametrize("command", [each for each in COMMANDS if "-o" in options_of(each)])
def test_the_value_of_a_letter_may_be_like_an_option(command):
    for name in sorted(each[2:] for each in options_of(command) if each.startswith("--")):
        check_tokens([command, "x", f"-o{name}"], COMMANDS)
    for value in ("folder", "results", "results.csv", "model", "method", "size"):
        check_tokens([command, "x", f"-o{value}"], COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_with_one_hyphen_is_refused(command):
    for option in sorted(each for each in options_of(command) if each.startswith("--")):
        name = option[2:]
        for typed in (name, name[:-1], f"{name}=x", name.replace("-", "_")):
            with pytest.raises(CycloptsError, match="has one hyphen; an option of several"):
                check_tokens([command, "x", f"-{typed}"], COMMANDS)


def test_an_option_with_one_hyphen_may_be_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "m", "-patient1.png"]) == 2
    assert "Did you mean --patient? Try" in capsys.readouterr().err
    (tmp_path / "-patient1.png").touch()
    assert main(["predict", "m", "-patient1.png"]) == 2
    said = capsys.readouterr().err
    assert "Did you mean --patient? A file of that name is ./-patient1.png. Try" in said


def test_a_file_may_begin_with_a_dash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "\N{EN DASH}out"
    with pytest.raises(CycloptsError, match=r"which is not a hyphen\. Did you mean --out\?"):
        check_tokens(["predict", "m", name], COMMANDS)
    (tmp_path / name).touch()
    check_tokens(["predict", "m", name], COMMANDS)
