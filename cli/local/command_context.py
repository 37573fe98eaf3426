"""The ports of a command that works beside running functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cli.local.database import database
from cli.local.home import Home
from functions.main import TOPOLOGY
from functions.wiring import make_context
from shared.errors import PublishFailed
from shared.messaging.protocol import Outgoing, Publisher
from shared.pipeline.context import Context
from shared.settings.settings import Settings


class NoTopics:
    """A `Publisher` for commands that publish nothing; the sweep sends what they queue."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Raises `PublishFailed` for any message."""
        if messages:
            raise PublishFailed(f"Not published to {messages[0].topic}: there are no topics here")


@contextmanager
def command_context(
    settings: Settings, home: Home, publisher: Publisher | None = None
) -> Iterator[Context]:
    """A context with database, buckets and the given topics. Raises `SettingsError`."""
    local = home.settings(settings)
    with database(local, home) as engine:
        yield make_context(local, TOPOLOGY, engine=engine, publisher=publisher or NoTopics())
