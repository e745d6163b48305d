"""Run the server."""

import socket
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from skpneumo._messages import by_interface
from skpneumo.serving._access import allowed_names_and_token

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

__all__ = ["check_server", "run_server", "server_of"]

_CONNECTIONS = 256
_LAST_PORT = 2**16 - 1


def check_server(
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    allowed_hosts: Collection[str] = (),
    token: str | None = None,
) -> None:
    """Raise if a server would not start, such as before a model is loaded for it.

    Parameters
    ----------
    host : str, default="127.0.0.1"
        Address to listen on.
    port : int, default=8000
        Port to listen on.
    allowed_hosts : collection of str, default=()
        Further host names, as for :func:`make_app`.
    token : str, default=None
        Token, as for :func:`make_app`.

    Raises
    ------
    OSError
        If no server can listen on the address.
    ValueError
        If there is no such port, the token is too short, or ``host`` is every address and there
        are no ``allowed_hosts``.

    Examples
    --------
    >>> from skpneumo.serving import check_server
    >>> check_server(port=0)
    >>> check_server(token="secret")
    Traceback (most recent call last):
        ...
    ValueError: The token has 6 characters, but 20 or more are needed. Choose a longer one, or pass
    None for a random token.
    """
    allowed_names_and_token(host, allowed_hosts, token)
    _listening(host, port).close()


def run_server(
    app: "FastAPI", port: int = 8000, *, ready: Callable[[str], None] | None = None
) -> None:
    """Serve requests until interrupted, without logging them.

    Parameters
    ----------
    app : fastapi.FastAPI
        Application from :func:`make_app`, which has the host to listen on.
    port : int, default=8000
        Port to listen on; 0 chooses a free one.
    ready : callable, default=None
        Called with the address of the page, such as ``http://127.0.0.1:8000/``, before the first
        request is served. If there is a token, the address ends with it.

    Raises
    ------
    OSError
        If the server cannot listen on the address.
    ValueError
        If there is no such port.
    ImportError
        If uvicorn is not installed.

    Examples
    --------
    >>> from skpneumo.serving import make_app, run_server
    >>> run_server(make_app(model))  # doctest: +SKIP
    """
    host, token = app.state.host, app.state.token
    with _listening(host, port) as listener:
        server = server_of(app)
        if ready is not None:
            shown = f"[{host}]" if ":" in host else host
            secret = "" if token is None else f"#token={token}"
            ready(f"http://{shown}:{listener.getsockname()[1]}/{secret}")
        server.run(sockets=[listener])


def server_of(app: "FastAPI") -> "uvicorn.Server":
    """Make a server that logs no requests, and trusts no headers about their origin."""
    try:
        import uvicorn
    except ImportError:
        raise ImportError('Serving needs uvicorn: pip install "skpneumo[serve]"') from None
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            ws="none",
            log_level="error",  # not of each odd request, which any client can send
            limit_concurrency=_CONNECTIONS,
        )
    )


def _reason(error: OSError) -> str:
    """Get the reason of the system, without the address that Python adds."""
    return (error.strerror or str(error)).partition(" (while attempting to ")[0]


def _listening(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:  # the system would take the remainder
        raise ValueError(f"port={port}: expected a number from 0 to {_LAST_PORT}.")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=_CONNECTIONS)
    except OSError as error:
        raise OSError(
            error.errno,
            f"Cannot listen on {host}, port {port} ({_reason(error)}). "
            + by_interface(
                python="Pass another host to make_app, or another port to run_server.",
                shell="Choose another with --host or --port.",
            ),
        ) from None
