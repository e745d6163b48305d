"""Mistyped commands, options and values have an error in plain words, in one line."""

import pytest

from skpneumo.cli import main
from skpneumo.cli._usage_errors import options_of, unknown_option
from skpneumo.cli.entrypoint import COMMANDS


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("fit x --recal .9", "There is no option --recal. Did you mean --recall?"),
        ("fit x --holdout .2", "There is no option --holdout. Did you mean --hold-out?"),
        ("fit x --no-gat", "There is no option --no-gat. Did you mean --no-gate?"),
        ("fit x --zzz", "There is no option --zzz."),
        ("fit --data x", "There is no option --data. It is an option of skpneumo demo."),
        ("tune x --scorin recall", "There is no option --scorin."),
        ("serve m --prot 8000", "There is no option --prot. Did you mean --port?"),
        ("predict m x --fromat csv", "There is no option --fromat. Did you mean --format? A file"),
        ("fit x y", "Unexpected argument y: skpneumo fit takes no argument but FOLDER."),
        ("doctor x", "Unexpected argument x: skpneumo doctor takes only options."),
        (
            "fit x -out m",
            "-out has one hyphen; an option of several letters has two. Did you mean",
        ),
        ("predict m x -output y", "-output has one hyphen; an option of several letters has two."),
        (
            "predict m x \N{EM DASH}out y",
            "begins with \N{EM DASH}, which is not a hyphen. Did you",
        ),
        ("fit x --output m", "There is no option --output. Did you mean --out?"),
        ("fit x -help", "-help has one hyphen; an option of several letters has two."),
        ("fit x -debug", "Did you mean --debug?"),
        ("fit x --hepl", "There is no option --hepl. Did you mean --help?"),
        ("fit x --epochs", "--epochs needs a value: a whole number above 0."),
        ("fit x --n-jobs 0", "--n-jobs 0: at least one thread is needed"),
        ("fit x --labels etiolgy", "expected binary or etiology. Did you mean etiology?"),
        ("predict m x --format xml", "--format xml: expected csv, jsonl or parquet."),
        ("predict", "MODEL is missing."),
        ("export m", "OUT is missing."),
        ("demo --patient 5", "--patient 5 is for X-rays of your own, and needs"),
    ],
)
def test_it_names_the_mistake_and_suggests_a_correction(typed, said, capsys):
    command = typed.split()[0]
    assert main(typed.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("skpneumo: ")
    assert said in err
    assert err.endswith(f" Try: skpneumo {command} --help\n")
    assert err.count("\n") == 1
    assert not any(odd in err for odd in ("['", "Token", "int.", "float", "None"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("audti x", "There is no command audti. Did you mean audit? The commands are demo, "),
        ("FIT x", "There is no command FIT. Did you mean fit?"),
        ("train x", "There is no command train. Did you mean fit?"),
        ("model.skpneumo", "There is no command model.skpneumo. The commands are demo, "),
        ("--verson", "There is no option --verson. Did you mean --version? Try: skpneumo --help"),
        ("help fit", "There is no command help. Try: skpneumo fit --help"),
        ("help", "There is no command help. Try: skpneumo --help"),
    ],
)
def test_it_suggests_the_command(typed, said, capsys):
    assert main(typed.split()) == 2
    assert capsys.readouterr().err.startswith(f"skpneumo: {said}")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_found_with_a_letter_left_out(command):
    options = sorted(each for each in options_of(command) if each.startswith("--"))
    for option in options:
        typed = option[:-2] + option[-1]
        if len(option) > 6 and typed not in options:
            assert f"Did you mean {option}?" in unknown_option(typed, options)
