"""Finds and deletes objects that killed workers left in the derived bucket and no row names.

An object is garbage only if all of this holds: its name is exactly one that `shared.domain.names`
builds; no clip, no thumbnail and no run that may still need it names it; it was not stored by an
attempt that still holds its stage run; and it is older than the grace period.

The leases are read before the rows. An attempt without a lease has either committed, so that its
row is visible, or never will, because its fenced finish fails.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Clip, Run, StageRun, Thumbnail
from shared.domain.names import FOLDERS, OwnName, own_name
from shared.pipeline.context import Context
from shared.pipeline.upkeep.cleanup import is_due
from shared.storage.protocol import ObjectStat
from shared.storage.urls import folder_url, path_of

BATCH = 500
DEFAULT_GRACE_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Garbage:
    """One object to delete; `kind` is `clip`, `thumbnail` or `slice`."""

    url: str
    kind: str
    size_bytes: int
    updated_at: datetime


def find_garbage(
    context: Context, *, grace_seconds: float = DEFAULT_GRACE_SECONDS
) -> Iterator[Garbage]:
    """The objects that may be deleted, in the order of the listing. Deletes nothing."""
    with context.session() as session:
        now = session.execute(select(context.clock.now())).scalar_one()
    before = now - timedelta(seconds=grace_seconds)
    old = (
        (stat, name)
        for stat, name in own_objects(context, FOLDERS)
        if stat.updated_at <= before or grace_seconds == 0
    )
    while batch := list(itertools.islice(old, BATCH)):
        yield from _orphans(context, batch)


def collect(context: Context, *, grace_seconds: float = DEFAULT_GRACE_SECONDS) -> Iterator[Garbage]:
    """Delete the garbage; yields each object afterwards. May be interrupted at any point."""
    for garbage in find_garbage(context, grace_seconds=grace_seconds):
        if context.storage.delete(garbage.url):
            yield garbage


def own_objects(context: Context, folders: Iterable[str]) -> Iterator[tuple[ObjectStat, OwnName]]:
    """The pipeline's own objects in those folders of the derived bucket, recognized by name."""
    root = f"{_as_listed(context.derived_url)}/"
    for folder in folders:
        for stat in context.storage.list(f"{root}{folder}"):
            name = own_name(stat.url.removeprefix(root))
            if name is not None:
                yield stat, name


def _as_listed(derived_url: str) -> str:
    """A folder's URL as its listing spells it: without symbolic links, quoted in one way."""
    path = path_of(derived_url)
    return derived_url if path is None else folder_url(path.parent, path.name)


def _orphans(context: Context, batch: Sequence[tuple[ObjectStat, OwnName]]) -> Iterator[Garbage]:
    with context.session() as session:
        held = held_tokens(session)
    # A new snapshot sees the commits of every attempt that no longer held a lease.
    with context.session() as session:
        named = _named_urls(session, [stat.url for stat, _ in batch])
        needed = _unfinished(
            context, session, {name.pipeline for _, name in batch if name.pipeline}
        )
    for stat, name in batch:
        if name.token in held or stat.url in named or name.pipeline in needed:
            continue
        yield Garbage(stat.url, name.kind, stat.size_bytes, stat.updated_at)


def held_tokens(session: Session) -> set[str]:
    """The prefixes of the objects that running attempts may store now."""
    tokens = session.execute(
        select(StageRun.lease_token).where(StageRun.lease_token.is_not(None))
    ).scalars()
    return {token.hex[:10] for token in tokens if token is not None}


def _named_urls(session: Session, urls: list[str]) -> set[str]:
    found: set[str] = set()
    for column in (Clip.cloud_url, Thumbnail.cloud_url):
        found.update(session.execute(select(column).where(column.in_(urls))).scalars())
    return found


def _unfinished(context: Context, session: Session, pipelines: set[str]) -> set[str]:
    """Runs that may still need their temporary objects: running, or failed not long ago."""
    return set(
        session.execute(
            select(Run.identifier).where(Run.identifier.in_(pipelines), ~is_due(context))
        ).scalars()
    )
