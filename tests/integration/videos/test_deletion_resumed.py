"""The sweep finishes an interrupted deletion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cli.local.home import Home
from cli.repair.gc import collect_garbage
from functions.upkeep.sweep import sweep_all
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Outcome
from shared.videos import deletion as deleting
from shared.videos.deletion import delete_video, forget_deletion
from shared.videos.deletion_rows import deletion_lock, unfinished_deletions
from tests.integration.videos.test_deletion import drop, rows, tombstone_of, uploads
from tests.support.pipelines.pipelines import World


class Died(BaseException):
    """The exception that stands for a kill."""


def interrupted(
    world: World, video: str, step: str, patch: pytest.MonkeyPatch, *, with_source: bool = True
) -> None:
    """Start the deletion and die before that step."""

    def die(*arguments: object) -> None:
        raise Died

    with patch.context() as here:
        owner: object = world.storage if step == "delete" else deleting
        here.setattr(owner, step, die)
        with pytest.raises(Died):
            delete_video(world.context, video, with_source=with_source)


@pytest.mark.parametrize("step", ["delete_rows", "delete", "delete_source", "end_deletion"])
def test_sweep_finishes_an_interrupted_deletion(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """From any step: rows, objects and the requested upload are gone."""
    video = drop(world, tmp_path)
    interrupted(world, video, step, monkeypatch)
    assert sweep_all(world.context).chores["deleted"] == 1
    assert (rows(world), world.objects(), uploads(world)) == ({}, set(), [])
    ended = tombstone_of(world, video)
    assert ended is not None
    assert ended.completed_at is not None
    assert sweep_all(world.context).chores["deleted"] == 0


def test_sweep_leaves_a_running_deletion_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits while another process deletes."""
    video = drop(world, tmp_path)
    interrupted(world, video, "delete_rows", monkeypatch)
    before = rows(world)
    with deletion_lock(world.engine, video):
        assert sweep_all(world.context).chores["deleted"] == 0
    assert rows(world) == before
    assert sweep_all(world.context).chores["deleted"] == 1


def test_sweep_finishes_other_deletions_when_one_fails(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The refused one is logged, and the next sweep finishes it."""
    stuck, other = drop(world, tmp_path, "stuck"), drop(world, tmp_path, "other")
    for video in (stuck, other):
        interrupted(world, video, "delete", monkeypatch)
    delete = world.storage.delete

    def refuse(url: str, **options: Any) -> bool:
        if f"/{stuck}/" in url:
            raise PermissionError("not yours")
        return delete(url, **options)

    with monkeypatch.context() as here:
        here.setattr(world.storage, "delete", refuse)
        assert sweep_all(world.context).chores["deleted"] == 1
    assert f"video='{stuck}'" in caplog.text
    assert world.objects()
    assert sweep_all(world.context).chores["deleted"] == 1
    assert (world.objects(), uploads(world)) == (set(), [])


def test_sweep_keeps_a_video_that_was_requested_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look and its turn the deletion finished and the video ran again."""
    video = drop(world, tmp_path)
    (url,) = uploads(world)
    interrupted(world, video, "delete_rows", monkeypatch, with_source=False)
    look: Callable[..., object] = unfinished_deletions

    def look_too_early(session: object) -> object:
        found = look(session)
        delete_video(world.context, video)
        assert forget_deletion(world.context, video)
        assert world.deliver("begin", VideoUploaded(source_url=url)) is Outcome.DONE
        world.drain()
        return found

    monkeypatch.setattr(deleting, "unfinished_deletions", look_too_early)
    assert sweep_all(world.context).chores["deleted"] == 0
    assert rows(world)["videos"] == 1
    assert len(world.objects()) == 2
    assert tombstone_of(world, video) is None


def test_gc_reports_unfinished_deletions(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1, a line for each unfinished deletion, and both kinds in the JSON."""
    stuck, other = drop(world, tmp_path, "stuck"), drop(world, tmp_path, "other")
    for video in (stuck, other):
        interrupted(world, video, "delete", monkeypatch)
    settings = world.context.settings.model_copy(
        update={"database_url": SecretStr(world.engine.url.render_as_string(hide_password=False))}
    )

    def gc(*, as_json: bool, dry_run: bool = False) -> tuple[int, str]:
        home = Home(tmp_path)
        code = collect_garbage(settings, home, grace_hours=24, dry_run=dry_run, as_json=as_json)
        return code, capsys.readouterr().out

    code, said = gc(as_json=False, dry_run=True)
    assert (code, said.count("is not finished")) == (0, 2)
    with deletion_lock(world.engine, stuck):
        code, said = gc(as_json=True)
        told = json.loads(said)
        assert (code, told["deletions"], told["unfinished"]) == (1, [other], [stuck])
        code, said = gc(as_json=False)
        assert (code, f"videomoments delete {stuck}" in said) == (1, True)
    code, said = gc(as_json=False)
    assert (code, f"The deletion of {stuck} is now finished." in said) == (0, True)
