"""Credentials of this process, whose tokens are signed for at the address given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.google.account import write_account
from tests.support.google.place import PROJECT, email


def sign_in(monkeypatch: pytest.MonkeyPatch, folder: Path, token_url: str) -> None:
    """Make these this process's credentials, and keep google-auth on loopback.

    google-auth also asks Google where an account's requests may go, in a thread and at an address
    that cannot be set.
    """
    from google.auth import credentials

    account = write_account(folder, token_url, project=PROJECT, client_email=email("somebody"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    monkeypatch.setattr(
        credentials.CredentialsWithRegionalAccessBoundary,
        "_is_regional_access_boundary_lookup_required",
        lambda _: False,
    )
