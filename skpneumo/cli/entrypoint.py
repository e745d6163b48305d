"""The ``skpneumo`` program: a table of commands, and how their errors are reported."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from skpneumo import __version__
from skpneumo.cli._signals import received_signal

__all__ = ["app", "run_program"]

FAILED = 1
WRONG_USAGE = 2
READER_GONE = 141  # 128 + SIGPIPE

# Every command has these options; they are listed after the command's own.
LAST = Group("When something goes wrong", sort_key=1)

# What a wrong file, folder or option raises, here and in the stages. The message names the
# cause and the remedy, so no traceback is shown. Anything else is a bug.
USER_ERRORS = (OSError, ValueError, ImportError)

# Commands are imported only when they run or show their help, so their summaries are
# repeated here.
COMMANDS = {
    "demo": "Run the whole workflow on synthetic X-rays, or on your own.",
    "audit": "Check a folder of X-rays for problems.",
    "fit": "Train a classifier on a folder of X-rays and save it.",
    "tune": "Search for the best network by recall, in patient-grouped folds.",
    "predict": "Write one row per X-ray: path, probability, label, error.",
    "explain": "Explain predictions: a heat map and a table row for each X-ray.",
    "evaluate": "Evaluate a model on a folder of X-rays, with confidence intervals.",
    "export": "Write a model to an ONNX file, which predicts without Keras and TensorFlow.",
    "cache": "Show the contents of a cache of decoded images, or clear it.",
    "report": "Write an HTML report about a model on a folder of X-rays.",
    "card": "Write a model card: what is known, and what only a person can add.",
    "serve": "Serve a model as a local page and a REST interface.",
    "doctor": "Show the hardware and backend, and what slows training down.",
}


app = App(
    name="skpneumo",
    help="Pneumonia from chest X-rays: recall first, patients never split.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    # Errors and interruptions are returned to the caller, which reports them all the same way.
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)
app.meta.suppress_keyboard_interrupt = False
for _command, _line in COMMANDS.items():
    app.command(f"skpneumo.cli.{_command}:{_command}", name=_command, help=_line)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    debug: Annotated[bool, Parameter(group=LAST, negative="", show_default=False)] = False,
) -> int:
    """Run one command.

    Parameters
    ----------
    debug
        Show the whole traceback of an error.
    """
    if not debug:
        warnings.showwarning = _show_in_one_line
    try:
        return app(tokens) or 0
    except BrokenPipeError:
        raise
    except USER_ERRORS as error:
        if debug or received_signal():
            raise
        print(f"skpneumo: {error}", file=sys.stderr)
        return FAILED


def run_program(arguments: Sequence[str] | None = None) -> int:
    """Run the program without the signal handling of :func:`skpneumo.cli.main`."""
    try:
        return app.meta(arguments) or 0
    except CycloptsError as error:
        message = " ".join(str(error).split())
        print(f"skpneumo: {message} Try: skpneumo --help", file=sys.stderr)
        return WRONG_USAGE
    except BrokenPipeError:
        # Python flushes standard output once more at exit, and would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def _show_in_one_line(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
    print(f"skpneumo: {category.__name__}: {message}", file=sys.stderr)
