"""The whole chain on the official Pub/Sub emulator, each function in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from cli.dev.emulator import HOW_TO_GET_IT, find_emulator
from shared.domain.documents import Json
from shared.messages.base import DEAD_LETTER_TOPIC
from shared.messages.options import Options
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.messaging.pubsub import connection
from shared.messaging.pubsub.provision import SubscriptionSpec, ensure
from shared.storage.urls import folder_url, join_url
from tests.support.patience import PATIENCE_SECONDS
from tests.support.processes.command import SAMPLE, check_outputs, local_file
from tests.support.processes.emulated import PROJECT, Cloud, emulated_cloud, eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.xdist_group("emulator"),
    pytest.mark.skipif(find_emulator() is None, reason=HOW_TO_GET_IT),
]


DEAD_LETTERS = "test-dead-letters"
GARBAGE = b"\xff{no JSON"


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the buckets."""
    root = tmp_path_factory.mktemp("cloud") / "buckets"
    (root / "uploads").mkdir(parents=True)
    return root


@pytest.fixture(scope="module")
def cloud(module_database_url: str, buckets: Path) -> Iterator[Cloud]:
    """One cloud for all tests of this module."""
    with emulated_cloud(
        module_database_url,
        folder_root=str(buckets),
        upload_url=folder_url(buckets, "uploads"),
        derived_url=folder_url(buckets, "derived"),
    ) as running:
        dead = SubscriptionSpec(DEAD_LETTERS, DEAD_LETTER_TOPIC, ack_deadline_seconds=60)
        ensure([], [dead], project=PROJECT, emulator_host=running.emulator.host)
        # It takes its time to die: meanwhile the other tests are at work. They kill other
        # functions than this one's, for whose answer the emulator may wait long.
        running.publish_raw("audio-sliced", GARBAGE, {"origin": "a test"})
        yield running


def drop(cloud: Cloud, buckets: Path, name: str) -> str:
    """Upload the sample under that name, and publish its notification."""
    path = buckets / "uploads" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SAMPLE, path)
    url = join_url("file", "", str(path.resolve())[1:])
    cloud.publish(VideoUploaded(source_url=url))
    return url


def pictures(pipeline: Json) -> list[tuple[int, int]]:
    """The size of each thumbnail, decoded."""
    sizes = []
    for thumbnail in pipeline["thumbnails"]:
        with av.open(str(local_file(thumbnail["cloud_url"]))) as container:
            frame = next(container.decode(video=0))
            sizes.append((frame.width, frame.height))
    return sizes


def test_chain_makes_moments_clips_and_later_requests(cloud: Cloud, buckets: Path) -> None:
    """A drop becomes moments, clips and thumbnails; requests add moments, then their clips."""
    url = drop(cloud, buckets, "Vorträge/Über Brot und Licht (2).mp4")
    full = cloud.ended(url)
    assert (full["status"], full["error_message"]) == ("completed", None)
    assert full["transcript"]["number_of_words"] > 200
    assert len(full["moments"]) == len(full["clips"]) == 3
    check_outputs(full)
    assert len(set(pictures(full))) == 1
    assert {"clip" in one for one in full["thumbnails"]} == {True, False}
    assert len(full["thumbnails"]) == 4
    runs = [run for run in cloud.stage_runs() if run.subject.startswith("uber-brot")]
    assert runs
    assert {run.status for run in runs} == {"completed"}
    assert not [path for path in (buckets / "derived" / "temporary").rglob("*") if path.is_file()]

    video = full["video"]["identifier"]
    options = Options(max_moments=2, min_moment_length_seconds=10, max_moment_length_seconds=20)
    cloud.publish(PipelineRequested(video=video, pipeline_type="moments_only", options=options))
    moments = cloud.ended(url, "moments_only")
    assert moments["status"] == "completed"
    assert 1 <= len(moments["moments"]) <= 2
    assert all(10 <= one["end_time"] - one["start_time"] <= 20 for one in moments["moments"])
    assert moments["clips"] == []

    cloud.publish(PipelineRequested(video=video, pipeline_type="clips_only"))
    clips = cloud.ended(url, "clips_only")
    assert clips["status"] == "completed"
    assert len(clips["clips"]) == 3 + len(moments["moments"])
    assert len(clips["thumbnails"]) == 1 + len(clips["clips"])
    check_outputs(clips)


def test_chain_makes_one_run_of_a_repeated_event(cloud: Cloud, buckets: Path) -> None:
    """A notification that arrives three times is one run with one result."""
    url = drop(cloud, buckets, "twice.mp4")
    for _ in range(2):
        cloud.publish(VideoUploaded(source_url=url))
    found = cloud.ended(url)
    assert found["status"] == "completed"
    assert len(found["clips"]) == 3
    assert len(cloud.pipelines(url)) == 1


def test_chain_completes_when_a_function_is_killed(cloud: Cloud, buckets: Path) -> None:
    """A function killed in the middle restarts, and the run ends as usual."""
    url = drop(cloud, buckets, "killed.mp4")
    eventually(
        "a clip being cut",
        lambda: cloud.stage_runs(stage="cut_clip", status="running"),
    )
    cloud.kill("cut_clip")
    found = cloud.ended(url, sweeps=True)
    assert found["status"] == "completed"
    assert len(found["clips"]) == 3
    check_outputs(found)
    assert max(run.attempt for run in cloud.stage_runs(stage="cut_clip")) > 1


def test_chain_completes_when_a_function_is_replaced(cloud: Cloud, buckets: Path) -> None:
    """A function stopped for a new version finishes its work; later messages wait."""
    url = drop(cloud, buckets, "replaced.mp4")
    eventually("a run", lambda: cloud.pipelines(url))
    cloud.servers["generate_moments"].ask_to_end()
    found = cloud.ended(url, sweeps=True)
    assert found["status"] == "completed"
    assert len(found["clips"]) == 3


def test_chain_dead_letters_unreadable_messages(cloud: Cloud) -> None:
    """A message that no function can read becomes a dead letter with a visible failure."""
    failures = eventually(
        "the failure's row",
        lambda: cloud.stage_runs(run_id=None, error_code="malformed_message"),
    )
    assert [(one.stage, one.topic, one.status) for one in failures] == [
        ("transcribe_audio", "audio-sliced", "failed")
    ]
    assert "no JSON" in failures[0].message["text"]
    assert "Correct it" in (failures[0].error_message or "")

    client = connection.subscriber_client(cloud.emulator.host)
    path = connection.subscription_path(PROJECT, DEAD_LETTERS)
    answer = client.pull(
        request={"subscription": path, "max_messages": 10}, timeout=PATIENCE_SECONDS
    )
    client.transport.close()  # type: ignore[no-untyped-call]
    letters = {one.message.message_id: one.message for one in answer.received_messages}
    (garbage,) = (letter for letter in letters.values() if letter.data == GARBAGE)
    assert garbage.attributes["origin"] == "a test"


def test_chain_completes_when_the_broker_loses_its_messages(cloud: Cloud, buckets: Path) -> None:
    """The emulator is killed and comes back empty, and sweeps complete the run."""
    url = drop(cloud, buckets, "forgotten.mp4")
    eventually("the transcription", lambda: _begun(cloud, url, "split_audio"))
    cloud.kill_emulator()
    assert cloud.pipelines(url)[0][2] == "running"
    cloud.emulator.start()
    cloud.wire()
    found = cloud.ended(url, sweeps=True)
    assert found["status"] == "completed"
    assert len(found["clips"]) == 3
    check_outputs(found)


def _begun(cloud: Cloud, url: str, stage: str) -> bool:
    """True if that stage of the source's run has started."""
    identifiers = [identifier for identifier, _, _ in cloud.pipelines(url)]
    if not identifiers:
        return False
    name = identifiers[0].split(":")[1]
    return any(
        run.status != "queued" for run in cloud.stage_runs(stage=stage) if run.subject == name
    )
