"""Check the arguments of a command before they are parsed."""

import os
import re
from collections.abc import Collection, Sequence

from cyclopts import CycloptsError

__all__ = ["check_tokens", "in_order"]

_END = "--"
_DEBUG = "--debug"
_SEVERAL_LETTERS = re.compile(r"-[a-z]{2}", re.IGNORECASE)
# Editors and chats replace two hyphens by one of these: en dash, em dash, minus.
_DASHES = ("\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}")


def in_order(tokens: Sequence[str]) -> list[str]:
    """Write the options of all commands first, and files after ``--`` with their folder.

    The parser would take both for options of a command that takes any number of files.
    """
    end = tokens.index(_END) if _END in tokens else len(tokens)
    files = [
        f"./{each}" if each.startswith("-") and each != "-" else each for each in tokens[end:]
    ]
    rest = [each for each in tokens[:end] if each != _DEBUG]
    return [*[_DEBUG] * (len(rest) < end), *rest, *files[1:]]


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
            _refuse_misspelled(token, tokens[0])


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


def _refuse_misspelled(token: str, command: str) -> None:
    """Refuse an option such as ``-out``, which would mean ``-o`` with the value "ut"."""
    dashed = token.startswith(_DASHES) and not os.path.lexists(token)
    if not dashed and not _SEVERAL_LETTERS.match(token):
        return
    from skpneumo.cli._usage_errors import similar_option

    meant = similar_option(token.lstrip("".join(_DASHES)), command)
    if not meant:
        return
    reason = (
        f"{token} begins with {token[0]}, which is not a hyphen."
        if dashed
        else f"{token} has one hyphen; an option of several letters has two."
    )
    raise CycloptsError(msg=f"{reason} Did you mean {meant}?", command_chain=(command,))
