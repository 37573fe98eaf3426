"""The public keys push tokens are signed with, and where they come from."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from shared.errors import SettingsError, VideoMomentsError

GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v3/certs"
MIN_KEY_BITS = 2048
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MAX_AGE = re.compile(r"max-age=(\d+)")


class KeysUnavailable(VideoMomentsError):
    """The key set could not be fetched: transient, says nothing about the token."""


class SigningKeys(Protocol):
    """A set of RSA public keys by key id."""

    def find(self, key_id: str) -> str | None:
        """The key as PEM, or None. Raises `KeysUnavailable`."""
        ...


@dataclass(frozen=True)
class FixedKeys:
    """Keys given beforehand."""

    keys: Mapping[str, str]

    def find(self, key_id: str) -> str | None:
        """The key as PEM, or None."""
        return self.keys.get(key_id)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A key set as served, and how long it may be kept."""

    body: bytes
    max_age_seconds: float


def fetch(url: str) -> Fetched:
    """Get a key set over HTTPS, from a loopback server, or from a file: URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "file") and parts.hostname not in _LOOPBACK:
        raise SettingsError(f"The signing keys' URL {url} must begin with https://.")
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310
            age = _MAX_AGE.search(response.headers.get("Cache-Control") or "")
            return Fetched(response.read(1 << 20), float(age[1]) if age else 3600.0)
    except OSError as error:
        raise KeysUnavailable(f"Signing keys could not be read from {url}: {error}") from error


class RemoteKeys:
    """Keys read from a URL (a JWKS, or Google's map of X.509 certificates) and kept a while.

    An unknown key id reads them again, for keys are rotated, but at most once in
    `refresh_seconds`: forged ids must not turn every request into a fetch.
    """

    def __init__(
        self,
        url: str = GOOGLE_CERTS_URL,
        *,
        fetch: Callable[[str], Fetched] = fetch,
        clock: Callable[[], float] = time.monotonic,
        refresh_seconds: float = 60.0,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}
        self._fetched_at = float("-inf")
        self._expires_at = float("-inf")

    def find(self, key_id: str) -> str | None:
        """The key as PEM, or None. Raises `KeysUnavailable`."""
        with self._lock:
            now = self._clock()
            unknown = key_id not in self._keys and now >= self._fetched_at + self._refresh_seconds
            if unknown or now >= self._expires_at:
                self._refresh(now)
            return self._keys.get(key_id)

    def _refresh(self, now: float) -> None:
        try:
            fetched = self._fetch(self._url)
            keys = parse_key_set(fetched.body)
        except KeysUnavailable:
            if not self._keys or now >= self._expires_at:
                raise
            return
        self._keys = keys
        self._fetched_at = now
        self._expires_at = now + max(fetched.max_age_seconds, self._refresh_seconds)


def parse_key_set(body: bytes) -> dict[str, str]:
    """RSA keys as PEM by id, from either format. Raises `KeysUnavailable` if it is neither."""
    try:
        found = json.loads(body)
        if "keys" in found:
            return {k["kid"]: pem for k in found["keys"] if (pem := _pem_of_jwk(k)) is not None}
        return {str(key_id): str(pem) for key_id, pem in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeysUnavailable(f"The signing keys are no key set: {error!r}") from error


def _pem_of_jwk(key: Mapping[str, Any]) -> str | None:
    """The key as PEM; None for one that must not verify our tokens."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    if key.get("kty") != "RSA" or key.get("use", "sig") != "sig" or "kid" not in key:
        return None
    if key.get("alg", "RS256") != "RS256":
        return None
    modulus = _integer(key["n"])
    if modulus.bit_length() < MIN_KEY_BITS:
        return None
    public = RSAPublicNumbers(_integer(key["e"]), modulus).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


def _integer(encoded: str) -> int:
    return int.from_bytes(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
