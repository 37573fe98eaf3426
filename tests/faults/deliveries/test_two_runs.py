"""Two runs of one video at once: shared results exist once, and nothing else is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.messages.options import Options
from shared.messages.videos import PipelineRequested
from shared.storage.protocol import ObjectStat
from tests.support.faults.chaos import STORM
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

OTHER_PADDING = Options(padding_left_seconds=4.0, padding_right_seconds=4.0)


def _ask_again(world: FaultWorld, url: str, options: Options | None = None) -> None:
    world.say(PipelineRequested(source_url=url, request_id="again", options=options or Options()))


@pytest.mark.parametrize("work", ["cut", "picture"])
@pytest.mark.parametrize("options", [None, OTHER_PADDING], ids=["alike", "other padding"])
def test_concurrent_runs_share_one_row_for_each_result(
    work: str, options: Options | None, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """While one run works, the other does the same work: one row each, no object without a row."""
    world = make_world(max_moments=1)
    url = world.drop()

    def overtake(*facts: Any) -> None:
        world.media.hooks.clear()
        _ask_again(world, url, options)
        while world.broker.deliver_one(0) is not None:
            pass

    world.media.hooks[work] = overtake
    world.settle(workers=1)
    counts.faults["overtaken by another run"] = 1
    assert [pipeline.status for pipeline in world.pipelines()] == ["completed"] * 2
    assert len(world.objects()) == 3  # a clip, its thumbnail, and the video's


@sizes(quick=6, full=200, minutes=60)
def test_concurrent_runs_leave_no_garbage_in_a_storm(
    size: int, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """Three runs of each video, two of them equal, on eight workers: no double row, no orphan."""
    world = make_world(chaos=STORM, max_moments=2, min_moments=2)
    for _ in range(size):
        url = world.drop()
        _ask_again(world, url)
        world.say(PipelineRequested(source_url=url, options=OTHER_PADDING))
    world.settle(workers=8)
    counts.faults["runs of the same video"] = 3 * size
    assert [pipeline.status for pipeline in world.pipelines()] == ["completed"] * 3 * size
    assert len(world.objects()) == 5 * size


def test_thumbnail_of_a_newer_cut_replaces_the_older(
    make_world: Callable[..., FaultWorld], monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """A clip is cut again while its thumbnail is stored: the newer cut's thumbnail stays."""
    world = make_world(max_moments=1)
    url = world.drop()
    upload = world.files.upload
    left: set[str] = set()

    def overtaken(path: Path, name: str, **options: Any) -> ObjectStat:
        if "/thumbnails/" in name and "/video/" not in name and not left:
            left.add(name)
            _ask_again(world, url, OTHER_PADDING)
            while world.broker.deliver_one(0) is not None:
                pass
            left.update(_kept(world))
            left.remove(name)
        return upload(path, name, **options)

    monkeypatch.setattr(world.files, "upload", overtaken)
    world.settle(workers=1)
    counts.faults["overtaken by another run"] = 1
    assert [pipeline.status for pipeline in world.pipelines()] == ["completed"] * 2
    assert _kept(world) == left
    assert len(left) == 3


def _kept(world: FaultWorld) -> set[str]:
    """Derived objects that are not temporary."""
    return {name for name in world.objects() if "/temporary/" not in name}
