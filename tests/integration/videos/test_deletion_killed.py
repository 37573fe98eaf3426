"""A killed deletion continues at the next request."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.videos.deletion import delete_video
from tests.integration.videos.test_deletion import drop, rows, tombstone_of, uploads
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pipelines.pipelines import World

PROJECT = Path(__file__).resolve().parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from shared.videos.deletion import delete_video
from tests.support.pipelines.pipelines import World

url, folder, video, what, count = sys.argv[1:]
left = int(count)

def reached(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

world = World(url, Path(folder))
if what == "commit":
    event.listen(world.engine, "commit", reached)
else:
    delete = world.storage.delete
    def counted(url, **options):
        reached()
        return delete(url, **options)
    world.storage.delete = counted
delete_video(world.context, video, with_source=True)
print("reached the end")
"""


@pytest.mark.parametrize(
    ("what", "count"),
    [("commit", n) for n in (1, 2, 3, 4)] + [("delete", n) for n in (1, 2, 3)],
)
def test_delete_video_continues_after_a_kill(
    world: World, database_url: str, tmp_path: Path, what: str, count: int
) -> None:
    """SIGKILL before each commit and each object's deletion; the next call leaves nothing."""
    video = drop(world, tmp_path)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, database_url, str(tmp_path), video, what, str(count)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    found = tombstone_of(world, video)
    if found is None:
        # Nothing is deleted before there is a tombstone.
        assert rows(world)["videos"] == 1
        assert len(world.objects()) == 2
    else:
        assert found.completed_at is None
    delete_video(world.context, video, with_source=True)
    assert (rows(world), world.objects(), uploads(world)) == ({}, set(), [])
    ended = tombstone_of(world, video)
    assert ended is not None
    assert ended.completed_at is not None
