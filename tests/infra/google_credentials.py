"""A service account's key file, whose tokens are signed for at the address given."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from tests.infra.google_place import PROJECT, email


def sign_in(monkeypatch: pytest.MonkeyPatch, folder: Path, token_url: str) -> None:
    """Make these this process's credentials, and keep it on loopback.

    google-auth asks Google beside every request, in a thread and at an address that cannot be set,
    where an account's requests may go.
    """
    from google.auth import credentials

    write_credentials(folder / "key.json", token_url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "key.json"))
    monkeypatch.setattr(
        credentials.CredentialsWithRegionalAccessBoundary,
        "_is_regional_access_boundary_lookup_required",
        lambda _: False,
    )


def write_credentials(path: Path, token_url: str, *, project: str | None = PROJECT) -> None:
    """As `gcloud iam service-accounts keys create` writes it."""
    key = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "1",
        "private_key": _private_key(),
        "client_email": email("somebody"),
        "client_id": "1",
        "token_uri": token_url,
    }
    kept = {name: value for name, value in key.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


@cache
def _private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
