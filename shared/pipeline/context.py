"""The ports a running process has: made once by whoever wires, handed to every function."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared.engines.llm.protocol import Endpoint, LanguageModel
from shared.engines.speech.protocol import SpeechEngine
from shared.errors import SettingsError
from shared.messaging.protocol import Publisher
from shared.pipeline.clock import Clock
from shared.pipeline.topology import Topology
from shared.settings.runtime import Policy
from shared.settings.settings import Settings
from shared.storage.protocol import Storage


def this_process() -> str:
    """Names this process in leases: host, process id, and a number no later process has."""
    return f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"


def _no_model(endpoint: Endpoint) -> LanguageModel:
    raise SettingsError(f"Nothing here can reach a language model, so not {endpoint.name} either.")


@dataclass(slots=True)
class Context:
    """`speech` is called at the first slice to be heard, so that only that process loads a model.

    `llm` is called with the endpoint at a stage's first question. `work_root`: folder for
    temporary files; None is the system's.
    """

    engine: Engine
    storage: Storage
    publisher: Publisher
    topology: Topology
    settings: Settings
    speech: Callable[[], SpeechEngine]
    upload_url: str
    derived_url: str
    clock: Clock = field(default_factory=Clock)
    owner: str = field(default_factory=this_process)
    work_root: Path | None = None
    llm: Callable[[Endpoint], LanguageModel] = _no_model

    @property
    def policy(self) -> Policy:
        """The runtime's figures."""
        settings = self.settings
        return Policy(
            lease_seconds=settings.lease_seconds,
            heartbeat_seconds=settings.heartbeat_seconds,
            max_attempts=settings.max_attempts,
            retry_base_seconds=settings.retry_base_seconds,
            republish_seconds=settings.republish_seconds,
            keep_failed_seconds=settings.keep_failed_seconds,
        )

    def session(self) -> Session:
        """A new session; objects stay readable after its commit."""
        return Session(self.engine, expire_on_commit=False)
