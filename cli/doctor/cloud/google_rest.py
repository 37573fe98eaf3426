"""Read Google's REST APIs with application-default credentials."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

from shared.domain.documents import Json
from shared.errors import VideoMomentsError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_SECONDS = 20.0
ATTEMPTS = 3
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


class GoogleError(VideoMomentsError):
    """Base of errors of requests to Google."""


class NotInstalled(GoogleError):
    """google-auth is not installed; the extra `gcp` brings it."""


class NoCredentials(GoogleError):
    """Credentials are missing, or Google refuses them."""


class Unreachable(GoogleError):
    """Google did not answer, or answered with server errors, after several attempts."""


class Refused(GoogleError):
    """The account lacks permission, or the API named by `api` is off."""

    def __init__(self, message: str, api: str | None = None) -> None:
        super().__init__(message)
        self.api = api


class NoSuchResource(GoogleError):
    """The resource does not exist."""


class GoogleRest:
    """Sends read-only requests with one account's credentials."""

    def __init__(
        self,
        session: Any,
        endpoint: str | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`ENDPOINT/HOST` replaces every `https://HOST`."""
        self._session = session
        self._endpoint = endpoint.rstrip("/") if endpoint else None
        self._sleep = sleep

    def get(self, url: str, **parameters: object) -> Json:
        """The resource. Raises `GoogleError`."""
        return self._ask("GET", url, params=parameters)

    def find(self, url: str, **parameters: object) -> Json | None:
        """The resource, or None if it does not exist. Raises `GoogleError`."""
        try:
            return self.get(url, **parameters)
        except NoSuchResource:
            return None

    def query(self, url: str, body: Mapping[str, object]) -> Json:
        """The answer to a read-only POST request. Raises `GoogleError`."""
        return self._ask("POST", url, json=body)

    def every(self, url: str, field: str, **parameters: object) -> Iterator[Json]:
        """The items of all pages of a list. Raises `GoogleError`."""
        token: str | None = None
        while True:
            page = self.get(url, **parameters, **({"pageToken": token} if token else {}))
            yield from page.get(field, [])
            token = page.get("nextPageToken")
            if not token:
                return

    def _ask(self, method: str, url: str, **content: object) -> Json:
        retrying = Retrying(
            retry=retry_if_exception_type(Unreachable),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=0.5),
            sleep=self._sleep,
            retry_error_callback=_last_error,
        )
        found: Json = retrying(self._ask_once, method, url, content)
        return found

    def _ask_once(self, method: str, url: str, content: Mapping[str, object]) -> Json:
        import requests
        from google.auth.exceptions import GoogleAuthError, TransportError

        host = urlsplit(url).netloc
        address = f"{self._endpoint}/{url.removeprefix('https://')}" if self._endpoint else url
        try:
            answer = self._session.request(method, address, timeout=TIMEOUT_SECONDS, **content)
        except TransportError as error:
            raise Unreachable(f"Google's sign-in cannot be reached: {_line(error)}") from error
        except GoogleAuthError as error:
            raise NoCredentials(
                f"Google does not accept these credentials: {_line(error)}"
            ) from None
        except requests.RequestException as error:
            raise Unreachable(f"{host} cannot be reached: {_line(error)}") from error
        return _read(answer, host)


def connect(project: str | None = None, endpoint: str | None = None) -> GoogleRest:
    """A client with application-default credentials. Raises like `default_credentials`.

    `project` is billed for quota if a person's credentials name no project.
    """
    credentials, _ = default_credentials()
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    if isinstance(credentials, Credentials) and not credentials.quota_project_id and project:
        credentials = credentials.with_quota_project(project)
    session: Any = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return GoogleRest(session, endpoint)


def default_credentials() -> tuple[Any, str | None]:
    """This machine's credentials and, if they name one, their project.

    Raises `NoCredentials` or `NotInstalled`.
    """
    try:
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError
    except ImportError as error:
        raise NotInstalled(f"Google's sign-in is not installed: {_line(error)}") from None
    try:
        found: tuple[Any, str | None] = google.auth.default(scopes=[SCOPE])
    except (DefaultCredentialsError, ValueError) as error:
        raise NoCredentials(_line(error)) from None
    return found


def _last_error(state: RetryCallState) -> Any:
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt
    return state.outcome.result()


def _read(answer: Any, host: str) -> Json:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if answer.status_code < 300:
        if not isinstance(found, dict):
            raise Unreachable(
                f"{host} did not answer with a JSON object: is there a proxy in between?"
            )
        return found
    raise _failure(answer.status_code, found if isinstance(found, dict) else {}, host)


def _failure(status: int, body: Json, host: str) -> GoogleError:
    error = body.get("error")
    details = error if isinstance(error, dict) else {}
    said = " ".join(str(details.get("message") or error or "it said nothing more").split())[:300]
    if status == 401:
        return NoCredentials(f"{host} does not accept these credentials: {said}")
    if status == 403:
        return Refused(f"{host} refuses: {said}", _disabled_api(details))
    if status == 404:
        return NoSuchResource(f"{host}: {said}")
    if status in _TRANSIENT:
        return Unreachable(f"{host} answers {status}: {said}")
    return GoogleError(f"{host} answers {status}: {said}")


def _disabled_api(details: Json) -> str | None:
    """The API that an error reports as disabled."""
    for detail in details.get("details", []):
        if isinstance(detail, dict) and detail.get("reason") == "SERVICE_DISABLED":
            service: str | None = detail.get("metadata", {}).get("service")
            return service
    return None


def _line(error: Exception) -> str:
    text = error.args[0] if error.args else error
    return " ".join(str(text).split())[:300] or type(error).__name__
