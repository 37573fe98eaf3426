"""HTTP with the credentials of this process's Google account, found at the first request."""

from __future__ import annotations

from typing import Any

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class GoogleSession(requests.Session):
    """A session whose requests carry a token. Making it asks for no token.

    So a missing account costs an export, and not a delivery.
    """

    _authorized: AuthorizedSession | None = None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """See `requests.Session`. Also raises google-auth's errors."""
        if self._authorized is None:
            credentials, _ = google.auth.default(scopes=_SCOPES)
            self._authorized = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        response: requests.Response = self._authorized.request(  # type: ignore[no-untyped-call]
            *args, **kwargs
        )
        return response

    def close(self) -> None:
        """See `requests.Session`."""
        super().close()
        if self._authorized is not None:
            self._authorized.close()  # type: ignore[no-untyped-call]
