import errno
import importlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import warnings
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest

from skpneumo import __version__
from skpneumo.cli import entrypoint, main
from skpneumo.cli._options import CollectionOptions
from skpneumo.cli.predict import _print_rows

COMMANDS = list(entrypoint.COMMANDS)


def installed(*arguments, **options):
    """Run the program that pip installed, as a user does."""
    program = Path(sysconfig.get_path("scripts")) / "skpneumo"
    if not program.exists():
        pytest.skip(f"{program} is not there: the package is used without being installed")
    return subprocess.run([program, *arguments], capture_output=True, text=True, **options)


def test_installed_program_explains_a_command():
    run = installed("fit", "--help")
    assert run.returncode == 0
    assert run.stdout.startswith("Usage: skpneumo fit")
    assert run.stderr == ""


def test_installed_program_lists_its_commands_and_its_version():
    listed = installed("--help").stdout
    assert all(command in listed for command in COMMANDS)
    assert installed("--version").stdout.strip() == __version__


def test_installed_program_keeps_a_short_line_for_an_error(tmp_path):
    run = installed("fit", "nowhere", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("skpneumo: ")
    assert "nowhere" in run.stderr
    assert "Traceback" not in run.stderr


HELP = """
import contextlib, io, json, sys
from skpneumo.cli import main
helps = {}
for command in ["", *sys.argv[1:]]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        status = main([command, "--help"] if command else ["--help"])
    helps[command] = status, printed.getvalue(), [name.split(".")[0] for name in sys.modules]
print(json.dumps(helps))
"""


def test_help_explains_each_command_and_imports_nothing_heavy():
    run = subprocess.run(
        [sys.executable, "-c", HELP, *COMMANDS], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    heavy = {"numpy", "sklearn", "pandas", "keras", "tensorflow", "matplotlib", "PIL", "joblib"}
    for command, (status, printed, modules) in json.loads(run.stdout).items():
        assert status == 0, command
        assert printed.startswith(f"Usage: skpneumo {command}")
        assert not heavy & set(modules), command


@pytest.mark.parametrize("command", COMMANDS)
def test_each_line_of_the_table_is_the_first_line_of_its_help(command):
    function = getattr(importlib.import_module(f"skpneumo.cli.{command}"), command)
    assert inspect.getdoc(function).splitlines()[0] == entrypoint.COMMANDS[command]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_has_its_help(command, capsys):
    function = getattr(importlib.import_module(f"skpneumo.cli.{command}"), command)
    documented = inspect.getdoc(function).partition("Parameters\n")[2].splitlines()
    for name in inspect.signature(function).parameters:
        assert name in documented or name == "read_by"
    shared = inspect.getdoc(CollectionOptions).splitlines()
    assert {field.name for field in fields(CollectionOptions)} <= set(shared)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_all_that_is_said_about_a_command(command, capsys):
    assert main([command, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    function = getattr(importlib.import_module(f"skpneumo.cli.{command}"), command)
    said = inspect.getdoc(function).partition("\nParameters\n")[0].replace("`", "")
    for paragraph in said.split("\n\n"):
        assert " ".join(paragraph.split()) in shown


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["predikt"], "predikt"),
        (["predict"], "MODEL"),
        (["predict", "model.joblib"], "FILES"),
        (["predict", "model.joblib", "a.jpeg", "--treshold", "0.5"], "--treshold"),
        (["predict", "model.joblib", "a.jpeg", "--threshold", "2"], "2"),
        (["predict", "model.joblib", "a.jpeg", "--format", "xml"], "xml"),
        (["fit", "folder", "--epochs", "0"], "epochs"),
        (["fit"], "FOLDER"),
        (["evaluate", "folder", "--hold-out", "1.5"], "1.5"),
    ],
)
def test_wrong_usage_is_status_2_and_one_line(arguments, culprit, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert culprit in err


def run_raising(monkeypatch, error, *flags):
    def evaluate(model: Path, folder: Path, /):
        raise error

    monkeypatch.setattr("skpneumo.cli.evaluate.evaluate", evaluate)
    entrypoint.app._commands["evaluate"]._resolved = None
    try:
        return main(["evaluate", "model", "folder", *flags])
    finally:
        entrypoint.app._commands["evaluate"]._resolved = None


def test_ctrl_c_is_status_130_and_silent(monkeypatch, capsys):
    assert run_raising(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_no_ragged_lines_no_tuples_and_no_second_names(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert not re.search(r"\('|',\)|--no-(?!gate)|--empty-|--output", text)
    boxed = [line[1:-1].rstrip() for line in text.splitlines() if line.startswith("│")]
    for line, following in pairwise(boxed):
        first_word = following.split()[0] if following.split() else ""
        continues = following.startswith(" " * 8) and first_word and line.strip()
        if continues and not re.match(r"\s*[*-]", following) and "[" not in first_word:
            # Unless the next word would have fitted, the line is filled.
            assert len(line) + 1 + len(first_word) > 77, (line, following)


def test_an_unknown_command_is_told_what_commands_there_are(capsys):
    assert main(["predikt"]) == 2
    err = capsys.readouterr().err
    assert "Did you mean predict?" in err
    assert all(command in err for command in COMMANDS)


@pytest.mark.parametrize(
    "arguments", [["fit"], ["fit", "folder", "--epochs", "0"], ["fit", "folder", "--eppochs", "1"]]
)
def test_an_error_of_usage_points_to_the_help_of_its_command(arguments, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.endswith("Try: skpneumo fit --help\n")
    assert "('" not in err


def test_the_same_warning_is_shown_once(monkeypatch, capsys):
    def evaluate(model: Path, folder: Path, /):
        for number in (1, 2, 1, 1):
            warnings.warn(f"warning {number}", UserWarning, stacklevel=1)

    monkeypatch.setattr("skpneumo.cli.evaluate.evaluate", evaluate)
    entrypoint.app._commands["evaluate"]._resolved = None
    shown = warnings.showwarning
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            assert main(["evaluate", "model", "folder"]) == 0
    finally:
        warnings.showwarning = shown
        entrypoint.app._commands["evaluate"]._resolved = None
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["skpneumo: UserWarning: warning 1", "skpneumo: UserWarning: warning 2"]


def test_python_runs_the_package():
    run = subprocess.run(
        [sys.executable, "-m", "skpneumo", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == __version__


def test_threads_are_as_many_everywhere():
    defaults = {
        inspect.signature(function).parameters["n_jobs"].default
        for command in COMMANDS
        if "n_jobs"
        in inspect.signature(
            function := getattr(importlib.import_module(f"skpneumo.cli.{command}"), command)
        ).parameters
    }
    assert defaults == {-1}


def test_an_error_of_the_user_has_no_traceback_unless_asked_for(monkeypatch, capsys):
    assert run_raising(monkeypatch, ValueError("the culprit")) == 1
    assert capsys.readouterr().err == "skpneumo: the culprit\n"
    with pytest.raises(ValueError, match="the culprit"):
        run_raising(monkeypatch, ValueError("the culprit"), "--debug")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("The stack takes 9 GB."), "The stack takes 9 GB."),
        (MemoryError(), "there is not enough memory."),
    ],
)
def test_too_little_memory_is_no_bug(monkeypatch, capsys, error, said):
    assert run_raising(monkeypatch, error) == 1
    assert capsys.readouterr().err == f"skpneumo: {said}\n"


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'jax'", name="jax"),
        ValueError("Unable to import backend : theano"),
    ],
)
def test_a_backend_that_cannot_be_imported_has_its_remedy(monkeypatch, capsys, error):
    assert run_raising(monkeypatch, error) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"skpneumo: Keras cannot start: {error}. Install that backend, or set")
    assert "KERAS_BACKEND" in said


def test_a_bug_has_its_traceback(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        run_raising(monkeypatch, ZeroDivisionError())


def encoded(monkeypatch, encoding):
    """A standard output of another encoding, as it is where output goes to a file on Windows."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_name_that_the_output_cannot_spell_ends_no_command(monkeypatch, tmp_path, encoding):
    for name, file in (("normal", "IM-0001-0001.png"), ("肺炎", "person1_virus_1.png")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    stream = encoded(monkeypatch, encoding)
    assert main(["audit", str(tmp_path), "--positive", "肺炎", "--names-only"]) == 0
    assert "1 normal, 1 \\u80ba\\u708e" in stream.buffer.getvalue().decode(encoding)
    assert stream.errors == "strict"


def test_rows_have_the_bytes_of_names_that_the_output_cannot_spell(monkeypatch):
    stream = encoded(monkeypatch, "ascii")
    _print_rows([[["é\udce9.png", 0.5]]], "csv", ["path", "probability"], stream)
    assert stream.buffer.getvalue() == b"path,probability\n\xc3\xa9\xe9.png,0.5\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["audit", "--help"]])
def test_a_full_standard_output_is_named_without_a_traceback(monkeypatch, capsys, arguments):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(arguments) == 1
    assert capsys.readouterr().err.endswith("No space left on device: 'standard output'\n")


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"]])
def test_a_reader_of_the_help_may_be_gone(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as gone:
        run = subprocess.run(
            [sys.executable, "-m", "skpneumo", *arguments],
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (run.returncode, run.stderr) == (141, "")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_an_error_of_another_file_does_not_name_standard_output(monkeypatch, capsys, code):
    error = OSError(code, os.strerror(code))
    assert run_raising(monkeypatch, error) == 1
    assert capsys.readouterr().err == f"skpneumo: {os.strerror(code)}\n"
    with pytest.raises(OSError, match=re.escape(f"[Errno {code}] {os.strerror(code)}")) as raised:
        run_raising(monkeypatch, error, "--debug")
    assert raised.value is error


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC, errno.EFBIG, errno.EMFILE])
def test_errors_of_the_system_end_with_a_remedy(monkeypatch, capsys, code):
    assert run_raising(monkeypatch, OSError(code, os.strerror(code), "out.csv")) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"skpneumo: {os.strerror(code)}: 'out.csv'. ")
    assert said.count("\n") == 1
    assert run_raising(monkeypatch, OSError(code, "Own words, with a remedy.", "out.csv")) == 1
    assert capsys.readouterr().err == "skpneumo: Own words, with a remedy.: 'out.csv'\n"


def test_limits_of_threads_and_of_temporary_files_are_told_from_bugs(monkeypatch, capsys):
    assert run_raising(monkeypatch, RuntimeError("can't start new thread")) == 1
    said = "skpneumo: can't start new thread. Allow more threads or memory: ulimit -u, ulimit -v\n"
    assert capsys.readouterr().err == said
    text = "No usable temporary directory found in ['/tmp']"
    assert run_raising(monkeypatch, FileNotFoundError(errno.ENOENT, text)) == 1
    assert capsys.readouterr().err.endswith(
        "/tmp']. Set TMPDIR to a folder that you can write to.\n"
    )
    with pytest.raises(RuntimeError, match="another"):
        run_raising(monkeypatch, RuntimeError("another"))


def test_messages_do_not_go_to_standard_output_if_standard_error_is_closed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["fit"]) == 2
    assert sys.stderr is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("place", [1, 2, 3])
def test_debug_is_an_option_at_every_place(monkeypatch, place):
    arguments = ["predict", "nowhere", "x.png"]
    with pytest.raises(FileNotFoundError, match="no model file nowhere"):
        main([*arguments[:place], "--debug", *arguments[place:]])
