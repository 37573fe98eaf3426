"""The keys push tokens are verified with: their formats, their rotation, where they come from."""

from __future__ import annotations

import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from shared.errors import SettingsError
from shared.http.auth.oidc import Forbidden, PushVerifier
from shared.http.auth.signing_keys import (
    Fetched,
    FixedKeys,
    KeysUnavailable,
    RemoteKeys,
    fetch,
    parse_key_set,
)
from tests.support.http.oidc_tokens import (
    AUDIENCE,
    EMAIL,
    KEY,
    OTHER_KEY,
    bearer,
    claims,
    jwk,
    mint,
)


def test_x509_key_set() -> None:
    """Google's older format, X.509 certificates by key id, works as well."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "federated-signon")])
    day = datetime.timedelta(days=1)
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(today - day)
        .not_valid_after(today + day)
        .sign(KEY, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    keys = FixedKeys(parse_key_set(json.dumps({"k1": certificate.decode()}).encode()))
    verifier = PushVerifier(AUDIENCE, frozenset({EMAIL}), keys)
    assert verifier.verify(bearer(mint())) == EMAIL
    with pytest.raises(Forbidden):
        verifier.verify(bearer(mint(claims(email="eve@example.com"))))


def test_weak_key_is_not_taken() -> None:
    """A key of 1024 bits verifies nothing."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert parse_key_set(json.dumps({"keys": [jwk(weak, "w"), jwk(KEY, "k")]}).encode()).keys() == {
        "k"
    }


def test_keys_are_kept_and_rotated() -> None:
    """Keys are fetched once; an unknown id fetches again, but not for every forged one."""
    clock, fetches = [0.0], []

    def serve(url: str) -> Fetched:
        fetches.append(url)
        found = [jwk(KEY, "k1")] + ([jwk(OTHER_KEY, "k2")] if len(fetches) > 1 else [])
        return Fetched(json.dumps({"keys": found}).encode(), 1000.0)

    keys = RemoteKeys("https://x", fetch=serve, clock=lambda: clock[0])
    assert keys.find("k1")
    assert all(keys.find("k2") is None for _ in range(50))
    assert len(fetches) == 1
    clock[0] = 61.0
    assert keys.find("k2")
    assert len(fetches) == 2
    clock[0] = 2000.0
    assert keys.find("k1")
    assert len(fetches) == 3


def test_no_key_set() -> None:
    """A page that is no key set is a failure of the server, not of the token."""
    with pytest.raises(KeysUnavailable):
        parse_key_set(b"<html>")


def test_keys_only_from_safe_places() -> None:
    """Signing keys are never read over plain HTTP from another machine."""
    with pytest.raises(SettingsError, match="must begin with https"):
        fetch("http://keys.example.com/certs")
