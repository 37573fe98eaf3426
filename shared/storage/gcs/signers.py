"""The signers of Cloud Storage's signed URLs."""

from __future__ import annotations

from functools import cache
from typing import Any

from shared.errors import SettingsError
from shared.storage.gcs.connection import GcsConnection


def signer_arguments(connection: GcsConnection, signing_credentials: Any = None) -> dict[str, Any]:
    """Arguments of `Blob.generate_signed_url`.

    A service account's key signs locally. For credentials without a key (those of Cloud Run) IAM
    signs, which needs the role Service Account Token Creator on the account itself. An emulator
    does not check signatures, so a key made for this process is enough.
    """
    from google.auth.credentials import Signing

    credentials = signing_credentials or connection.credentials
    if isinstance(credentials, Signing):
        return {"credentials": credentials}
    if connection.is_emulator:
        return {"credentials": _throwaway_credentials()}
    email = _refreshed_email(credentials)
    return {"service_account_email": email, "access_token": credentials.token}


def _refreshed_email(credentials: Any) -> str:
    from google.auth.transport.requests import Request

    if not credentials.valid or _email(credentials) is None:
        credentials.refresh(
            Request()
        )  # The metadata server returns the e-mail only after a refresh.
    email = _email(credentials)
    if email is None:
        raise SettingsError(
            "Signed gs:// URLs need a service account; a user's own credentials cannot sign. "
            "Impersonate one: gcloud auth application-default login --impersonate-service-account."
        )
    return email


def _email(credentials: Any) -> str | None:
    email = getattr(credentials, "service_account_email", None)
    return email if isinstance(email, str) and "@" in email else None


@cache
def _throwaway_credentials() -> Any:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from google.oauth2.service_account import Credentials

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        {
            "private_key": pem.decode(),
            "client_email": "emulator@emulator.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )
