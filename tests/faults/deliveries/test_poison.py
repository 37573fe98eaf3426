"""Number 9: messages that can never be handled, and sources that can never be processed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from shared.domain.names import digest
from shared.error_codes.videos import DAMAGED_MEDIA
from shared.errors import Reject
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.messaging.protocol import Outgoing
from tests.support.faults.chaos import Chaos
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

DUPLICATES = Chaos(most_copies=3, dropped_acks=0.1)


class PoisonedSources:
    """Half of the sources fail the probe for good, the others fail it each time anew."""

    def __init__(self, world: FaultWorld) -> None:
        self.probes: Counter[str] = Counter()
        world.media.hooks["probe"] = self._probe

    def _probe(self, version: str) -> None:
        self.probes[version] += 1
        if version.startswith("damaged"):
            raise Reject(DAMAGED_MEDIA, "The file cannot be decoded.")
        if version.startswith("unlucky"):
            raise OSError("the store is away")


@sizes(quick=8, full=50)
def test_poison_is_recorded_and_acknowledged_while_others_complete(
    size: int, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """Permanent: one attempt. Transient for ever: the limit of attempts. Healthy: completed."""
    world = make_world(chaos=DUPLICATES)
    poisoned = PoisonedSources(world)
    for number in range(size):
        world.drop(content=f"damaged {number}\n")
        world.drop(content=f"unlucky {number}\n")
    world.drop(content="healthy\n")
    counts.faults["permanent"] = counts.faults["transient for ever"] = size
    world.settle()
    limit = world.context.policy.max_attempts
    recorded = Counter(
        (run.status, run.error_code, run.attempt) for run in world.runs("probe_video")
    )
    assert recorded == {
        ("failed", "damaged_media", 1): size,
        ("failed", "attempts_exhausted", limit): size,
        ("completed", None, 1): 1,
    }
    assert all(poisoned.probes[f"damaged {number}"] == 1 for number in range(size))
    assert all(poisoned.probes[f"unlucky {number}"] == limit for number in range(size))
    ends = Counter((p.status, p.error_stage) for p in world.pipelines())
    assert ends == {("failed", "probe_video"): 2 * size, ("completed", None): 1}
    said = {p.error_message for p in world.pipelines() if p.status == "failed"}
    assert said == {
        "The file cannot be decoded.",
        f"Gave up after {limit} attempts. The last error: OSError: the store is away",
    }
    assert world.broker.waiting == 0


def test_unreadable_messages_are_dead_lettered_and_recorded_once(
    make_world: Callable[..., FaultWorld],
) -> None:
    """Every unreadable body is recorded once and delays nothing."""
    world = make_world(chaos=DUPLICATES)
    bodies = [b"", b"{", b"[]", b'{"video": 3}', b"\xff\xfe", b'{"pipeline": "x"}']
    for body in bodies:
        while True:
            try:
                world.broker.publish([Outgoing("moment-found", body)])
                break
            except Exception:
                continue
    world.drop()
    world.settle()
    orphans = [run for run in world.runs() if run.run_id is None]
    assert {run.stage for run in orphans} == {"cut_clip"}
    assert {run.error_code for run in orphans} == {"malformed_message"}
    assert {(run.message or {}).get("text") for run in orphans} == {
        body.decode(errors="replace").replace("\x00", "") for body in bodies
    }
    (pipeline,) = world.pipelines()
    assert pipeline.status == "completed"


@sizes(quick=3, full=50)
def test_replayed_events_start_no_new_run(size: int, make_world: Callable[..., FaultWorld]) -> None:
    """An event or request, replayed during or after its run, starts nothing new."""
    world = make_world(chaos=DUPLICATES)
    probes: Counter[str] = Counter()
    world.media.hooks["probe"] = lambda version: probes.update([version])
    for number in range(size):
        url = world.drop(content=f"talk {digest(str(number))}\n")
        request = PipelineRequested(source_url=url, pipeline_type="moments_only", request_id="a")
        for _ in range(2):
            world.say(request)
            world.say(VideoUploaded(source_url=url))
            world.broker.run(4, most=5)
    world.settle()
    before = {run.id: run.attempt for run in world.runs()}
    assert {(p.status, p.error_stage, p.error_message) for p in world.pipelines()} == {
        ("completed", None, None)
    }
    for run in world.runs():
        message = world.context.topology.messages[run.topic].model_validate(run.message)
        for _ in range(2):
            world.say(message)
    world.settle()
    assert {run.id: run.attempt for run in world.runs()} == before
    assert len(world.pipelines()) == 2 * size
