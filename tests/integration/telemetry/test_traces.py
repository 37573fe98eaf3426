"""One trace for a run, despite everything that happens to its messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.local.cloud import wire_topics
from shared.errors import Reject
from shared.http.events.intake import Intake
from shared.messaging.delivery import Handler, Outcome
from shared.messaging.in_process.broker import MemoryBroker
from shared.messaging.in_process.parcel import Parcel, push_body
from shared.messaging.outgoing import outgoing
from shared.messaging.traced import TracedPublisher
from shared.pipeline.upkeep.retry import retry
from shared.pipeline.upkeep.sweep import sweep
from shared.settings.settings import Settings
from shared.telemetry import process, spans
from tests.support.error_codes import NOISE
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.plan import raising
from tests.support.pipelines.traced import HEADERS, Topics
from tests.support.telemetry.otlp import Collector, collecting, exporting, labels

BEGIN = "send video-uploaded > begin"
SPLIT = f"{BEGIN} > send video-probed > split"
HEAR = f"{SPLIT} > send audio-sliced > hear"
CHOOSE = f"{HEAR} > send video-transcribed > choose"
CUT = f"{CHOOSE} > send moment-found > cut"
WHOLE = {
    "send video-uploaded": 1,
    BEGIN: 1,
    f"{BEGIN} > send video-probed": 1,
    SPLIT: 1,
    f"{SPLIT} > storage.upload": 2,
    f"{SPLIT} > send audio-sliced": 2,
    HEAR: 2,
    f"{HEAR} > send video-transcribed": 1,
    CHOOSE: 1,
    f"{CHOOSE} > send moment-found": 2,
    CUT: 2,
    f"{CUT} > storage.upload": 2,
    f"{CUT} > send clip-cut": 2,
    f"{CUT} > send clip-cut > picture": 2,
}


@pytest.fixture
def collector(collector: Collector) -> Iterator[Collector]:
    """The collector of this process's exports."""
    with exporting(collector.url):
        yield collector


@pytest.fixture
def topics(world: World, tmp_path: Path) -> Topics:
    """The small pipeline behind its topics."""
    return Topics(world, tmp_path)


def seen(collector: Collector) -> Collector:
    """The collector after everything has ended."""
    assert process.flush()
    return collector


def test_run_is_one_trace(world: World, tmp_path: Path, collector: Collector) -> None:
    """Across in-process topics and threads, each stage is a child of its message."""
    topics = Topics(world, tmp_path)
    with_threads = MemoryBroker(workers=4)
    world.context.publisher = TracedPublisher(with_threads)
    context = world.context
    wire_topics(with_threads, context.topology, context.settings, world.runtime)
    try:
        world.context.publisher.publish([outgoing(topics.drop(tmp_path))])
        assert with_threads.wait_idle(60)
    finally:
        with_threads.close()
    found = seen(collector)
    # The run's end deletes its slices: whichever stage ends it does.
    paths = {path: n for path, n in found.paths_from_root().items() if "storage.delete" not in path}
    assert paths == WHOLE
    assert len({span.trace for span in found.spans}) == 1
    assert not [span for span in found.spans if span.is_error]


def test_stage_span_has_its_attributes(
    topics: Topics, tmp_path: Path, collector: Collector
) -> None:
    """Stage, run, subject, attempt and outcome; kinds follow OpenTelemetry."""
    topics.begin(tmp_path)
    topics.drain()
    found = seen(collector)
    (hear, other) = found.named("hear")
    assert (hear["stage"], hear["attempt"], hear["outcome"]) == ("hear", 1, "done")
    assert hear["pipeline"].startswith("pipeline:talk-")
    assert {hear["subject"], other["subject"]} == {
        run.subject for run in topics.world.runs(hear["pipeline"], "hear")
    }
    assert hear.attributes["messaging.destination.name"] == "audio-sliced"
    kinds = {span.name.split()[0].split(".")[0]: span.kind for span in found.spans}
    assert (kinds["hear"], kinds["send"], kinds["storage"]) == ("consumer", "producer", "client")
    assert found.resource["service.name"] == "tests"


def test_joining_span_links_its_siblings(
    topics: Topics, tmp_path: Path, collector: Collector
) -> None:
    """The siblings' spans are links, since their parents are elsewhere."""
    topics.world.plan.slices = 3
    topics.begin(tmp_path)
    topics.drain()
    first, second, last = seen(collector).named("hear")
    assert set(last.links) == {first.id, second.id}
    assert first.links == second.links == ()


