"""A signal at any time ends a command with one line and the right status."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import skpneumo
from skpneumo.cli._signals import received_signal, run_until_signal

# What comes first of all heavy imports, and what a command imports: a signal to each of them.
SCRIPT = """
import os, sys
from skpneumo.cli import main

class Signals:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), int(sys.argv[2]))
                for _ in range(1000):
                    pass
            except KeyboardInterrupt as error:
                if name == "numpy":  # as its compiled parts do
                    raise ImportError("PyCapsule_Import failed") from error
                raise

sys.meta_path.insert(0, Signals())
sys.exit(main(["evaluate", "model.joblib", "folder"]))
"""


@pytest.mark.parametrize("module", ["skpneumo.cli.entrypoint", "cyclopts", "numpy"])
@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, ""), (signal.SIGTERM, "skpneumo: terminated\n")]
)
def test_a_signal_during_an_import_leaves_no_traceback(module, number, said, tmp_path):
    env = os.environ | {"PYTHONPATH": str(Path(skpneumo.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, module, str(int(number))],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (128 + number, said)


# Python runs it before anything else.
EARLY = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "lazy_loader":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass

sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize("as_command", [True, False])
def test_an_interrupt_while_the_package_is_imported(as_command, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(EARLY)
    paths = [str(tmp_path), str(Path(skpneumo.__file__).parents[1])]
    run = subprocess.run(
        [sys.executable, *(["-m", "skpneumo"] if as_command else ["-c", "import skpneumo"])],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == -signal.SIGINT
    assert run.stderr == "" if as_command else "KeyboardInterrupt" in run.stderr


IN_A_STRING = """
import signal, sys
from skpneumo.cli._signals import run_until_signal

def command():
    exec("signal.raise_signal(int(sys.argv[1]))\\nfor _ in range(1000): pass")

sys.exit(run_until_signal(command))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_string_of_code_ends_a_module_with_its_status(number, tmp_path):
    (tmp_path / "program.py").write_text(IN_A_STRING)
    run = subprocess.run(
        [sys.executable, "-m", "program", str(int(number))],
        env=os.environ | {"PYTHONPATH": str(Path(skpneumo.__file__).parents[1])},
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 128 + number


def send(number):
    os.kill(os.getpid(), number)
    for _ in range(1000):  # the handler runs between two instructions
        pass


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, ""), (signal.SIGTERM, "skpneumo: terminated\n")]
)
def test_resources_are_cleaned_up_and_handlers_restored(number, said, capsys):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    cleaned = []

    def command():
        try:
            send(number)
        finally:
            cleaned.append(True)
        return 0

    assert run_until_signal(command) == 128 + number
    assert cleaned == [True]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert capsys.readouterr().err == said


def test_a_command_that_catches_the_interrupt_still_ends_as_interrupted(capsys):
    def command():
        try:
            send(signal.SIGINT)
        except KeyboardInterrupt:
            assert received_signal()
        return 0

    assert run_until_signal(command) == 130
    assert not received_signal()
    assert run_until_signal(lambda: 7) == 7


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does in the background
    try:
        assert run_until_signal(lambda: send(signal.SIGINT) or 3) == 3
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_of_the_main_thread_it_runs_without_signals():
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(run_until_signal(lambda: 5)))
    thread.start()
    thread.join()
    assert statuses == [5]
