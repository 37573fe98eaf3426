"""The public keys that sign push tokens, and their sources.

PyJWT parses the keys. Its own client of key servers is not used: it ignores the server's cache
lifetime, and has no keys at all once they expire while the server is away.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeGuard
from urllib.parse import urlsplit

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate
from jwt import PyJWK, PyJWKSet, PyJWTError

from shared.errors import SettingsError
from shared.http.auth.errors import KeysUnavailable

GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v3/certs"
ALGORITHM = "RS256"
MIN_KEY_BITS = 2048
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MAX_AGE = re.compile(r"max-age=(\d+)")
_log = structlog.get_logger(__name__)


class SigningKeys(Protocol):
    """A set of RSA public keys by key id."""

    def find(self, key_id: str) -> RSAPublicKey | None:
        """The key, or None. Raises `KeysUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class KeyResponse:
    """A key set as served, and how long it may be cached."""

    body: bytes
    max_age_seconds: float


def fetch(url: str) -> KeyResponse:
    """Get a key set over HTTPS, from a loopback server, or from a file: URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "file") and parts.hostname not in _LOOPBACK:
        raise SettingsError(f"The signing keys' URL {url} must begin with https://.")
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310
            age = _MAX_AGE.search(response.headers.get("Cache-Control") or "")
            return KeyResponse(response.read(1 << 20), float(age[1]) if age else 3600.0)
    except OSError as error:
        raise KeysUnavailable(f"Signing keys could not be read from {url}: {error}") from error


class RemoteKeys:
    """Keys from a URL (a JWKS, or Google's map of X.509 certificates), cached for a while.

    An unknown key id causes a refresh, because keys are rotated. Forged ids must not make every
    request fetch, so once there are keys, they are fetched at most once in `refresh_seconds`.
    Expired keys stay in use while the server is away.
    """

    def __init__(
        self,
        url: str = GOOGLE_CERTS_URL,
        *,
        fetch: Callable[[str], KeyResponse] = fetch,
        clock: Callable[[], float] = time.monotonic,
        refresh_seconds: float = 60.0,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._lock = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._expires_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._failure = ""

    def find(self, key_id: str) -> RSAPublicKey | None:
        """The key, or None. Raises `KeysUnavailable`."""
        with self._lock:
            now = self._clock()
            is_wanted = key_id not in self._keys or now >= self._expires_at
            if is_wanted and (now >= self._next_fetch_at or not self._keys):
                self._refresh(now)
            key = self._keys.get(key_id)
            if key is None and now >= self._expires_at:
                raise KeysUnavailable(self._failure)
            return key

    def _refresh(self, now: float) -> None:
        self._next_fetch_at = now + self._refresh_seconds
        try:
            fetched = self._fetch(self._url)
            self._keys = parse_key_set(fetched.body)
        except KeysUnavailable as error:
            self._failure = str(error)
            if self._keys:
                _log.warning("signing keys not refreshed", reason=self._failure)
            return
        self._expires_at = now + max(fetched.max_age_seconds, self._refresh_seconds)


def parse_key_set(body: bytes) -> dict[str, RSAPublicKey]:
    """RSA keys by id, from either format. Raises `KeysUnavailable` if it contains none."""
    try:
        found = json.loads(body)
        if "keys" in found:
            candidates = {jwk.key_id: _key_of(jwk) for jwk in PyJWKSet.from_dict(found)}
        else:
            candidates = {key_id: _key_of_certificate(pem) for key_id, pem in found.items()}
    except (ValueError, TypeError, AttributeError, PyJWTError) as error:
        raise KeysUnavailable(f"The signing keys are not a key set: {error!r}") from error
    keys = {key_id: key for key_id, key in candidates.items() if key_id and _is_strong(key)}
    if not keys:
        raise KeysUnavailable("None of the signing keys may verify a push token.")
    return keys


def _key_of(jwk: PyJWK) -> object:
    """The key; None if it must not verify our tokens."""
    is_ours = jwk.algorithm_name == ALGORITHM and jwk.public_key_use in (None, "sig")
    return jwk.key if is_ours else None


def _key_of_certificate(pem: str) -> object:
    return load_pem_x509_certificate(pem.encode()).public_key()


def _is_strong(key: object) -> TypeGuard[RSAPublicKey]:
    return isinstance(key, RSAPublicKey) and key.key_size >= MIN_KEY_BITS
