"""Checks V4 signatures of Cloud Storage URLs, written from Google's documentation.

https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """A key made for these tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signing_credentials() -> Any:
    """A service account of Google's library with that key."""
    from google.oauth2.service_account import Credentials

    pem = signing_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    info = {
        "private_key": pem.decode(),
        "client_email": "signer@example.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:9/token",
    }
    return Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]


class SignatureCheck:
    """Checks signatures with the public key."""

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        self._key = key

    def fault(self, method: str, target: str, headers: Mapping[str, str]) -> str | None:
        """The fault of a request's signature, or None."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        signature = bytes.fromhex(query.pop("X-Goog-Signature", ""))
        if "X-Goog-Date" not in query:
            return "not signed"
        made = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if datetime.now(UTC) >= made + timedelta(seconds=int(query["X-Goog-Expires"])):
            return "expired"
        headers = {name.lower(): value for name, value in headers.items()}
        names = query["X-Goog-SignedHeaders"].split(";")
        request = "\n".join(
            [
                method,
                parts.path,
                "&".join(f"{_quoted(k)}={_quoted(v)}" for k, v in sorted(query.items())),
                *(f"{name}:{(headers.get(name) or '').strip()}" for name in names),
                "",
                ";".join(names),
                "UNSIGNED-PAYLOAD",
            ]
        )
        scope = query["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256(request.encode()).hexdigest()
        signed = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest}"
        try:
            self._key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return "SignatureDoesNotMatch"
        return None


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