def test_message_published_by_a_sweep_stays_in_its_trace(
    topics: Topics, tmp_path: Path, collector: Collector
) -> None:
    """It continues under the emitting stage, with a link to the sweep."""
    world = topics.world
    topics.begin(tmp_path)
    topics.step()
    topics.step()
    assert topics.lose() == 2
    world.advance(world.context.policy.republish_seconds + 1)
    with spans.delivery("sweep", {}, None):
        assert sweep(world.context).published == 2
    topics.drain()
    found = seen(collector)
    assert len({span.trace for span in found.spans} - {found.one("sweep").trace}) == 1
    again = [span for span in found.named("send audio-sliced") if span.links]
    assert [span.links for span in again] == [(found.one("sweep").id,)] * 2
    assert {span.parent for span in again} == {found.one("split").id}
    assert {span.parent for span in found.named("hear")} == {span.id for span in again}
    assert found.paths_from_root()[CUT] == 2


def test_run_continues_its_trace_after_a_workers_death(
    topics: Topics, tmp_path: Path, collector: Collector
) -> None:
    """The dead attempt exported nothing, so the next one is under the last exported span."""
    world = topics.world
    topics.begin(tmp_path)
    topics.step()
    (sent,) = world.publisher.take()
    message = world.context.topology.messages[sent.topic].model_validate_json(sent.body)
    world.take_lease("split", message)
    world.advance(world.context.policy.lease_seconds + 1)
    assert sweep(world.context).freed == 1
    topics.drain()
    found = seen(collector)
    assert found.one("split")["attempt"] == 2
    assert found.paths_from_root()[CUT] == 2
    assert len({span.trace for span in found.spans}) == 1


def test_retry_continues_the_trace_of_the_failed_attempt(
    topics: Topics, tmp_path: Path, collector: Collector
) -> None:
    """Days later, by a person's request."""
    world = topics.world
    world.plan.hooks["split"] = raising(Reject(NOISE, "It is only noise."))
    topics.begin(tmp_path)
    topics.drain()
    failed = seen(collector).one("split")
    assert (failed.is_error, failed.status, failed["outcome"]) == (True, "noise", "rejected")
    world.plan.hooks.clear()
    assert retry(world.context, failed["pipeline"]) == 1
    topics.drain()
    found = seen(collector)
    assert found.paths_from_root()[f"{SPLIT} > send video-probed > split"] == 1
    assert len({span.trace for span in found.spans}) == 1
    assert world.history(failed["pipeline"]).status == "completed"


def test_failed_attempt_and_next_attempt_share_their_parent(
    topics: Topics, tmp_path: Path, collector: Collector
) -> None:
    """The first span says that it failed."""
    world = topics.world
    world.plan.hooks["split"] = raising(OSError("for now"))
    topics.begin(tmp_path)
    topics.step()
    (sent,) = world.publisher.take()
    assert topics.deliver(sent) == [Outcome.RETRY]
    world.plan.hooks.clear()
    assert topics.deliver(sent) == [Outcome.DONE]
    first, second = seen(collector).named("split")
    assert (first.status, first["attempt"], first["outcome"]) == ("transient", 1, "retry")
    assert (second.is_error, second["attempt"], second["outcome"]) == (False, 2, "done")
    assert first.parent == second.parent
    ((name, event),) = first.events
    assert (name, event["exception.type"]) == ("exception", "OSError")
    assert "tests/support/pipelines/plan.py" in event["exception.stacktrace"]


def test_first_delivery_of_a_process_has_spans(world: World, tmp_path: Path) -> None:
    """Recording starts with the handler, before the delivery that starts both."""
    message = Topics(world, tmp_path).drop(tmp_path)
    begin = world.context.topology["begin"]

    def handler() -> Handler:
        settings = Settings(telemetry="otlp", telemetry_endpoint=reached.url)
        process.start(settings, "begin")
        return world.runtime.handler(begin)

    body = push_body(Parcel("video-uploaded.begin", outgoing(message), "7"))
    with collecting() as reached:
        try:
            assert Intake("begin", begin.consumes, handler).receive(HEADERS, body) is Outcome.DONE
        finally:
            process.stop()
    assert reached.paths_from_root() == {"begin": 1, "begin > send video-probed": 1}
    assert reached.sums("videomoments.deliveries") == {labels(stage="begin", outcome="done"): 1}


def test_duplicate_notification_is_linked_to_the_first_trace(
    topics: Topics, tmp_path: Path, collector: Collector
) -> None:
    """A notification carries no trace of ours."""
    message = topics.drop(tmp_path)
    topics.world.plan.hooks["begin"] = raising(OSError("for now"))
    topics.publish(message)
    topics.step()
    topics.world.plan.hooks.clear()
    topics.publish(message)
    topics.drain()
    found = seen(collector)
    first, second = found.named("begin")
    assert first.trace != second.trace
    assert second.links == (first.parent,)
