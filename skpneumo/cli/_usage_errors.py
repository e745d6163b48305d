"""Describe usage errors in one line that ends with a pointer to the help."""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_origin

from cyclopts import (
    App,
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from skpneumo.cli._numbers import number_expected, number_meant
from skpneumo.cli._xray_files import looks_like_option

__all__ = ["options_of", "similar_option", "unknown_option", "usage_message"]

# Options of every command, besides its own.
_EVERYWHERE = ("--help", "-h", "--debug", "--version")
# Words that a user may try instead of a command's name.
_SYNONYMS = {"train": "fit", "test": "evaluate", "search": "tune", "classify": "predict"}


def usage_message(error: CycloptsError, commands: Collection[str]) -> str:
    """Describe what is wrong, what was probably meant, and how to get help."""
    if isinstance(error, UnknownCommandError):
        return _unknown_command(list(error.unused_tokens or [""]), commands)
    command = next((each for each in error.command_chain or () if each in commands), "")
    said = " ".join(_message(error, command, commands).split())
    return f"{said} Try: skpneumo {command}{' ' * bool(command)}--help"


def unknown_option(given: str, options: Iterable[str]) -> str:
    """Write that there is no such option, and which one is similar."""
    meant = _like(given, options)
    return f"There is no option {given}." + (f" Did you mean {meant}?" if meant else "")


@cache
def options_of(command: str) -> frozenset[str]:
    """List all options of a command, including those of one letter."""
    parsed = App(default_command=_function(command)).assemble_argument_collection()
    names = (name for argument in parsed for name in argument.names)
    return frozenset([*_EVERYWHERE, *(name for name in names if name.startswith("-"))])


def similar_option(given: str, command: str) -> str:
    """Find the option of a command that was probably meant; "" if none is similar."""
    return _like(given, sorted(options_of(command)))


def _unknown_command(tokens: list[str], commands: Collection[str]) -> str:
    unknown = tokens[0]
    others = [each for each in tokens if each in commands]
    if unknown.startswith("-"):
        said = unknown_option(unknown, _EVERYWHERE)
        return f"{said} Try: skpneumo --help"
    if unknown == "help":
        return f"There is no command help. Try: skpneumo {' '.join([*others[:1], '--help'])}"
    near = get_close_matches(unknown.lower(), commands, n=1)
    near = near or [name for word, name in _SYNONYMS.items() if word == unknown.lower()]
    meant = f" Did you mean {near[0]}?" if near else ""
    return (
        f"There is no command {unknown}.{meant} The commands are {', '.join(commands)}. "
        "Try: skpneumo --help"
    )


def _message(error: CycloptsError, command: str, commands: Collection[str]) -> str:
    """Describe what is wrong without terms of Python or of the parser."""
    if error.msg is not None:
        return str(error)
    match error:
        case UnknownOptionError():
            own = [name for each in error.argument_collection for name in each.names]
            said = unknown_option(_as_typed(error.token), [*own, *_EVERYWHERE])
            return (
                said
                if "Did you mean" in said
                else said + _elsewhere(error.token, command, commands)
            )
        case UnusedCliTokensError():
            return _unused(error, command)
        case MissingArgumentError():
            return _missing(error)
        case CoercionError() if error.token is not None:
            return _no_value(error, str(error.token.value))
        case ValidationError() if error.argument is not None and error.argument.tokens:
            return _refused(error, command)
    return str(error)


def _unused(error: UnusedCliTokensError, command: str) -> str:
    unused = list(error.unused_tokens or [])
    arguments = _arguments(command)
    what = f"no argument but {' '.join(arguments)}" if arguments else "only options"
    return f"Unexpected argument {' '.join(unused)}: skpneumo {command} takes {what}."


def _missing(error: MissingArgumentError) -> str:
    assert error.argument is not None
    name = error.keyword or error.argument.name
    if not name.startswith("-"):
        return f"{name} is missing."
    expected = _expected(error.argument)
    return f"{name} needs a value{': ' * bool(expected)}{expected}."


def _no_value(error: CoercionError, value: str) -> str:
    argument = error.argument
    name = getattr(error.token, "keyword", None) or (argument.name if argument else "")
    said = f"{name} {value}: expected {_expected(argument) or 'another value'}."
    hint = error.target_type
    near = [number_meant(argument, value)]
    if get_origin(hint) is Literal:
        near = get_close_matches(value.lower(), [str(each) for each in get_args(hint)], n=1)
    return f"{said} Did you mean {near[0]}?" if any(near) else said


def _refused(error: ValidationError, command: str) -> str:
    assert error.argument is not None
    tokens, reason = error.argument.tokens, error.exception_message
    if tokens[0].keyword:
        if reason.startswith("Must be "):  # the parser's, which names only one of two bounds
            reason = f"expected {number_expected(error.argument)}."
        return f"{tokens[0].keyword} {tokens[0].value}: {reason[:1].lower()}{reason[1:]}"
    # The arguments are files, whose names may begin like an option.
    given = next((str(each.value) for each in tokens if looks_like_option(str(each.value))), "")
    if not given:
        return reason
    return (
        f"{unknown_option(given, sorted(options_of(command)))} A file of that name is ./{given}."
    )


def _expected(argument: Argument | None) -> str:
    """Describe the values that an option accepts; "" if any text is allowed."""
    hint = None if argument is None else argument.hint
    choices = [each for each in (hint, *get_args(hint)) if get_origin(each) is Literal]
    if choices:
        return _listed(list(map(str, get_args(choices[0]))), "or")
    return number_expected(argument)


def _as_typed(token: Any) -> str:
    return str(token.keyword or token.value)


def _like(given: str, options: Iterable[str]) -> str:
    """Find the option that was probably meant; "" if none is similar."""
    plain = {each.strip("-"): each for each in options if each.startswith("--")}
    wanted = given.partition("=")[0].strip("-").replace("_", "-").lower()
    if not wanted:
        return ""
    begun = [name for name in plain if len(wanted) > 2 and name.startswith(wanted)]
    near = begun[:1] if len(begun) == 1 else get_close_matches(wanted, plain, n=1, cutoff=0.7)
    longer = [name for name in plain if len(name) > 2 and wanted.startswith(name)]
    near = near or sorted(longer, key=len)[-1:]  # such as --output for --out
    return plain[near[0]] if near else ""


def _elsewhere(token: Any, command: str, commands: Collection[str]) -> str:
    """Name the other commands that have an option."""
    wanted = _as_typed(token).partition("=")[0]
    having = [name for name in commands if name != command and wanted in options_of(name)]
    names = [f"skpneumo {name}" for name in having]
    return f" It is an option of {_listed(names, 'and')}." if names else ""


def _arguments(command: str) -> list[str]:
    own = signature(_function(command)).parameters
    return [name.upper() for name, each in own.items() if each.kind != Parameter.KEYWORD_ONLY]


def _function(command: str) -> Any:
    return getattr(import_module(f"skpneumo.cli.{command}"), command)


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
