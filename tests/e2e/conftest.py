"""A database for as long as the tests of one module share a cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.databases.server import DatabaseServer


@pytest.fixture(scope="module")
def module_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of a migrated, empty database of this module's own."""
    name = database_server.create()
    try:
        yield database_server.url_of(name)
    finally:
        database_server.drop(name)
