"""The records of deletions, and the locks that keep deletions and new runs apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.db.models import Deletion
from shared.errors import VideoMomentsError

# The first halves of advisory locks' keys. Any numbers will do, but they must not change.
_IDENTIFIER = 0x5649_4401
_DELETION = 0x5649_4402


class DeletionUnderWay(VideoMomentsError):
    """Another process is deleting the same video."""


def hold_identifier(session: Session, video: str) -> None:
    """Until the transaction ends, no other begins a run or a deletion of that video."""
    session.execute(select(func.pg_advisory_xact_lock(_IDENTIFIER, func.hashtext(video))))


def find_deletion(session: Session, video: str) -> Deletion | None:
    """The video's deletion, read afresh; None if it was never deleted."""
    return session.execute(
        select(Deletion).where(Deletion.video == video).execution_options(populate_existing=True)
    ).scalar_one_or_none()


def unfinished_deletions(session: Session) -> list[Deletion]:
    """Deletions that may have left something, the oldest first."""
    return list(
        session.execute(
            select(Deletion)
            .where(Deletion.completed_at.is_(None))
            .order_by(Deletion.requested_at, Deletion.video)
        ).scalars()
    )


@contextmanager
def deletion_lock(engine: Engine, video: str) -> Iterator[None]:
    """Hold the lock of the video's deletion. Raises `DeletionUnderWay` if another process has it.

    The lock belongs to the connection, so a killed process leaves none behind.
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
            # A broken connection has lost its lock.
            with suppress(DBAPIError):
                connection.execute(select(func.pg_advisory_unlock(*key)))
                connection.commit()
