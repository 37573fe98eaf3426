"""Model-backed configs of `videomoments eval`: the functions themselves, over given transcripts.

They run in their own data folder with an embedded database, apart from all other runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from cli.evaluation.configs import Config, Propose
from cli.evaluation.measuring.measures import Proposal
from cli.evaluation.model_config import Asks
from cli.evaluation.proposals import Attempt, Recording
from cli.evaluation.runs import begin, result
from cli.local.cloud import alone, scheduled_sweeps, wire_topics
from cli.local.database import database
from cli.local.home import Home
from cli.local.log_file import logged_to
from cli.models.models import FIELDS
from cli.run.requests import wait
from functions.main import TOPOLOGY
from functions.wiring import Models, make_context
from shared.db.models import ModelConfig, Video
from shared.engines.llm.client import ModelClient
from shared.errors import Reject
from shared.messaging.in_process.broker import MemoryBroker
from shared.model_calls.endpoints import endpoint_named
from shared.moments.rules.bounds import Bounds
from shared.pipeline.context import Context
from shared.pipeline.runtime import Runtime
from shared.settings.settings import Settings

_ELSEWHERE = ("database_url", "cloud_sql_instance", "upload_url", "derived_url", "folder_root")


@contextmanager
def model_runs(
    settings: Settings, home: Home, configs: Sequence[Config], on_wait: Callable[[str], None]
) -> Iterator[Propose]:
    """Yield a callable that runs a config on a recording. Raises `Reject` for an unknown model."""
    asking = {c.name: c.asks for c in configs if c.asks is not None}
    rows = _rows(settings, home, asking)
    place = Home(home.root / "eval")
    with ExitStack() as stack:
        stack.enter_context(logged_to(settings, place))
        stack.enter_context(alone(place, on_wait))
        own = settings.model_copy(update=dict.fromkeys(_ELSEWHERE))
        engine = stack.enter_context(database(place.settings(own), place))
        _begin_anew(engine, rows.values())
        contexts = {n: stack.enter_context(at_work(a, place, engine)) for n, a in asking.items()}

        def propose(config: Config, recording: Recording, bounds: Bounds) -> Attempt:
            return propose_by(contexts[config.name], config, recording, bounds)

        yield propose


def _rows(settings: Settings, home: Home, asking: dict[str, Asks]) -> dict[str, ModelConfig]:
    """Store each config's model under the config's name, derived from the user's rows."""
    with database(settings, home) as engine, Session(engine) as session:
        return {name: _row(session, name, asks) for name, asks in asking.items()}


def _row(session: Session, name: str, asks: Asks) -> ModelConfig:
    changed = asks.settings()
    # Import the client now, so that no item's time includes it.
    ModelClient(endpoint_named(session, changed, asks.model)).prepare()
    found = session.execute(
        select(ModelConfig).where(ModelConfig.name == asks.model)
    ).scalar_one_or_none()
    known = None if found is None else {field: getattr(found, field) for field in FIELDS}
    return asks.row(name, known, changed)


def _begin_anew(engine: Engine, rows: Any) -> None:
    """End the runs of an earlier evaluation, so that they spend nothing more."""
    with Session(engine) as session, session.begin():
        session.execute(delete(Video))
        session.execute(delete(ModelConfig))
        session.add_all(rows)


@contextmanager
def at_work(asks: Asks, place: Home, engine: Engine) -> Iterator[Context]:
    """Run all functions with the config's settings until the block ends."""
    settings = place.settings(asks.settings(**dict.fromkeys(_ELSEWHERE)))
    models, broker = Models(), MemoryBroker(workers=settings.workers)
    try:
        context = make_context(
            settings, TOPOLOGY, engine=engine, publisher=broker, llm=models, work_root=place.work
        )
        wire_topics(broker, TOPOLOGY, settings, Runtime(context))
        yield context
    finally:
        broker.close()
        models.close()


def propose_by(context: Context, config: Config, recording: Recording, bounds: Bounds) -> Attempt:
    """A run of the config over the recording, from its transcript to its moments."""
    if not recording.transcript.words:
        return Attempt(Proposal(()))
    began = time.perf_counter()
    try:
        pipeline = begin(context, config.name, recording, bounds)
    except Reject as reject:
        return Attempt(Proposal(()), reject.message)
    # Resume this config's runs only: the others need other settings.
    with scheduled_sweeps(context):
        wait(context, [pipeline], lambda *_: None)
    seconds = time.perf_counter() - began
    refines = config.asks is not None and config.asks.refines
    with context.session() as session:
        return result(session, pipeline, seconds, refined=refines)
