"""Request the list of models from an OpenAI-compatible endpoint, which costs nothing."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

TIMEOUT_SECONDS = 10.0
_MOST_BYTES = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class Listing:
    """The endpoint's answer. `models` is None if the answer is not a list of models.

    `open_to_all`: a request without a key gets the same answer. `unreachable`: why it failed.
    """

    status: int = 0
    models: tuple[str, ...] | None = None
    open_to_all: bool = False
    unreachable: str | None = None


class _NoRedirect(HTTPRedirectHandler):
    """The key is for this address alone, never for a redirect's."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect."""


def list_models_of(url: str, api_key: str | None) -> Listing:
    """Request the endpoint's models with the key and then, if there is one, without it."""
    listing = _ask(url, api_key)
    if api_key is None or listing.models is None:
        return listing
    without = _ask(url, None)
    return Listing(listing.status, listing.models, open_to_all=without.models is not None)


def _ask(url: str, api_key: str | None) -> Listing:
    if not _is_web(url):
        return Listing(unreachable="this is not an http:// or https:// address")
    headers = {"Accept": "application/json"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key}"
    request = Request(f"{url.rstrip('/')}/models", headers=headers)  # noqa: S310 (checked above)
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS) as answer:
            return Listing(answer.status, _models(answer.read(_MOST_BYTES)))
    except HTTPError as error:
        error.close()
        return Listing(error.code)
    except (URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        return Listing(unreachable=f"cannot be reached: {reason}")
    except ValueError:
        # The error's text quotes the header, and so the key.
        return Listing(unreachable="the address or the key contains forbidden characters")


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


def _models(body: bytes) -> tuple[str, ...] | None:
    try:
        listed = json.loads(body)["data"]
        return tuple(str(model["id"]) for model in listed)
    except (ValueError, KeyError, TypeError):
        return None
