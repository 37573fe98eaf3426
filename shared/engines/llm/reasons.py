"""Describe a server's error or a failed connection in a few plain words, without secrets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from shared.engines.llm.protocol import Endpoint

_LONGEST = 300
_NESTED = ("error", "message", "detail", "msg")


def server_message(error: Exception) -> str:
    """ ": " and the server's own message, or its status in brackets if it sent no message."""
    text = _message(getattr(error, "body", None))
    status = getattr(error, "status_code", None)
    if text and not text.lstrip().startswith("<"):
        return f": {text}"
    return f" (HTTP status {status})" if status is not None else ""


def host_of(endpoint: Endpoint) -> str:
    """Host and port only, because an address may contain a key or a password."""
    if endpoint.url is None:
        return endpoint.provider
    try:
        parts = urlsplit(endpoint.url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "its address"
    if host is None:
        return "its address"
    named = f"[{host}]" if ":" in host else host
    return f"{named}:{port}" if port is not None else named


def connection_failure(error: BaseException) -> str:
    """The innermost cause that is known, in a few words."""
    for cause in reversed(list(_causes(error))):
        if isinstance(cause, socket.gaierror):
            return "the name does not resolve"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(cause, ssl.SSLError):
            return "no secure connection could be made (TLS)"
        if isinstance(cause, ConnectionError):
            return "the connection was broken off"
        if type(cause).__name__ == "UnsupportedProtocol":
            return "the address must begin with http:// or https://"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return "no connection"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(12):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def _message(body: Any) -> str:
    """The message inside any of the usual wrappers; empty if there is none."""
    for _ in range(4):
        if isinstance(body, list) and body:
            body = body[0]
        elif isinstance(body, Mapping):
            body = next((body[name] for name in _NESTED if body.get(name)), None)
    return " ".join(body.split())[:_LONGEST] if isinstance(body, str) else ""
