"""Number 10: every order of four events, and events that arrive before their objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from shared.domain.names import moment_identifier
from shared.messages.base import Message
from shared.messages.moments import MomentFound
from shared.messages.transcripts import AudioSliced
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.messaging.delivery import Outcome
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

ORDERS = list(itertools.permutations(range(4)))
ROUNDS = 12

# All that is left of one video, without names that carry its generation or an attempt.
STATE = """
SELECT jsonb_build_object(
    'text', (SELECT array_agg(full_text) FROM transcripts WHERE video_id = v.id),
    'words', (SELECT array_agg(word_timestamps) FROM transcripts WHERE video_id = v.id),
    'moments', (SELECT array_agg(DISTINCT array[m.start_time, m.end_time]) FROM moments m
                WHERE m.video_id = v.id),
    'clips', (SELECT array_agg(array[c.start_time, c.end_time] ORDER BY c.start_time)
              FROM clips c WHERE c.video_id = v.id),
    'pictures', (SELECT count(*) FROM thumbnails t LEFT JOIN clips c ON c.id = t.clip_id
                 WHERE v.id IN (t.video_id, c.video_id)),
    'runs', (SELECT array_agg(array[p.pipeline_type, p.status] ORDER BY p.pipeline_type)
             FROM pipeline_history p WHERE p.video_id = v.id))
FROM videos v ORDER BY v.id
"""


def _states(world: FaultWorld) -> list[Any]:
    with world.engine.connect() as connection:
        return list(connection.execute(text(STATE)).scalars())


def _deliver_all(world: FaultWorld, function: str, messages: Sequence[Message]) -> None:
    """Deliver in that order; refused messages come again after the others."""
    waiting = list(messages)
    for _ in range(ROUNDS):
        waiting = [m for m in waiting if not world.deliver(function, m).acknowledged]
    assert not waiting


def test_requests_of_one_video_give_one_state_in_every_order(
    make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """A drop and three requests run at the same time; every order gives one state."""
    world = make_world()
    for order in ORDERS:
        stat = world.put(f"talk-{'-'.join(map(str, order))}.mp4")
        events: list[Message] = [
            VideoUploaded(source_url=stat.url, generation=stat.generation),
            VideoUploaded(source_url=stat.url),
            PipelineRequested(source_url=stat.url, pipeline_type="moments_only"),
            PipelineRequested(source_url=stat.url, pipeline_type="full", request_id="again"),
        ]
        for place in order:
            world.say(events[place])
    world.settle(workers=1)
    counts.faults["orders"] = len(ORDERS)
    states = _states(world)
    assert len(states) == len(ORDERS)
    assert all(state == states[0] for state in states)
    assert states[0]["runs"] == [
        ["full", "completed"],
        ["full", "completed"],
        ["moments_only", "completed"],
    ]
    assert len(states[0]["clips"]) == len(states[0]["moments"]) == states[0]["pictures"] - 1


def test_transcript_is_the_same_in_every_order_of_slices(
    make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """Any of four slices may come last; the transcript is the same and in order."""
    world = make_world()
    world.media.slices = 4
    for order in ORDERS:
        world.drop(f"talk-{'-'.join(map(str, order))}.mp4")
    world.broker.run(1, most=3 * len(ORDERS))
    world.broker.lose_everything()
    for pipeline, order in zip(world.pipelines(), ORDERS, strict=True):
        runs = [r for r in world.runs("transcribe_audio") if r.pipeline_id == pipeline.id]
        slices = [AudioSliced.model_validate(run.message) for run in runs]
        assert len(slices) == len(order)
        _deliver_all(world, "transcribe_audio", [slices[place] for place in order])
    world.settle(workers=2)
    counts.faults["orders"] = len(ORDERS)
    states = _states(world)
    assert all(state == states[0] for state in states)
    words = [word["start"] for word in states[0]["words"][0]]
    assert words == sorted(words)
    assert len(words) > 20


@sizes(quick=2, full=24)
@pytest.mark.parametrize("point", ["probe", "hear"])
def test_clip_waits_for_its_moment(
    point: str, size: int, make_world: Callable[..., FaultWorld]
) -> None:
    """A message that overtakes its moment waits, and the final state is the same."""
    world = make_world()
    world.drop()
    world.settle()
    (before,) = world.pipelines()
    for _ in range(size):
        world.drop()
        spans = _spans(world, before.video_id)
        early = _EarlyMessages(world, spans, point)
        world.settle(workers=1)
        assert early.outcomes == [Outcome.RETRY] * len(spans)
    states = _states(world)
    assert all(state == states[0] for state in states)
    assert all(run.attempt == 1 for run in world.runs("cut_clip"))


class _EarlyMessages:
    """Delivers the messages of future moments once, at some point."""

    def __init__(self, world: FaultWorld, spans: list[tuple[float, float]], point: str):
        self.outcomes: list[Outcome] = []
        self._world = world
        self._spans = spans
        self._done = False
        world.media.hooks = {point: self._deliver}

    def _deliver(self, *facts: Any) -> None:
        if self._done:
            return
        self._done = True
        pipeline = self._world.pipelines()[-1]
        with self._world.engine.connect() as connection:
            video, config = connection.execute(
                text(
                    "SELECT v.identifier, c.config_hash FROM pipeline_history p "
                    "JOIN videos v ON v.id = p.video_id "
                    "JOIN generation_configs c ON c.id = p.generation_config_id WHERE p.id = :id"
                ),
                {"id": pipeline.id},
            ).one()
        for start, end in self._spans:
            moment = moment_identifier(video, config, start, end)
            message = MomentFound(pipeline=pipeline.identifier, video=video, moment=moment)
            self.outcomes.append(self._world.deliver("cut_clip", message))


def _spans(world: FaultWorld, video_id: int) -> list[tuple[float, float]]:
    with world.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT start_time, end_time FROM moments WHERE video_id = :id ORDER BY 1"),
            {"id": video_id},
        )
        return [(row.start_time, row.end_time) for row in rows]


def test_clip_of_an_unknown_moment_fails_when_its_run_has_no_earlier_work(
    make_world: Callable[..., FaultWorld],
) -> None:
    """Once nothing can bring the moment any more, the message is rejected for good."""
    world = make_world()
    outcomes: list[Outcome] = []

    def deliver(*facts: Any) -> None:
        pipeline = world.pipelines()[0]
        message = MomentFound(pipeline=pipeline.identifier, video="v", moment="never was")
        outcomes.append(world.deliver("cut_clip", message))

    world.media.hooks["hear"] = deliver
    world.drop()
    world.settle(workers=1)
    assert set(outcomes) == {Outcome.RETRY}
    (pipeline,) = world.pipelines()
    assert (pipeline.status, pipeline.error_stage) == ("partial", "cut_clip")
    (failed,) = [run for run in world.runs("cut_clip") if run.status == "failed"]
    assert (failed.error_code, failed.attempt) == ("unknown_moment", 1)
