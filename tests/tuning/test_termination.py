"""SIGTERM ends a search and its workers, with a message and the status of the signal."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import skpneumo
from skpneumo.tuning._termination import ending_with_workers

SCRIPT = """
import os, time
from sklearn.dummy import DummyClassifier
from skpneumo.tuning import ResumableGridSearchCV

class Endless(DummyClassifier):
    def fit(self, X, y):
        open(f"worker-{os.getpid()}", "w").close()
        time.sleep(600)

ResumableGridSearchCV(
    Endless(), {"random_state": [0, 1]}, cv=2, n_jobs=2, store="store"
).fit([[0.0]] * 8, [0, 1] * 4)
"""


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_the_search(number, tmp_path):
    env = os.environ | {"PYTHONPATH": str(Path(skpneumo.__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(
        command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        while len(workers := list(tmp_path.glob("worker-*"))) < 2 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        error = process.stderr.read()
    pids = [int(path.name.removeprefix("worker-")) for path in workers]
    assert len(pids) == 2
    for _ in range(600):  # the system may need a moment to remove them
        if not any(is_running(pid) for pid in pids):
            break
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in pids)
    if number == signal.SIGTERM:
        assert process.returncode == 143
        (line,) = error.splitlines()
        assert line.startswith("skpneumo: the search was terminated. Finished fits are in store;")
    else:
        assert process.returncode == -signal.SIGINT
        assert error.splitlines()[-1] == "KeyboardInterrupt"


def send(number):
    os.kill(os.getpid(), number)
    for _ in range(1000):  # the handler runs between two instructions
        pass


def test_the_context_is_cleaned_up_before_the_exit(capsys):
    cleaned = []

    @ending_with_workers("done for")
    def search():
        try:
            send(signal.SIGTERM)
        finally:
            cleaned.append(True)
            send(signal.SIGTERM)  # impatience changes nothing

    with pytest.raises(SystemExit) as raised:
        search()
    assert (raised.value.code, cleaned) == (143, [True])
    assert capsys.readouterr().err == "done for\n"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_exception_converted_from_the_signal_also_exits():
    @ending_with_workers("done for")
    def search():
        try:
            send(signal.SIGTERM)
        except BaseException as error:
            raise ImportError("of a compiled module") from error

    with pytest.raises(SystemExit):
        search()


def test_other_errors_are_raised_unchanged():
    with pytest.raises(ValueError, match="mine"), ending_with_workers("done for"):
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_handler_of_other_code_is_not_replaced():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with ending_with_workers("done for"):
            send(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_outside_the_main_thread_no_handler_is_set():
    handlers = []

    def search():
        with ending_with_workers("done for"):
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]
