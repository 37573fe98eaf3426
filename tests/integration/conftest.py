"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pipelines.pipelines import World


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A small pipeline on the test's own database; no connection is in use at the end."""
    world = World(database_url, tmp_path)
    yield world
    world.close()
