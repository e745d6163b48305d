"""The ``skpneumo`` program: its table of commands, and how errors are reported."""

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from skpneumo import __version__
from skpneumo._messages import command_line_messages
from skpneumo.cli._numbers import refuse_odd_numbers
from skpneumo.cli._signals import received_signal
from skpneumo.cli._terminal import (
    STANDARD_OUTPUT,
    named_standard_output,
    printing_anything,
    say,
    text_of,
)
from skpneumo.cli._tokens import check_tokens, normalized

__all__ = ["ABOUT_BACKENDS", "COMMANDS", "app", "run_program", "show_whole_docstring"]

FAILED = 1
WRONG_USAGE = 2
READER_GONE = 141  # 128 + SIGPIPE

# Every command has these options; they are listed after the command's own.
LAST = Group("When something goes wrong", sort_key=1)

# Errors caused by a wrong file, folder or option. Their messages name the cause and the remedy, so
# no traceback is shown. Any other error is a bug.
USER_ERRORS = (OSError, ValueError, ImportError, MemoryError)

# What the errors of Keras, which cannot import its backend, do not say.
ABOUT_BACKENDS = (
    "Install that backend, or set the environment variable KERAS_BACKEND to another one."
)

# What the errors of the system do not say.
_REMEDIES = {
    errno.EACCES: "Allow access to it, or name another.",
    errno.EPERM: "Allow access to it, or name another.",
    errno.EROFS: "Name another, on a disk that can be written.",
    errno.ENOSPC: "Make room, or name another, on a disk with free space.",
    errno.EDQUOT: "Make room, or name another, on a disk with free space.",
    errno.EFBIG: "Allow larger files: ulimit -f unlimited",
    errno.EMFILE: "Allow more open files: ulimit -n 4096",
}
# Of Python, if the number of threads or the memory of this process is limited.
_NO_THREAD = "can't start new thread"
_NO_TEMPORARY_FOLDER = "No usable temporary directory"
_BACKENDS = {"jax", "openvino", "tensorflow", "torch"}

# Commands are imported only when they run or show their help, so their summaries are repeated
# here.
COMMANDS = {
    "demo": "Run the whole workflow on synthetic X-rays, or on your own.",
    "audit": "Check a folder of X-rays for problems.",
    "fit": "Train a classifier on a folder of X-rays and save it.",
    "tune": "Search for the best network by recall, in patient-grouped folds.",
    "predict": "Write one row per X-ray: path, probability, label, error.",
    "explain": "Explain predictions: a heat map and a table row for each X-ray.",
    "evaluate": "Evaluate a model on a folder of X-rays, with confidence intervals.",
    "export": "Write a model to an ONNX file, or to a page that predicts in a browser.",
    "cache": "Show the contents of a cache of decoded images, or clear it.",
    "report": "Write an HTML report about a model on a folder of X-rays.",
    "card": "Write a model card with known facts, and open items for a person to fill in.",
    "serve": "Serve a model as a local page and a REST interface.",
    "doctor": "Show the hardware and backend, and what slows training down.",
}


app = App(
    name="skpneumo",
    help="Pneumonia from chest X-rays: recall first, patients never split.",
    version=__version__,
    help_format="markdown",  # fills paragraphs to the width of the terminal
    result_action="return_value",
    # Errors and interrupts are raised to the caller, which reports all of them in the same way.
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    config=refuse_odd_numbers,
)
app.meta.suppress_keyboard_interrupt = False
for _command, _line in COMMANDS.items():
    app.command(f"skpneumo.cli.{_command}:{_command}", name=_command, help=_line)


def show_whole_docstring(name: str) -> None:
    """Import a command, and let its help show all of its docstring, not only the first line."""
    command = app[name]
    command.help = getattr(command.default_command, "__doc__", None) or COMMANDS[name]


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    debug: Annotated[bool, Parameter(group=LAST, negative="", show_default=False)] = False,
) -> int:
    """Run one command.

    Parameters
    ----------
    debug
        Show the full traceback of an error.
    """
    check_tokens(tokens, COMMANDS)
    if not debug:
        warnings.showwarning = _OneLinePerWarning()
    from skpneumo._progress import lines_in_pipes

    try:
        with lines_in_pipes():
            return app(tokens) or 0
    except BrokenPipeError:
        raise
    except CycloptsError as error:
        # An error raised by a command itself lacks the name of the command.
        error.command_chain = error.command_chain or tokens[:1]
        raise
    except (*USER_ERRORS, RuntimeError) as error:
        is_bug = isinstance(error, RuntimeError) and str(error) != _NO_THREAD
        if is_bug or debug or received_signal() or _is_of_standard_output(error):
            raise
        _say_error(error)
        return FAILED


def run_program(arguments: Sequence[str] | None) -> int:
    """Run the program without the signal handling of :func:`skpneumo.cli.main`."""
    try:
        with named_standard_output(), command_line_messages(), printing_anything():
            tokens = normalized(sys.argv[1:] if arguments is None else arguments)
            if name := next(filter(COMMANDS.__contains__, tokens), None):
                show_whole_docstring(name)
            status = app.meta(tokens) or 0
            sys.stdout.flush()
            return status
    except CycloptsError as error:
        from skpneumo.cli._usage_errors import usage_message

        say(f"skpneumo: {usage_message(error, COMMANDS)}", file=sys.stderr)
        return WRONG_USAGE
    except BrokenPipeError:
        _discard_standard_output()
        return READER_GONE
    except SystemExit as error:
        # The library that prints the help exits by itself if its reader is gone.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        return READER_GONE
    except OSError as error:
        if not _is_of_standard_output(error):
            raise
        _discard_standard_output()
        _say_error(error)
        return FAILED


def _is_of_standard_output(error: Exception) -> bool:
    return isinstance(error, OSError) and error.filename == STANDARD_OUTPUT


def _discard_standard_output() -> None:
    """Discard what is left, because Python flushes once more at exit, and would raise again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_error(error: Exception) -> None:
    """Print an error in one line."""
    # Python's own MemoryError says nothing.
    text = text_of(error) or "there is not enough memory."
    if remedy := _remedy_of(error):
        text = f"{text}. {remedy}"
    if _is_of_backend(error):
        text = f"Keras cannot start: {text.rstrip('.')}. {ABOUT_BACKENDS}"
    say(f"skpneumo: {text}", file=sys.stderr)


def _remedy_of(error: Exception) -> str:
    """Suggest what to do about an error of the system; "" if the error does so itself."""
    if str(error) == _NO_THREAD:
        return "Allow more threads or memory: ulimit -u, ulimit -v"
    if not isinstance(error, OSError) or error.errno is None or _is_of_standard_output(error):
        return ""
    if str(error.strerror).startswith(_NO_TEMPORARY_FOLDER):
        return "Set TMPDIR to a folder that you can write to."
    is_plain = error.filename is not None and error.strerror == os.strerror(error.errno)
    return _REMEDIES.get(error.errno, "") if is_plain else ""


def _is_of_backend(error: Exception) -> bool:
    """Tell whether Keras could not import its backend."""
    missing = isinstance(error, ModuleNotFoundError) and error.name in _BACKENDS
    return missing or "Unable to import backend" in str(error)


class _OneLinePerWarning:
    """Show each warning in one line, and only once."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def __call__(self, message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        line = f"skpneumo: {category.__name__}: {message}"
        if line not in self._shown:
            self._shown.add(line)
            say(line, file=sys.stderr)
