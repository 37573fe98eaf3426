"""Fixtures: one initialised copy of the Terraform configuration per process, and Google's fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.google.credentials import sign_in
from tests.support.google.fake import GoogleFake, serving
from tests.support.google.place import STATE_BUCKET
from tests.support.google.world import healthy
from tests.support.terraform.stand_in import put_terraform, set_up_configuration
from tests.support.terraform.terraform import (
    Workspace,
    find_terraform,
    make_workspace,
    serving_stub,
)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The configuration as it stands; a test that changes it makes a copy."""
    find_terraform()
    with serving_stub() as environment:
        yield make_workspace(tmp_path_factory.mktemp("terraform"), environment)


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleFake]:
    """A healthy deployment on a fake of Google, with valid credentials.

    A program in terraform's place finds it as declared.
    """
    with serving(GoogleFake(healthy())) as fake:
        sign_in(monkeypatch, tmp_path, f"{fake.url}/token")
        set_up_configuration(monkeypatch, tmp_path / "configuration", STATE_BUCKET)
        put_terraform(monkeypatch, tmp_path / "bin", code=0)
        yield fake
