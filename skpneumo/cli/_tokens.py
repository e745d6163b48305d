"""Check the arguments of a command before they are parsed."""

import os
import re
from collections.abc import Collection, Sequence

from cyclopts import CycloptsError

__all__ = ["check_tokens", "normalized"]

_END = "--"
_DEBUG = "--debug"
_SEVERAL_LETTERS = re.compile(r"-[a-z][a-z_-]", re.IGNORECASE)
# Editors and chats replace two hyphens by one of these: en dash, em dash, minus.
_DASHES = ("\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}")


def normalized(tokens: Sequence[str]) -> list[str]:
    """Move ``--debug`` to the front, and replace ``-x.png`` after ``--`` by ``./-x.png``.

    The parser would take both for options of a command that takes any number of files. The ``--``
    itself is left out.
    """
    end = tokens.index(_END) if _END in tokens else len(tokens)
    files = [
        f"./{each}" if each.startswith("-") and each != "-" else each for each in tokens[end + 1 :]
    ]
    rest = [each for each in tokens[:end] if each != _DEBUG]
    return [*[_DEBUG] * (len(rest) < end), *rest, *files]


def check_tokens(tokens: Sequence[str], commands: Collection[str]) -> None:
    """Refuse arguments that would be taken for something else than was meant.

    Raises
    ------
    CycloptsError
        If an argument is empty, or an option is written with one hyphen or another dash.
    """
    _refuse_empty(tokens)
    if tokens and tokens[0] in commands:
        for token in tokens[1:]:
            if token.startswith(_DASHES):
                _refuse_other_dash(token, tokens[0])
            elif _SEVERAL_LETTERS.match(token):
                _refuse_one_hyphen(token, tokens[0])


def _refuse_empty(tokens: Sequence[str]) -> None:
    """Refuse an empty argument, which as a path would mean the current folder."""
    for before, token in zip(("", *tokens), tokens, strict=False):
        option = before if not token else token.removesuffix("=")
        if token and not (token.startswith("--") and token.endswith("=")):
            continue
        what = f"The value of {option}" if option.startswith("-") else "An argument"
        raise CycloptsError(
            msg=f"{what} is empty, as from a variable of the shell that is not set. Give a value, "
            "or leave it out.",
            command_chain=tokens[:1],
        )


def _refuse_other_dash(token: str, command: str) -> None:
    """Refuse an option that begins with a dash, unless it is the name of a file."""
    from skpneumo.cli._usage_errors import similar_option

    meant = similar_option(token.lstrip("".join(_DASHES)), command)
    if meant and not os.path.lexists(token):
        raise CycloptsError(
            msg=f"{token} begins with {token[0]}, which is not a hyphen. Did you mean {meant}?",
            command_chain=(command,),
        )


def _refuse_one_hyphen(token: str, command: str) -> None:
    """Refuse an option such as ``-out``, which would mean ``-o`` with the value "ut"."""
    from skpneumo.cli._usage_errors import options_of, similar_option

    options = options_of(command)
    if token[:2] in options:  # ``-oresults`` means ``-o results``, although ``--results`` exists
        meant = _of_several_letters(token, options)
    else:
        meant = similar_option(token, command)
    if not meant:
        return
    file = f" A file of that name is ./{token}." if os.path.lexists(token) else ""
    raise CycloptsError(
        msg=f"{token} has one hyphen; an option of several letters has two. Did you mean "
        f"{meant}?{file}",
        command_chain=(command,),
    )


def _of_several_letters(token: str, options: Collection[str]) -> str:
    """Find the long option that a token begins or continues, as ``-ou`` and ``-output``."""
    typed = f"-{token.partition('=')[0].replace('_', '-').lower()}"
    if not re.fullmatch(r"[a-z-]+", typed):  # such as ``-outside.csv``
        return ""
    long = sorted(each for each in options if each.startswith("--"))
    return next((each for each in long if each.startswith(typed) or typed.startswith(each)), "")
