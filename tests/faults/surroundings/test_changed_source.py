"""Number 11: the source is overwritten or deleted at every point of its run."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from shared.domain.names import video_identifier
from shared.messages.videos import VideoUploaded
from tests.support.faults.chaos import STORM
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

POINTS = ("probe", "split", "hear", "cut", "picture")
READS_SOURCE = "probe_video", "split_audio", "cut_clip"
MOST_DELIVERIES = 20

FILES = """
SELECT v.identifier, named.cloud_url FROM videos v JOIN (
    SELECT video_id, cloud_url FROM clips UNION ALL
    SELECT coalesce(t.video_id, c.video_id), t.cloud_url FROM thumbnails t
    LEFT JOIN clips c ON c.id = t.clip_id) AS named ON named.video_id = v.id
"""
HEARD = """
SELECT v.identifier, t.language FROM videos v JOIN transcripts t ON t.video_id = v.id
"""


class ChangingSources:
    """Sources that change; `versions` maps a video to its own content."""

    def __init__(self, world: FaultWorld, action: str) -> None:
        self.world = world
        self.action = action
        self.versions: dict[str, str] = {}
        self.changed = 0
        self._sources = 0

    def begin(self) -> str:
        """Upload a new source with its event. Returns its name."""
        self._sources += 1
        name = f"talk-{self._sources}.mp4"
        self.put(name, f"version {self._sources}-1")
        return name

    def put(self, name: str, version: str) -> None:
        stat = self.world.put(name, f"{version}\n")
        self.versions[video_identifier(stat.url, stat.generation, name[:-4])] = version
        self.world.say(VideoUploaded(source_url=stat.url, generation=stat.generation))

    def change(self, name: str) -> None:
        """Overwrite it, with an event, or delete it, without one."""
        self.changed += 1
        if self.action == "overwritten":
            self.put(name, f"version {self._sources}-2")
        else:
            self.world.files.delete(f"{self.world.context.upload_url}/{name}")

    def check(self) -> None:
        """No file or transcript belongs to another version than its video."""
        with self.world.engine.connect() as connection:
            for row in connection.execute(text(FILES)):
                assert self.world.read(row.cloud_url) == self.versions[row.identifier]
            for row in connection.execute(text(HEARD)):
                assert f"x-{self.versions[row.identifier].split()[1]}" == row.language

    def check_ends(self, expected: str) -> None:
        """A run that still had to read the source ended as `expected`; all others completed."""
        for pipeline in self.world.pipelines():
            unread = [
                run
                for run in self.world.runs()
                if run.pipeline_id == pipeline.id
                and run.stage in READS_SOURCE
                and run.status != "completed"
            ]
            if pipeline.status == "completed":
                assert not unread
            else:
                assert (pipeline.status, pipeline.error_stage is None) == (expected, False)


@pytest.mark.parametrize(
    ("action", "expected"), [("overwritten", "superseded"), ("deleted", "source_gone")]
)
def test_run_ends_with_the_reason_when_its_source_changes_between_stages(
    action: str, expected: str, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """Before each delivery of a run: it ends with the reason and mixes no two versions."""
    world = make_world()
    changes = ChangingSources(world, action)
    for deliveries in range(MOST_DELIVERIES):
        name = changes.begin()
        world.broker.run(1, most=deliveries)
        over = world.broker.waiting == 0
        changes.change(name)
        world.settle(workers=1)
        if over:
            break
    assert over
    counts.faults[action] = changes.changed
    changes.check()
    changes.check_ends(expected)
    ends = [pipeline.status for pipeline in world.pipelines()]
    assert ends.count(expected) > 4
    if action == "overwritten":
        # The newer version has its own run, which is not disturbed.
        assert ends.count("completed") >= changes.changed


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("action", "expected"), [("overwritten", "superseded"), ("deleted", "source_gone")]
)
def test_stage_discards_its_work_when_the_source_changes_meanwhile(
    point: str, action: str, expected: str, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """A stage that read both versions throws its work away."""
    world = make_world()
    changes = ChangingSources(world, action)
    name = changes.begin()

    def change(*facts: Any) -> None:
        world.media.hooks.clear()
        changes.change(name)

    world.media.hooks[point] = change
    world.settle(workers=1)
    counts.faults[action] = changes.changed
    assert changes.changed == 1
    changes.check()
    changes.check_ends(expected)
    assert world.pipelines()[0].status == expected


@sizes(quick=6, full=300, minutes=60)
def test_runs_never_mix_versions_when_sources_change_in_a_storm(
    size: int, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """At any time, among duplicates, on eight workers: no mixture, no orphan, a right end."""
    world = make_world(chaos=STORM)
    chance = random.Random(counts.seed)
    changes = ChangingSources(world, "overwritten")
    for _ in range(size):
        name = changes.begin()
        world.broker.run(8, most=chance.randint(0, 60))
        changes.action = chance.choice(["overwritten", "deleted"])
        changes.change(name)
    world.settle(workers=8)
    counts.faults["changed source"] = changes.changed
    changes.check()
    ends = {pipeline.status for pipeline in world.pipelines()}
    assert ends <= {"completed", "superseded", "source_gone"}
