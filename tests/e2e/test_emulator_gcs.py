"""The chain with its objects on Cloud Storage, started by Cloud Storage's own notifications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.dev.emulator import HOW_TO_GET_IT, find_emulator
from shared.messages.videos import VideoUploaded
from shared.storage.gcs.store import GcsStorage
from shared.storage.protocol import ObjectStat
from tests.support.processes.command import SAMPLE, probed
from tests.support.processes.emulated import Cloud, emulated_cloud, eventually
from tests.support.storage import backends

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.xdist_group("emulator"),
    pytest.mark.skipif(find_emulator() is None, reason=HOW_TO_GET_IT),
]
NOTIFICATION = Path(__file__).parents[1] / "events" / "gcs_notification_finalize.json"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of Cloud Storage's emulator."""
    with backends.gcs_emulator() as running:
        yield running


@pytest.fixture(scope="module")
def storage(endpoint: str) -> GcsStorage:
    """The emulator through the real client."""
    return backends.gcs_storage(endpoint)


@pytest.fixture(scope="module")
def cloud(module_database_url: str, endpoint: str, storage: GcsStorage) -> Iterator[Cloud]:
    """A cloud with its buckets."""
    uploads, derived = backends.gcs_bucket(storage), backends.gcs_bucket(storage)
    with emulated_cloud(
        module_database_url,
        gcs_endpoint=endpoint,
        upload_url=f"gs://{uploads}",
        derived_url=f"gs://{derived}",
    ) as running:
        yield running


def notify(cloud: Cloud, stat: ObjectStat) -> None:
    """Publish a captured notification of Cloud Storage about this object."""
    bucket, _, name = stat.url.removeprefix("gs://").partition("/")
    captured = json.loads(NOTIFICATION.read_text())["body"]["message"]["attributes"]
    attributes = {
        **captured,
        "bucketId": bucket,
        "objectId": name,
        "objectGeneration": stat.generation,
    }
    resource = {
        "kind": "storage#object",
        "bucket": bucket,
        "name": name,
        "generation": stat.generation,
        "size": str(stat.size_bytes),
    }
    cloud.publish_raw(VideoUploaded.topic, json.dumps(resource).encode(), attributes)


def test_chain_completes_from_a_notification_of_cloud_storage(
    cloud: Cloud, storage: GcsStorage, tmp_path: Path
) -> None:
    """The notification becomes moments, clips and thumbnails in Cloud Storage."""
    url = f"{cloud.settings.upload_url}/Gespräche/three topics.mp4"
    stat = storage.upload(SAMPLE, url, content_type="video/mp4")
    notify(cloud, stat)
    # Cloud Storage publishes one change under two ids at times.
    notify(cloud, stat)
    found = cloud.ended(url)
    assert (found["status"], found["error_message"]) == ("completed", None)
    assert len(cloud.pipelines(url)) == 1
    assert len(found["clips"]) == 3
    for number, clip in enumerate(found["clips"]):
        assert clip["cloud_url"].startswith(f"{cloud.settings.derived_url}/")
        path = tmp_path / f"{number}.{clip['format']}"
        storage.download(clip["cloud_url"], path)
        length = clip["end_time"] - clip["start_time"]
        assert probed(path.as_uri()).duration_seconds == pytest.approx(length, abs=0.15)
    assert len(found["thumbnails"]) == 4
    for thumbnail in found["thumbnails"]:
        with storage.open(thumbnail["cloud_url"]) as reader:
            assert reader.read(3) == b"\xff\xd8\xff"
    assert not list(storage.list(f"{cloud.settings.derived_url}/temporary/"))


def test_chain_shows_a_failure_when_the_object_is_gone(cloud: Cloud, storage: GcsStorage) -> None:
    """A notification about a deleted object is a visible failure."""
    url = f"{cloud.settings.upload_url}/gone.mp4"
    stat = storage.upload(SAMPLE, url)
    storage.delete(url)
    notify(cloud, stat)
    (row,) = eventually("the failure's row", lambda: cloud.stage_runs(error_code="source_gone"))
    assert (row.stage, row.status, row.run_id) == ("probe_video", "failed", None)
