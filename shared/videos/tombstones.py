"""Tombstones of videos, and the locks by which deletions and new runs keep out of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.db.models import Deletion
from shared.errors import VideoMomentsError

# The first halves of advisory locks' keys; any numbers, as long as they stay.
_IDENTIFIER = 0x5649_4401
_DELETION = 0x5649_4402


class DeletionUnderWay(VideoMomentsError):
    """Another process is deleting the same video."""


def hold_identifier(session: Session, video: str) -> None:
    """Until the transaction ends, nobody else begins a run of that video or its deletion."""
    session.execute(select(func.pg_advisory_xact_lock(_IDENTIFIER, func.hashtext(video))))


def tombstone(session: Session, video: str) -> Deletion | None:
    """The video's tombstone, read anew; None when it was never deleted."""
    return session.execute(
        select(Deletion).where(Deletion.video == video).execution_options(populate_existing=True)
    ).scalar_one_or_none()


def unfinished(session: Session) -> list[Deletion]:
    """Deletions that may have left something, the oldest first."""
    return list(
        session.execute(
            select(Deletion)
            .where(Deletion.completed_at.is_(None))
            .order_by(Deletion.requested_at, Deletion.video)
        ).scalars()
    )


@contextmanager
def only_deletion(engine: Engine, video: str) -> Iterator[None]:
    """One deletion of a video at a time. Raises `DeletionUnderWay`.

    The lock goes with its connection, so that a killed process leaves none behind.
    """
    with engine.connect() as connection:
        key = (_DELETION, func.hashtext(video))
        taken = connection.execute(select(func.pg_try_advisory_lock(*key))).scalar_one()
        connection.commit()
        if not taken:
            raise DeletionUnderWay(f"Another process is deleting {video}. Wait for it to end.")
        try:
            yield
        finally:
            # A broken connection has let go of the lock by itself.
            with suppress(DBAPIError):
                connection.execute(select(func.pg_advisory_unlock(*key)))
                connection.commit()
