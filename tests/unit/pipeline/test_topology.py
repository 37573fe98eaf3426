"""Declarations that do not fit together stop the start."""

from __future__ import annotations

from typing import ClassVar

import pytest

from shared.messages.base import Message
from shared.messages.clips import ClipCut
from shared.messages.transcripts import AudioSliced
from shared.messages.upkeep import SweepRequested
from shared.messages.videos import VideoProbed
from shared.messaging.delivery import DeadLetter
from shared.pipeline.context import Context
from shared.pipeline.job import Job
from shared.pipeline.stage import Resources, Stage, stage, task
from shared.pipeline.topology import Topology, TopologyError


class OtherSliced(Message):
    topic: ClassVar[str] = AudioSliced.topic


def _work(message: Message, job: Job) -> None:
    """A task that does nothing."""


def _stage(
    name: str,
    *,
    consumes: list[type[Message]],
    emits: list[type[Message]] | None = None,
    timeout_seconds: int = 300,
) -> Stage:
    return Stage(
        name,
        "working",
        _work,
        Job,
        tuple(consumes),
        tuple(emits or ()),
        resources=Resources(timeout_seconds=timeout_seconds),
    )


@pytest.mark.parametrize(
    ("functions", "culprit"),
    [
        (
            [_stage("a", consumes=[VideoProbed]), _stage("a", consumes=[ClipCut])],
            "a is declared 2 times",
        ),
        ([_stage("a", consumes=[])], "a consumes nothing"),
        ([_stage("a", consumes=[ClipCut, ClipCut])], "a consumes a message twice"),
        (
            [_stage("a", consumes=[VideoProbed], emits=[AudioSliced])],
            "a emits AudioSliced, which no function consumes",
        ),
        (
            [_stage("a", consumes=[AudioSliced]), _stage("b", consumes=[OtherSliced])],
            "audio-sliced carries",
        ),
        (
            [_stage("slow", consumes=[VideoProbed], timeout_seconds=541)],
            "slow may take longer than 540 s",
        ),
    ],
)
def test_topology_names_a_misfit(functions: list[Stage], culprit: str) -> None:
    """The error names the function and the fault."""
    with pytest.raises(TopologyError, match=culprit):
        Topology(functions)


def test_topology_names_every_misfit_at_once() -> None:
    """Two mistakes are two parts of one message."""
    with pytest.raises(TopologyError, match=r"a consumes nothing; b emits ClipCut"):
        Topology([_stage("a", consumes=[]), _stage("b", consumes=[VideoProbed], emits=[ClipCut])])


def test_topology_lists_the_known_functions_when_a_name_is_unknown() -> None:
    """The error lists the known functions; a task is not a stage."""

    @task(does="working", consumes=[SweepRequested])
    def sweep(message: SweepRequested, context: Context) -> None:
        """A task that does nothing."""

    topology = Topology([_stage("a", consumes=[VideoProbed]), sweep])
    with pytest.raises(TopologyError, match=r"no function 'b'\. There are: a, sweep\."):
        topology["b"]
    with pytest.raises(TopologyError, match="sweep is not a stage"):
        topology.stage("sweep")
    assert topology["sweep"] is sweep
    assert [found.name for found in topology.stages] == ["a"]


def test_topology_has_a_subscription_for_each_topic_consumed() -> None:
    """Each deadline leaves the function time to finish before the broker redelivers."""
    quick = _stage("quick", consumes=[VideoProbed, ClipCut], timeout_seconds=60)
    slow = _stage("slow", consumes=[VideoProbed], timeout_seconds=540)
    found = Topology([quick, slow]).subscriptions
    assert [(one.name, one.ack_deadline_seconds) for one in found] == [
        ("video-probed.quick", 120),
        ("clip-cut.quick", 120),
        ("video-probed.slow", 600),
    ]


def test_topology_queues_the_consumers_of_the_pipeline_type() -> None:
    """The pipeline's type decides which stages a message reaches."""

    @stage(does="working", consumes=[VideoProbed], pipeline_types=["full"])
    def full_only(message: VideoProbed, job: Job) -> None:
        """A stage that does nothing."""

    topology = Topology([full_only, _stage("always", consumes=[VideoProbed])])
    assert [found.name for found in topology.consumers(VideoProbed, "full")] == [
        "always",
        "full_only",
    ]
    assert [found.name for found in topology.consumers(VideoProbed, "moments_only")] == ["always"]
    assert topology.consumers(ClipCut, "full") == []


def test_topology_knows_the_stages_before_a_stage() -> None:
    """They are its direct and indirect predecessors, without later or parallel stages."""
    first = _stage("first", consumes=[VideoProbed], emits=[AudioSliced])
    second = _stage("second", consumes=[AudioSliced], emits=[ClipCut])
    third = _stage("third", consumes=[ClipCut])
    beside = _stage("beside", consumes=[AudioSliced])
    topology = Topology([first, second, third, beside])
    assert topology.before(third) == {"first", "second"}
    assert topology.before(second) == topology.before(beside) == {"first"}
    assert topology.before(first) == frozenset()


def test_functions_stand_in_the_order_data_flows() -> None:
    """Whatever the order of the declarations: senders first, then the branch that ends sooner."""
    first = _stage("z", consumes=[VideoProbed], emits=[AudioSliced])
    short = _stage("y", consumes=[AudioSliced])
    long = _stage("b", consumes=[AudioSliced], emits=[ClipCut])
    last = _stage("a", consumes=[ClipCut])
    declared = [last, long, short, first]
    assert Topology(declared).functions == (first, short, long, last)
    assert Topology(declared[::-1]).functions == (first, short, long, last)


def test_functions_of_a_circle_stand_in_one_order() -> None:
    """Messages may lead back to where they came from; the order is still the same every time."""
    one = _stage("one", consumes=[ClipCut], emits=[AudioSliced])
    two = _stage("two", consumes=[AudioSliced], emits=[ClipCut])
    assert Topology([one, two]).functions == Topology([two, one]).functions == (one, two)


def test_upkeep_comes_last() -> None:
    """Tasks stand after all stages, and what consumes dead letters at the very end."""

    @task(does="recording", consumes=[DeadLetter])
    def a_recorder(message: DeadLetter, context: Context) -> None:
        """Nothing."""

    @task(does="sweeping", consumes=[SweepRequested])
    def b_sweeper(message: SweepRequested, context: Context) -> None:
        """Nothing."""

    stage_ = _stage("c", consumes=[VideoProbed])
    found = Topology([a_recorder, b_sweeper, stage_]).functions
    assert found == (stage_, b_sweeper, a_recorder)
