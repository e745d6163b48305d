"""Choose the host names and the token that a server accepts."""

import ipaddress
import secrets
from collections.abc import Collection

from skpneumo._messages import by_interface

__all__ = ["allowed_names_and_token"]

_OF_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_EVERY_ADDRESS = ("0.0.0.0", "::", "")
_LEAST_TOKEN = 20


def allowed_names_and_token(
    host: str, allowed_hosts: Collection[str], token: str | None
) -> tuple[list[str], str | None]:
    """Choose the host names and the token that a server accepts.

    Parameters
    ----------
    host : str
        Address to listen on.
    allowed_hosts : collection of str
        Further host names.
    token : str or None
        Token chosen by the user.

    Returns
    -------
    names : list of str
    token : str or None
        The given token, or else a new one; None if the server listens only on this machine and no
        token was given.

    Raises
    ------
    ValueError
        If it listens on every address and no host name is given, or the token is too short.
    """
    if token is not None and len(token) < _LEAST_TOKEN:
        raise ValueError(
            f"The token has {len(token)} characters, but {_LEAST_TOKEN} or more are needed. "
            "Choose a longer one, or "
            + by_interface(
                python="pass None for a random token.",
                shell="unset SKPNEUMO_TOKEN for a random token.",
            )
        )
    if _is_loopback(host):
        return [*_OF_THIS_MACHINE, host, *allowed_hosts], token
    if host not in _EVERY_ADDRESS:
        return [host, *allowed_hosts], token or secrets.token_urlsafe(32)
    if not allowed_hosts:
        raise ValueError(
            f"The host {host!r} is every address of this machine. "
            + by_interface(
                python="Pass the names that requests are addressed to as allowed_hosts, or one "
                "address as host.",
                shell="Name the hosts that requests are addressed to with --allowed-host, or one "
                "address with --host.",
            )
        )
    return list(allowed_hosts), token or secrets.token_urlsafe(32)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
