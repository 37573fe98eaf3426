"""A service account's key file that we make, as application-default credentials."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


def write_account(
    folder: Path, token_url: str, *, project: str | None = "a-project", **more: str
) -> Path:
    """Write a key file like gcloud; tokens come from `token_url`."""
    key = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "1",
        "private_key": _private_key(),
        "client_email": f"somebody@{project}.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_url,
        **more,
    }
    kept = {name: value for name, value in key.items() if value is not None}
    path = folder / "account.json"
    path.write_text(json.dumps(kept), encoding="utf-8")
    return path


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
