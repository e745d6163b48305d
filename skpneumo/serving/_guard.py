"""Refuse requests from elsewhere, and add security headers."""

import json
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Guard"]

_Scope = dict[str, Any]
_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]

# The page itself contains no data, and asks for the token.
_OPEN_PATHS = {"/", "/page.css", "/page.js", "/server.js"}

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """ASGI middleware that refuses requests from elsewhere.

    A page of another site can make a browser send requests to this machine. The name of the site
    is then in ``Origin`` or, if the site has pointed its own name to this machine, in ``Host``.

    Parameters
    ----------
    app : ASGI application
        The application to guard.
    hosts : collection of str
        Names and addresses of this server, without the port.
    token : str or None
        Token required as ``Authorization: Bearer``, if any.
    """

    def __init__(self, app: Any, hosts: Collection[str], token: str | None = None) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await _refuse(send_with_headers, *refusal)

    def _refusal(self, scope: _Scope) -> tuple[int, str] | None:
        headers = scope["headers"]
        hosts = _values(headers, b"host")
        if len(hosts) != 1 or _hostname(f"//{hosts[0]}") not in self._hosts:
            return 421, "The request is for another host name than those of this server."
        for origin in _values(headers, b"origin"):
            scheme, _, place = origin.partition("://")
            if scheme not in ("http", "https") or place.lower() != hosts[0].lower():
                return 403, "Pages of other sites may not use this server."
        if self._is_from_elsewhere(scope):
            return 403, "Pages of other sites may not use this server."
        if self._token is not None and scope["path"] not in _OPEN_PATHS:
            given = [each.partition(" ") for each in _values(headers, b"authorization")]
            if len(given) != 1 or given[0][0].lower() != "bearer":
                return 401, "A token is needed: Authorization: Bearer TOKEN."
            if not secrets.compare_digest(given[0][2].strip().encode(), self._token):
                return 401, "The token is wrong."
        return None

    def _is_from_elsewhere(self, scope: _Scope) -> bool:
        """Tell whether a request comes from a page of another site; links to the page may."""
        headers = scope["headers"]
        sites, modes = _values(headers, b"sec-fetch-site"), _values(headers, b"sec-fetch-mode")
        if all(site in ("same-origin", "none") for site in sites):
            return False
        return not (scope["method"] == "GET" and scope["path"] == "/" and modes == ["navigate"])


async def _refuse(send: _Send, status: int, reason: str) -> None:
    body = json.dumps({"detail": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # without reading the body
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        return None if "@" in parts.netloc or parts.path or parts.query else parts.hostname
    except ValueError:  # unmatched brackets
        return None
