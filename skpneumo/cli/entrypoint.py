"""The ``skpneumo`` program: a table of commands, and what becomes of their errors."""

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

# Its options are every command's, and less wanted than the command's own.
LAST = Group("When something goes wrong", sort_key=1)

# What a wrong file, folder or option raises, here and in the stages: its message names the
# culprit and the remedy, and a traceback would only bury it. Anything else is a bug.
USER_ERRORS = (OSError, ValueError, ImportError)

# Each is imported when it is run or its help is asked for, so its line is repeated here.
COMMANDS = {
    "demo": "The whole flow on synthetic radiographs, or on yours.",
    "audit": "Look for what is wrong with a folder of X-rays.",
    "fit": "Train a classifier on a folder of X-rays and keep it.",
    "tune": "Search for the best network by recall, in patient-grouped folds.",
    "predict": "Write one row per X-ray: path, probability, label, error.",
    "explain": "Draw what the model looked at, a picture and a row for each X-ray.",
    "evaluate": "Print how good a model is on a folder of X-rays, with intervals.",
    "cache": "Show what a folder of decoded images holds, or clear it.",
    "report": "Write all about a model on a folder of X-rays as one page.",
    "doctor": "Say what trains here, in which precision, and what is slow and why.",
}


app = App(
    name="skpneumo",
    help="Pneumonia from chest X-rays: recall first, patients never split.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    # Errors and interruptions come back to the caller, which has one way to say them.
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
    """Run the program as :func:`skpneumo.cli.main` does, which also answers to signals."""
    try:
        return app.meta(arguments) or 0
    except CycloptsError as error:
        message = " ".join(str(error).split())
        print(f"skpneumo: {message} Try: skpneumo --help", file=sys.stderr)
        return WRONG_USAGE
    except BrokenPipeError:
        # Python flushes standard output once more on its way out, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def _show_in_one_line(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
    print(f"skpneumo: {category.__name__}: {message}", file=sys.stderr)
