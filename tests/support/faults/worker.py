"""A worker process: functions behind a pipe, like a cloud instance behind its pushes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from functions.main import TOPOLOGY
from functions.wiring import Models
from shared.db.connect import SessionLimits
from shared.db.engine import make_engine
from shared.errors import MalformedMessage, PublishFailed
from shared.http.events.intake import Intake
from shared.messaging.delivery import Outcome
from shared.messaging.protocol import Outgoing
from shared.pipeline.context import Context
from shared.pipeline.runtime import Runtime
from shared.settings.settings import Settings
from tests.support.faults.fake_media import FakeMedia, FakeSpeech
from tests.support.faults.skewed_clock import skew_clocks
from tests.support.faults.small_media import FixedSpeech
from tests.support.faults.strikes.injection import (
    AFTER_CLAIM,
    AFTER_PUBLISH,
    BEFORE_ACK,
    TASKS,
    Fault,
    SabotagedFolder,
    Saboteur,
)


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """Everything that a worker process needs. `skew_seconds`: the error of its clock."""

    database_url: str
    buckets: Path
    work: Path
    real_media: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    skew_seconds: float = 0.0
    idle_in_transaction_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Push:
    """One delivery. `clock_offset`: the world's time ahead of ours. `fault`: strikes the worker."""

    function: str
    headers: dict[str, str]
    body: bytes
    clock_offset: timedelta
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A delivery's outcome, and the points that its function reached."""

    outcome: Outcome
    reached: Counter[tuple[str, str]]


def serve(connection: Connection, spec: WorkerSpec) -> None:
    """Answer pushes until the pipe is closed. Publishes through the pipe, too."""
    if spec.skew_seconds:
        skew_clocks(spec.skew_seconds)
    # What an earlier process of this worker left is gone with it, as in a new instance.
    shutil.rmtree(spec.work, ignore_errors=True)
    spec.work.mkdir(parents=True)
    # Its children are told by it, even those that it did not live to end.
    os.environ["TMPDIR"] = tempfile.tempdir = str(spec.work)
    saboteur = Saboteur(pytest.MonkeyPatch())
    context = _context(connection, spec, saboteur)
    runtime = Runtime(context)
    intakes = {
        function.name: Intake(function.name, function.consumes, partial(runtime.handler, function))
        for function in TOPOLOGY.functions
    }
    with suppress(EOFError, OSError):
        while True:
            push: Push = connection.recv()
            context.clock.offset = push.clock_offset
            saboteur.fault, saboteur.at_work = push.fault, push.function
            if push.function in TASKS:
                saboteur.reach(AFTER_CLAIM)
            outcome = _answer(intakes[push.function], push)
            saboteur.reach(BEFORE_ACK)
            saboteur.at_work = None
            connection.send(Answer(outcome, saboteur.reached))
            saboteur.reached.clear()
    context.engine.dispose()


def _answer(intake: Intake, push: Push) -> Outcome:
    try:
        return intake.receive(push.headers, push.body)
    except MalformedMessage:
        return Outcome.RETRY


def _context(connection: Connection, spec: WorkerSpec, saboteur: Saboteur) -> Context:
    media = FakeMedia()
    if not spec.real_media:
        media.install(pytest.MonkeyPatch())
    root = f"file://{spec.buckets.resolve()}"
    limits = SessionLimits(idle_in_transaction_timeout_seconds=spec.idle_in_transaction_seconds)
    speech = FixedSpeech() if spec.real_media else FakeSpeech(media)
    return Context(
        engine=make_engine(spec.database_url, pool_size=3, limits=limits),
        storage=SabotagedFolder(spec.buckets, saboteur),
        publisher=_PipePublisher(connection, saboteur),
        topology=TOPOLOGY,
        settings=Settings(**spec.settings),
        speech=lambda: speech,
        upload_url=f"{root}/uploads",
        derived_url=f"{root}/derived",
        work_root=spec.work,
        llm=Models(),
    )


class _PipePublisher:
    """Passes messages to the process with the broker."""

    def __init__(self, connection: Connection, saboteur: Saboteur) -> None:
        self._connection = connection
        self._saboteur = saboteur

    def publish(self, messages: Sequence[Outgoing]) -> None:
        self._connection.send(list(messages))
        if not self._connection.recv():
            raise PublishFailed("The broker is away.")
        self._saboteur.reach(AFTER_PUBLISH)
