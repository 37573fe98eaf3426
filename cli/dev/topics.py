"""The topics of `videomoments dev`, in the official emulator or in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Literal, Protocol

from cli.dev.emulator import HOW_TO_GET_IT, PubSubEmulator, find_emulator
from cli.dev.guard import Guard
from cli.dev.pubsub_server import PubSubServer, push_to
from cli.local.cloud import subscription_specs
from shared.errors import SettingsError
from shared.messaging.in_process.broker import MemoryBroker
from shared.messaging.protocol import Publisher
from shared.messaging.pubsub.provision import SubscriptionSpec, ensure
from shared.messaging.pubsub.publisher import PubSubPublisher
from shared.pipeline.topology import Topology
from shared.settings.settings import PREFIX, Settings

Choice = Literal["auto", "never", "always"]
LOCAL_DELIVERY_ATTEMPTS = 10
REWIRE_SECONDS = 30.0


class Topics(Protocol):
    """The broker of `dev`. `description` is for people; `api` is its REST API's address."""

    description: str
    api: str
    emulator_host: str | None
    publisher: Publisher

    def environment(self) -> dict[str, str]:
        """The environment that a process needs to publish here."""
        ...

    def wire(self, urls: Mapping[str, str]) -> None:
        """Make topics and subscriptions that push to the functions at `urls`."""
        ...

    def tend(self) -> bool:
        """Check the broker. True if it restarted empty and must be wired again."""
        ...


def local_specs(
    topology: Topology, settings: Settings, urls: Mapping[str, str]
) -> list[SubscriptionSpec]:
    """The topology's subscriptions, pushed to `urls`.

    Deliveries are fewer and evenly spaced, because a person waits for a dead letter here. The sweep
    sends a message again that died only because its worker was busy.
    """
    return [
        replace(
            spec,
            push_endpoint=urls[spec.name.rpartition(".")[2]],
            max_delivery_attempts=LOCAL_DELIVERY_ATTEMPTS,
            max_backoff_seconds=settings.retry_base_seconds,
        )
        for spec in subscription_specs(topology, settings)
    ]


def open_topics(
    choice: Choice,
    topology: Topology,
    settings: Settings,
    guard: Guard,
    notice: Callable[[str], None],
) -> AbstractContextManager[Topics]:
    """The emulator if it is found or named, else in-process topics.

    Raises `SettingsError` if a required emulator is missing.
    """
    if choice == "never":
        return MemoryTopics(topology, settings)
    host = os.environ.get("PUBSUB_EMULATOR_HOST")
    if host:
        return EmulatorTopics(topology, settings, host=host)
    launcher = find_emulator()
    if launcher is not None:
        emulator = PubSubEmulator(launcher)
        return EmulatorTopics(
            topology, settings, host=emulator.host, own=emulator, guard=guard, notice=notice
        )
    if choice == "always":
        raise SettingsError(HOW_TO_GET_IT)
    return MemoryTopics(topology, settings)


class MemoryTopics:
    """Topics in this process, which the functions reach by REST."""

    description = "topics inside this process (no Pub/Sub emulator)"
    emulator_host: str | None = None

    def __init__(self, topology: Topology, settings: Settings) -> None:
        self._topology = topology
        self._settings = settings
        # Each worker waits for an answer, so there must be one for each concurrent message.
        self._broker = MemoryBroker(workers=settings.workers + 2)
        self._stack = ExitStack()
        self.publisher: Publisher = self._broker
        self.api = ""

    def environment(self) -> dict[str, str]:
        """See `Topics`."""
        return {f"{PREFIX}PUBSUB_ENDPOINT": self.api, "PUBSUB_EMULATOR_HOST": ""}

    def wire(self, urls: Mapping[str, str]) -> None:
        """See `Topics`."""
        for spec in local_specs(self._topology, self._settings, urls):
            url = spec.push_endpoint or ""
            self._broker.subscribe(spec, push_to(url, spec.ack_deadline_seconds))

    def tend(self) -> bool:
        """See `Topics`. It ends with this process."""
        return False

    def __enter__(self) -> MemoryTopics:
        self._stack.callback(self._broker.close, 1.0)
        self.api = self._stack.enter_context(PubSubServer(self._broker)).endpoint
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class EmulatorTopics:
    """Topics in the official emulator: one that `dev` starts, or one that runs already."""

    def __init__(
        self,
        topology: Topology,
        settings: Settings,
        *,
        host: str,
        own: PubSubEmulator | None = None,
        guard: Guard | None = None,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._topology = topology
        self._settings = settings
        self._own = own
        self._guard = guard
        self._notice = notice
        self._urls: Mapping[str, str] = {}
        self._wired_at = 0.0
        self._publisher = PubSubPublisher(self._project, emulator_host=host)
        self.publisher: Publisher = self._publisher
        self.emulator_host: str | None = host
        self.api = f"http://{host}"
        whose = "the official emulator" if own else "the emulator of PUBSUB_EMULATOR_HOST"
        self.description = f"{whose} on {host}"

    @property
    def _project(self) -> str:
        if self._settings.project is None:
            raise SettingsError(f"Set {PREFIX}PROJECT.")
        return self._settings.project

    def environment(self) -> dict[str, str]:
        """See `Topics`."""
        return {"PUBSUB_EMULATOR_HOST": self.emulator_host or ""}

    def wire(self, urls: Mapping[str, str]) -> None:
        """See `Topics`."""
        specs = local_specs(self._topology, self._settings, urls)
        ensure([], specs, project=self._project, emulator_host=self.emulator_host)
        self._urls = urls
        self._wired_at = time.monotonic()

    def tend(self) -> bool:
        """See `Topics`. A foreign emulator does not tell when it restarts, so always wire it."""
        if self._own is None:
            if self._urls and time.monotonic() - self._wired_at > REWIRE_SECONDS:
                self.wire(self._urls)
            return False
        if self._own.is_running:
            return False
        self._notice("The Pub/Sub emulator has ended; it restarts.")
        self._start(self._own)
        return True

    def _start(self, emulator: PubSubEmulator) -> None:
        emulator.start()
        if self._guard is not None and emulator.process_group is not None:
            self._guard.watch(emulator.process_group)

    def __enter__(self) -> EmulatorTopics:
        if self._own is not None:
            self._start(self._own)
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()
        if self._own is not None:
            group = self._own.process_group
            self._own.stop()
            if self._guard is not None and group is not None:
                self._guard.forget(group)
