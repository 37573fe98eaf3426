"""An attempt's objects stay if it commits; the objects it replaces stay if it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from shared.messages.base import Message
from shared.messaging.delivery import Outcome
from shared.pipeline.job import Job
from shared.storage.protocol import ObjectStat
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.stages import probed


def test_replaced_object_stays_until_the_commit(world: World, tmp_path: Path) -> None:
    """An attempt without a commit deletes nothing, since rows may name the object."""
    (tmp_path / "old").write_bytes(b"")
    replaced = world.storage.upload(tmp_path / "old", f"{world.context.derived_url}/old").url
    pipeline = world.begin()

    def replace_it(message: Message, job: Job) -> None:
        job.replace(replaced)
        if job.claim.attempt == 1:
            with job.read() as session:
                event.listen(session, "before_commit", _connection_lost, once=True)

    world.plan.slices = 0
    world.plan.hooks["split.finish"] = replace_it
    assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
    assert world.objects() == {replaced}
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE
    assert world.objects() == set()


def _connection_lost(session: Session) -> None:
    raise ConnectionError("the connection was lost")


def test_upload_is_deleted_when_its_answer_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store may have the object although the upload raised; it is deleted."""
    upload = world.storage.upload
    stored: list[str] = []

    def answer_lost(path: Path, url: str, **options: Any) -> ObjectStat:
        stored.append(upload(path, url, **options).url)
        raise ConnectionError("the answer was lost")

    pipeline = world.begin()
    with monkeypatch.context() as patch:
        patch.setattr(world.storage, "upload", answer_lost)
        assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
    assert len(stored) == 1
    assert world.objects() == set()
