"""One initialised copy of the configuration for each process of the tests."""

from __future__ import annotations

import pytest

from tests.infra.terraform import Workspace, find_terraform, make_workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The configuration as it is; a test that changes it makes a copy."""
    find_terraform()
    return make_workspace(tmp_path_factory.mktemp("terraform"))
