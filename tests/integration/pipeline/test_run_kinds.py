"""A run of a kind that no subject has yet: an import, without a video and without a history."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from cli.insight.status import show_status
from cli.local.home import Home
from shared.db.models import PipelineHistory, Run
from shared.domain.names import temporary_folder
from shared.errors import Reject
from shared.messages.base import Message, PipelineMessage
from shared.messaging.delivery import Outcome
from shared.pipeline.context import Context
from shared.pipeline.job import Job
from shared.pipeline.ledger.claim import queue
from shared.pipeline.ledger.run_state import open_run
from shared.pipeline.stage import Stage, stage
from shared.pipeline.topology import Topology
from shared.pipeline.upkeep.retry import retry
from shared.pipeline.upkeep.sweep import sweep
from shared.settings.settings import Settings
from tests.support.error_codes import NOISE
from tests.support.pipelines.pipelines import World

PARTS = 3
ENTRY = "fetch_list"


class ImportRequested(Message):
    """An import to begin."""

    topic: ClassVar[str] = "import-requested"
    name: str
    pipeline: str | None = None

    @property
    def subject(self) -> str:
        return "list"


class PartListed(PipelineMessage):
    """A part to fetch."""

    topic: ClassVar[str] = "part-listed"
    number: int

    @property
    def subject(self) -> str:
        return f"part-{self.number}"


class PartsFetched(PipelineMessage):
    """Every part is there."""

    topic: ClassVar[str] = "parts-fetched"

    @property
    def subject(self) -> str:
        return "parts"


def admit(context: Context, stage: Stage, message: ImportRequested) -> ImportRequested:
    """Begin the run of an import: a row of `runs`, and nothing else."""
    identifier = f"import:{message.name}"
    admitted = message.model_copy(update={"pipeline": identifier})
    with context.session() as session, session.begin():
        run = open_run(session, identifier=identifier, kind="import", clock=context.clock)
        queue(session, run.id, stage, admitted, parent_id=None, clock=context.clock)
    return admitted


def part_url(job: Job, number: int) -> str:
    """The temporary object of a part."""
    return f"{temporary_folder(job.context.derived_url, job.run.identifier)}part-{number}"


@stage(
    does="listing the parts",
    consumes=[ImportRequested],
    emits=[PartListed],
    entry=admit,
    pipeline_types=["import"],
)
def fetch_list(message: ImportRequested, job: Job) -> None:
    """List the parts."""
    with job.finish() as done:
        for number in range(PARTS):
            done.emit(PartListed(pipeline=job.run.identifier, number=number))


@stage(
    does="fetching a part",
    consumes=[PartListed],
    emits=[PartsFetched],
    pipeline_types=["import"],
)
def fetch_part(message: PartListed, job: Job) -> None:
    """Store one part; the last one to finish goes on."""
    path = job.workdir / "part"
    path.write_bytes(b"part")
    job.store(path, part_url(job, message.number), content_type="application/octet-stream")
    refuse(message)
    with job.finish() as done:
        done.result = {"number": message.number}
        if done.is_last_sibling():
            assert len(done.sibling_results()) == PARTS
            done.emit(PartsFetched(pipeline=job.run.identifier))


@stage(does="joining the parts", consumes=[PartsFetched], pipeline_types=["import"])
def join_parts(message: PartsFetched, job: Job) -> None:
    """Look at every part."""
    for number in range(PARTS):
        job.storage.stat(part_url(job, number))
    with job.finish():
        pass


REFUSED: set[int] = set()


def refuse(message: PartListed) -> None:
    """Reject the parts that the test wants rejected."""
    if message.number in REFUSED:
        raise Reject(NOISE, "This part is refused.")


@pytest.fixture
def imports(world: World) -> World:
    """A world whose only functions are those of an import."""
    REFUSED.clear()
    world.context.topology = Topology([fetch_list, fetch_part, join_parts])
    return world


def request(world: World, name: str) -> Outcome:
    """One delivery of a request."""
    return world.deliver(ENTRY, ImportRequested(name=name))


def history_rows(world: World) -> int:
    """How many rows pipeline_history has."""
    with world.context.session() as session:
        return session.execute(select(func.count()).select_from(PipelineHistory)).scalar_one()


def test_run_without_history_is_admitted_joined_and_cleaned_up(imports: World) -> None:
    """It begins by its own admission, fans out and in, ends once, and leaves no object."""
    assert request(imports, "a") is Outcome.DONE
    assert request(imports, "a") is Outcome.DUPLICATE
    imports.drain()
    run = imports.run_of("import:a")
    assert (run.status, run.kind, run.pipeline_history_id) == ("completed", "import", None)
    assert run.completed_at is not None
    stages = [stage_run.stage for stage_run in imports.runs("import:a")]
    assert stages == [ENTRY, *["fetch_part"] * PARTS, "join_parts"]
    assert (imports.objects(), history_rows(imports)) == (set(), 0)


def test_runs_of_one_kind_do_not_share_stage_runs(imports: World) -> None:
    """Two runs have stage runs about subjects of the same names."""
    for name in ("a", "b"):
        assert request(imports, name) is Outcome.DONE
    imports.drain()
    assert [imports.run_of(f"import:{name}").status for name in ("a", "b")] == ["completed"] * 2
    assert len(imports.runs_of_all()) == 2 * (2 + PARTS)


def test_failed_run_without_history_is_retried(imports: World) -> None:
    """A rejected part fails the run, which keeps its objects; a retry redoes that part alone."""
    REFUSED.add(1)
    request(imports, "a")
    imports.drain()
    run = imports.run_of("import:a")
    assert (run.status, run.error_stage) == ("failed", "fetch_part")
    assert run.error_message == "This part is refused."
    REFUSED.clear()
    assert retry(imports.context, "import:a") >= 1
    assert imports.run_of("import:a").error_stage is None
    imports.drain()
    assert imports.run_of("import:a").status == "completed"
    assert imports.objects() == set()


def test_sweep_frees_and_abandons_runs_without_history(imports: World) -> None:
    """A dead worker's lease is freed; a stage run without an attempt left fails its run."""
    request(imports, "a")
    imports.publisher.take()
    part = PartListed(pipeline="import:a", number=0)
    for attempt in range(1, imports.context.policy.max_attempts + 1):
        imports.take_lease("fetch_part", part)
        imports.advance(imports.context.policy.lease_seconds + 1)
        report = sweep(imports.context)
        assert report.freed == 1
        assert report.abandoned >= (attempt == imports.context.policy.max_attempts)
    run = imports.run_of("import:a")
    assert (run.status, run.error_stage) == ("failed", "fetch_part")
    imports.advance(imports.context.policy.keep_failed_seconds + 60)
    sweep(imports.context)
    assert imports.objects() == set()


def test_status_shows_the_videos_beside_runs_of_other_kinds(
    imports: World, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`status` does not stumble over a run without a video."""
    request(imports, "a")
    imports.drain()
    settings = Settings(database_url=SecretStr(database_url))
    assert show_status(settings, Home(tmp_path), None, as_json=True) == 0
    assert '"failures": []' in capsys.readouterr().out
    with imports.context.session() as session:
        assert session.execute(select(func.count()).select_from(Run)).scalar_one() == 1
