"""The connection to Cloud Storage, and its failures as errors of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from shared.error_codes.storage import STORAGE_REFUSED
from shared.errors import ObjectMissing, Reject, SettingsError, StorageUnavailable
from shared.storage.retries import TRANSIENT_STATUSES, RetryPolicy

_SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
Request = Callable[[], Any]


@dataclass(frozen=True)
class GcsConnection:
    """`client` speaks the JSON API; `session` makes other requests with the same credentials."""

    client: Any
    session: Any
    credentials: Any
    endpoint: str
    is_emulator: bool


def connect(endpoint: str | None, project: str | None) -> GcsConnection:
    """Connect with the environment's credentials, or without any to an emulator.

    `STORAGE_EMULATOR_HOST` names an emulator; an endpoint on this machine or without TLS is one,
    too. Raises `SettingsError` if there are no credentials.
    """
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.storage import Client

    from_environment = os.environ.get("STORAGE_EMULATOR_HOST")
    address = _normal(endpoint or from_environment or "https://storage.googleapis.com")
    is_emulator = address == _normal(from_environment or "") or _is_local(address)
    credentials, default_project = _credentials(is_emulator)
    client = Client(
        project=project or default_project,
        credentials=credentials,
        client_options={"api_endpoint": address} if endpoint or from_environment else None,
    )
    session: Any = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return GcsConnection(client, session, credentials, address, is_emulator)


def retry_of(policy: RetryPolicy) -> Callable[[Request], Request]:
    """The policy in the client library's form: a function that wraps a request in retries.

    The library's own `Retry` has only a time limit, which includes the requests, so a stalled
    request would leave no time for another attempt.
    """

    def repeated(request: Request) -> Request:
        return partial(policy.retries(_may_pass), request)

    return repeated


def _may_pass(error: BaseException) -> bool:
    import requests
    import urllib3
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import TransportError
    from google.cloud.storage.exceptions import InvalidResponse

    if isinstance(error, GoogleAPICallError):
        return error.code in TRANSIENT_STATUSES
    if isinstance(error, InvalidResponse):
        return error.response.status_code in TRANSIENT_STATUSES
    network = (requests.RequestException, urllib3.exceptions.HTTPError, TransportError)
    return isinstance(error, (*network, ConnectionError))


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Translate the client's exceptions into errors of ours; leaves a 412 to the caller."""
    import requests
    import urllib3
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

    try:
        yield
    except api.PreconditionFailed:
        raise
    except api.NotFound as error:
        raise ObjectMissing(url) from error
    except api.BadRequest as error:
        raise Reject(STORAGE_REFUSED, f"{url}: Cloud Storage refused it: {error}") from error
    except (api.Forbidden, api.Unauthorized) as error:
        raise StorageUnavailable(url, f"no access; grant this account the role: {error}") from error
    except (
        api.GoogleAPIError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        GoogleAuthError,
        InvalidResponse,
        DataCorruption,
        ConnectionError,
    ) as error:
        raise StorageUnavailable(url, f"{type(error).__name__}: {error}") from error


def _credentials(is_emulator: bool) -> tuple[Any, str | None]:
    import google.auth
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import DefaultCredentialsError

    if is_emulator:
        return AnonymousCredentials(), "emulator"  # type: ignore[no-untyped-call]
    try:
        return google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise SettingsError(
            f"gs:// URLs need Google Cloud credentials: {error} "
            "Or set STORAGE_EMULATOR_HOST to use an emulator."
        ) from error


def _normal(address: str) -> str:
    if address and "://" not in address:
        address = f"http://{address}"
    return address.rstrip("/")


def _is_local(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "http" or parts.hostname in _LOOPBACK
