"""The note by which other commands find a running `videomoments dev`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from shared.messaging.protocol import Publisher
from shared.messaging.pubsub.publisher import PubSubPublisher
from shared.messaging.pubsub.rest_publisher import RestPublisher

DEFAULT_PROJECT = "videomoments-local"
_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Running:
    """Process, topics and functions of a running `dev`. `api` speaks Pub/Sub's REST API."""

    pid: int
    started_at: float
    project: str
    api: str
    emulator_host: str | None
    upload_url: str
    functions: Mapping[str, str]

    def publisher(self) -> Publisher:
        """Publishes on its topics."""
        if self.emulator_host is not None:
            return PubSubPublisher(self.project, emulator_host=self.emulator_host)
        return RestPublisher(self.api, self.project)


def announce(path: Path, running: Running) -> None:
    """Write the note, whole or not at all."""
    half = path.with_name(f".{path.name}.part")
    half.write_text(json.dumps(asdict(running), indent=2) + "\n", encoding="utf-8")
    half.replace(path)


def find_running(path: Path) -> Running | None:
    """The `dev` that wrote the note, if it is alive: a killed one leaves its note behind."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        running = Running(**found)
    except (OSError, ValueError, TypeError):
        return None
    return running if _lives(running) else None


def this_process_started_at() -> float:
    """When this process began, in seconds since the epoch."""
    return float(psutil.Process(os.getpid()).create_time())


def _lives(running: Running) -> bool:
    try:
        started = psutil.Process(running.pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(float(started) - running.started_at) < _TOLERANCE_SECONDS
