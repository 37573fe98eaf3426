"""HTTP in the name of this process's Google account, which is looked up at the first request."""

from __future__ import annotations

from typing import Any

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class GoogleSession(requests.Session):
    """A session whose requests carry a token. Nothing is asked for it when it is made.

    So an account that cannot be found costs an export, and no delivery.
    """

    _authorized: AuthorizedSession | None = None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """See `requests.Session`; raises what google-auth raises, too."""
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
