"""A database shared by the tests of a module that share a cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases.server import DatabaseServer

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def module_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of the module's own migrated, empty database."""
    name = database_server.create()
    try:
        yield database_server.url_of(name)
    finally:
        database_server.drop(name)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one module in one process, which then makes their fixtures once."""
    for item in items:
        if HERE in item.path.parents and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
