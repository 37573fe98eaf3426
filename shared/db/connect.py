"""Opens one connection: sockets, TLS and the session's parameters.

By itself, pg8000 builds a TLS context for every connection, and has a single timeout for connecting
and for every later read. Here each engine builds the context once, and none for a server on this
machine; the two timeouts differ.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pg8000.dbapi

SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")

DbapiConnect = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The limits of every session. The server ends a statement or a session that exceeds them."""

    connect_timeout_seconds: float = 10.0
    statement_timeout_seconds: float = 60.0
    idle_in_transaction_timeout_seconds: float = 60.0
    application_name: str = "videomoments"

    @property
    def read_timeout_seconds(self) -> float | None:
        """How long an answer may take before the connection counts as dead; None for ever."""
        limit = self.statement_timeout_seconds
        return limit + 30.0 if limit else None

    def startup_parameters(self) -> dict[str, str]:
        """Part of the connection's first packet, so they cost no round trip."""
        idle = self.idle_in_transaction_timeout_seconds
        return {
            "TimeZone": "UTC",
            "statement_timeout": str(int(self.statement_timeout_seconds * 1000)),
            "idle_in_transaction_session_timeout": str(int(idle * 1000)),
        }


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server's address and the user. `ssl_mode` is one of libpq's sslmode values."""

    user: str
    password: str | None = field(repr=False)
    database: str
    host: str = "localhost"
    port: int = 5432
    unix_socket: str | None = None
    ssl_mode: str = "prefer"
    ssl_root_certificate: str | None = None


def is_this_machine(host: str) -> bool:
    """Whether `host` is a loopback name or address, where TLS protects nothing."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def connector_for(target: ServerAddress, limits: SessionLimits) -> DbapiConnect:
    """A function that opens one connection. Raises the errors of pg8000 and the socket."""
    mode = "disable" if target.unix_socket else target.ssl_mode
    context = None if mode == "disable" else _tls_context(mode, target.ssl_root_certificate)
    if mode != "prefer":
        return lambda: _open(target, limits, context)
    refused = False

    def prefer_tls() -> Any:
        nonlocal refused
        if not refused:
            try:
                return _open(target, limits, context)
            except pg8000.dbapi.InterfaceError as error:
                if "refuses SSL" not in str(error):
                    raise
                refused = True
        return _open(target, limits, None)

    return prefer_tls


def _tls_context(mode: str, root_certificate: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=root_certificate)
    if mode != "verify-full":
        context.check_hostname = False
    if mode in ("prefer", "require"):
        context.verify_mode = ssl.CERT_NONE
    return context


def _open(target: ServerAddress, limits: SessionLimits, context: ssl.SSLContext | None) -> Any:
    sock = _open_socket(target, limits.connect_timeout_seconds)
    try:
        connection = pg8000.dbapi.connect(
            target.user,
            host=target.host,
            database=target.database,
            password=target.password,
            sock=sock,
            ssl_context=False if context is None else context,
            application_name=limits.application_name,
            startup_params=limits.startup_parameters(),
        )
        # With TLS, a wrapper of `sock` does the reading.
        connection._usock.settimeout(limits.read_timeout_seconds)
    except BaseException as error:
        with contextlib.suppress(OSError):
            sock.close()
        if isinstance(error, pg8000.dbapi.InterfaceError):
            raise _said_by_the_server(error) from None
        raise
    return connection


def _said_by_the_server(error: BaseException) -> BaseException:
    """The server's own error, which pg8000 hides behind its failure to close the connection."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, pg8000.dbapi.DatabaseError):
        inner = inner.__cause__ or inner.__context__
    return inner or error


def _open_socket(target: ServerAddress, timeout_seconds: float) -> socket.socket:
    """Raise pg8000's own error, so that callers see an unreachable server as a database error."""
    try:
        if target.unix_socket is None:
            sock = socket.create_connection((target.host, target.port), timeout_seconds)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return sock
        return _open_unix_socket(target.unix_socket, timeout_seconds)
    except OSError as error:
        where = target.unix_socket or f"{target.host}:{target.port}"
        reason = error.strerror or str(error) or type(error).__name__
        raise pg8000.dbapi.InterfaceError(f"cannot reach {where}: {reason}") from error


def _open_unix_socket(path: str, timeout_seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_seconds)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock
