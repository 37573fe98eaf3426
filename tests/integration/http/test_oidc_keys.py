"""Keys that verify push tokens: formats, rotation and sources."""

from __future__ import annotations

import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from shared.errors import SettingsError
from shared.http.auth.errors import Forbidden, KeysUnavailable
from shared.http.auth.oidc import PushVerifier
from shared.http.auth.signing_keys import KeyResponse, RemoteKeys, fetch, parse_key_set
from tests.support.http.oidc_tokens import (
    AUDIENCE,
    EMAIL,
    KEY,
    OTHER_KEY,
    FixedKeys,
    bearer,
    claims,
    jwk,
    mint,
)


def test_parse_key_set_reads_certificates() -> None:
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


def test_parse_key_set_leaves_out_weak_keys() -> None:
    """A key of 1024 bits verifies nothing."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert parse_key_set(json.dumps({"keys": [jwk(weak, "w"), jwk(KEY, "k")]}).encode()).keys() == {
        "k"
    }


class KeyServer:
    """Serves the first key, later the second, too; counts its requests, and may be down."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fetches = 0
        self.is_rotated = False
        self.is_away = False

    def keys(self) -> RemoteKeys:
        """Its keys, by its clock."""
        return RemoteKeys("https://x", fetch=self._serve, clock=lambda: self.now)

    def _serve(self, url: str) -> KeyResponse:
        self.fetches += 1
        if self.is_away:
            raise KeysUnavailable(f"{url} does not answer")
        found = [jwk(KEY, "k1")] + ([jwk(OTHER_KEY, "k2")] if self.is_rotated else [])
        return KeyResponse(json.dumps({"keys": found}).encode(), 1000.0)


def test_remote_keys_are_kept_and_rotated() -> None:
    """Keys are fetched once; an unknown id fetches again, but not for every forged one."""
    server = KeyServer()
    keys = server.keys()
    assert keys.find("k1")
    server.is_rotated = True
    assert all(keys.find("k2") is None for _ in range(50))
    assert server.fetches == 1
    server.now = 61.0
    assert keys.find("k2")
    assert server.fetches == 2
    server.now = 2000.0
    assert keys.find("k1")
    assert server.fetches == 3


def test_remote_keys_stay_in_use_when_the_server_is_away() -> None:
    """Expired keys still verify, and the server is not asked for every token meanwhile."""
    server = KeyServer()
    keys = server.keys()
    assert keys.find("k1")
    server.is_away, server.now = True, 5000.0
    assert all(keys.find("k1") for _ in range(50))
    assert server.fetches == 2
    with pytest.raises(KeysUnavailable, match="does not answer"):
        keys.find("k2")
    assert server.fetches == 2
    server.is_away, server.is_rotated, server.now = False, True, 5061.0
    assert keys.find("k2")
    assert server.fetches == 3


def test_remote_keys_are_asked_for_every_time_when_there_are_none() -> None:
    """A process that never had keys lets pushes in as soon as the server is back."""
    server = KeyServer()
    keys = server.keys()
    server.is_away = True
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            keys.find("k1")
    server.is_away = False
    assert keys.find("k1")
    assert server.fetches == 3


def test_remote_keys_refuse_an_unknown_id_when_they_are_fresh_and_the_server_is_away() -> None:
    """A forged id is refused as unknown while the keys are fresh, though the server is away."""
    server = KeyServer()
    keys = server.keys()
    assert keys.find("k1")
    server.is_away, server.now = True, 61.0
    assert all(keys.find("k9") is None for _ in range(50))
    assert server.fetches == 2


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'"keys"', b'{"keys": []}', b'{"error": "down"}', b"{}"]
)
def test_parse_key_set_blames_the_server_when_there_is_no_key(body: bytes) -> None:
    """A page without keys is a failure of the server, not of the token."""
    with pytest.raises(KeysUnavailable):
        parse_key_set(body)


def test_fetch_refuses_plain_http() -> None:
    """Signing keys are never read over plain HTTP from another machine."""
    with pytest.raises(SettingsError, match="must begin with https"):
        fetch("http://keys.example.com/certs")
