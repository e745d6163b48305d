"""The host names and the token by which a server may be asked."""

import ipaddress
import secrets
from collections.abc import Collection

__all__ = ["names_and_token"]

_OF_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_EVERY_ADDRESS = ("0.0.0.0", "::", "")
_LEAST_TOKEN = 20


def names_and_token(
    host: str, allowed_hosts: Collection[str], token: str | None
) -> tuple[list[str], str | None]:
    """Decide who may ask a server.

    Parameters
    ----------
    host : str
        Where it listens.
    allowed_hosts : collection of str
        Further names.
    token : str or None
        Token that the user has chosen.

    Returns
    -------
    names : list of str
    token : str or None
        None on this machine, where none was chosen; a new one where it listens elsewhere.

    Raises
    ------
    ValueError
        If it listens on every address and no name is given, or the token is short.
    """
    if token is not None and len(token) < _LEAST_TOKEN:
        raise ValueError(
            f"The token has {len(token)} characters; expected {_LEAST_TOKEN} or more. Leave it "
            "out to have one made."
        )
    if _is_loopback(host):
        return [*_OF_THIS_MACHINE, host, *allowed_hosts], token
    if host not in _EVERY_ADDRESS:
        return [host, *allowed_hosts], token or secrets.token_urlsafe(32)
    if not allowed_hosts:
        raise ValueError(
            f"host={host!r} is every address of this machine. Say by which names it is asked, as "
            "allowed hosts, or listen on one address."
        )
    return list(allowed_hosts), token or secrets.token_urlsafe(32)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
