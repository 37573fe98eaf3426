"""The ports of a running process: made once by the wiring, handed to every function."""

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
from shared.settings.runtime import RuntimeSettings
from shared.settings.settings import Settings
from shared.storage.protocol import Storage


def this_process() -> str:
    """Names this process in leases: host, process id, and a number that no other process has."""
    return f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"


def _no_model(endpoint: Endpoint) -> LanguageModel:
    raise SettingsError(f"Nothing here can reach a language model, so not {endpoint.name} either.")


@dataclass(slots=True)
class Context:
    """The ports and the settings that functions work with.

    `speech` is called at the first slice to transcribe, so that other processes load no model.
    `llm` is called with an endpoint at a stage's first question to a model. `work_root` is the
    folder for temporary files; None means the system's.
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
    def policy(self) -> RuntimeSettings:
        """The settings of leases, attempts and waits."""
        return self.settings

    def session(self) -> Session:
        """A new session; objects stay readable after its commit."""
        return Session(self.engine, expire_on_commit=False)
