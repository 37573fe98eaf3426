"""Number 13, media children: killed, or refused memory, in the middle of their work."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.media.child.serve import OPERATIONS as CHILD_OPERATIONS
from shared.media.sandbox import arguments
from shared.messaging.delivery import Outcome
from tests.support.faults.recovery import failed_and_recovered
from tests.support.faults.report import Counts, sizes
from tests.support.faults.small_media import FixedSpeech, odd_video, what_is_wrong, wordless_video
from tests.support.faults.strikes.child_faults import Blow, RemoteFolder, Striker, deny_memory, kill
from tests.support.faults.strikes.children import OPERATIONS
from tests.support.faults.world import FaultWorld

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc: run it on Linux")

# Of one the clip is encoded anew; of the other, in which nobody speaks, it is copied.
SOURCES = (odd_video, wordless_video)


@sizes(quick=1, full=20, minutes=60)
@pytest.mark.parametrize("blow", [kill, deny_memory])
def test_stage_recovers_when_its_child_is_struck_at_work(
    blow: Blow,
    size: int,
    make_world: Callable[..., FaultWorld],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counts: Counts,
) -> None:
    """Each operation of each function is struck once: recorded as transient, then success."""
    world = make_world(
        garbage=True,
        probe=what_is_wrong,
        real_media=True,
        speech=FixedSpeech,
        storage=RemoteFolder(tmp_path / "world-0" / "buckets"),
        max_moments=1,
        max_attempts=20,
    )
    striker = Striker(world, monkeypatch, blow)
    for _ in range(size):
        striker.reset()
        for source in SOURCES:
            path = source(tmp_path)
            world.drop(content=path)
            world.settle(workers=1)
    counts.faults[f"child: {blow.__name__}"] = len(striker.struck)
    wanted = [(stage, name) for stage, names in OPERATIONS.items() for name in names]
    assert Counter((s.stage, s.operation) for s in striker.struck) == Counter(wanted * size)
    assert {(s.outcome, s.error_code) for s in striker.struck} == {(Outcome.RETRY, "out_of_memory")}
    assert failed_and_recovered(world) == OPERATIONS.keys()
    again = Counter({stage: len(names) * size for stage, names in OPERATIONS.items()})
    for run in world.runs():
        again[run.stage] -= run.attempt - 1
    assert not any(again.values()), "an attempt that failed unstruck, or was struck and went on"


def test_strikes_cover_every_operation_of_a_child() -> None:
    """Every operation of a child, and every output of ffmpeg, is struck."""
    struck = set().union(*OPERATIONS.values())
    commands = {name for name in vars(arguments) if name.endswith("_arguments")}
    assert commands == {"speech_arguments", "encode_arguments", "text_arguments"}
    assert struck == CHILD_OPERATIONS.keys() | {
        "ffmpeg sound",
        "ffmpeg text",
        "ffmpeg encode",
    }
