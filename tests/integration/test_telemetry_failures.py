"""A collector that fails, hangs or is not there costs no stage, and nothing private reaches one."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import flask
import pytest

from shared.errors import Reject
from shared.http.target import Target, make_target
from shared.messaging.outgoing import outgoing
from shared.messaging.parcel import Parcel, push_body
from shared.settings import Settings
from shared.telemetry import process
from tests.llm_runs import llm_runs, talk
from tests.llm_server import good, llm_server
from tests.otlp import Collector, collecting, exporting, labels
from tests.pipeline_plan import raising
from tests.pipelines import World
from tests.traced_pipelines import HEADERS, Topics

ROOT = Path(__file__).resolve().parents[2]
CANARY = "CANARY7f3a"
LINE = "telemetry is not exported"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """It is told to misbehave by the test."""
    with collecting() as collector:
        yield collector


def target_of(world: World) -> Target:
    """The first function, as functions-framework serves it."""
    begin = world.context.topology["begin"]
    return make_target("begin", begin.consumes, lambda: partial(world.runtime.handle, begin))


def push(target: Target, body: bytes) -> int:
    """The status of one push request."""
    with flask.Flask("t").test_request_context("/", method="POST", data=body, headers=HEADERS):
        return target(flask.request).status_code


def refusing_port() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def until(happens: Callable[[], bool], timeout_seconds: float = 60) -> None:
    """Wait for it."""
    deadline = time.monotonic() + timeout_seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("status", [400, 404, 500, 503, None])
def test_a_collector_that_fails(
    world: World,
    tmp_path: Path,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    status: int | None,
) -> None:
    """Every stage does its work, one line says what is wrong, and it is asked once, not for each.

    None: nobody listens at its address.
    """
    collector.status = status or 200
    url = collector.url if status else refusing_port()
    topics = Topics(world, tmp_path)
    with caplog.at_level(logging.INFO), exporting(url, telemetry_timeout_seconds=1):
        topics.begin(tmp_path)
        topics.step()
        until(process.flush)
        asked = len(collector.paths)
        while topics.step():
            assert process.flush()
    (run,) = {run.pipeline_id for run in world.runs_of_all()}
    assert run is not None
    assert {row.status for row in world.runs_of_all()} == {"completed"}
    lines = [record.getMessage() for record in caplog.records if LINE in record.getMessage()]
    assert len(lines) == 1
    assert "opentelemetry" not in {record.name.partition(".")[0] for record in caplog.records}
    assert len(collector.paths) == asked


def test_a_collector_that_hangs(world: World, tmp_path: Path, collector: Collector) -> None:
    """Pushes are answered while the collector says nothing, and it is not asked for each."""
    collector.hold.clear()
    message = Topics(world, tmp_path).drop(tmp_path)
    body = push_body(Parcel("video-uploaded.begin", outgoing(message), "7"))
    target = target_of(world)
    with exporting(collector.url, telemetry_timeout_seconds=0.2):
        assert push(target, body) == 204
        assert collector.asked.is_set()
        until(process.flush)
        asked = len(collector.paths)
        assert [push(target, body) for _ in range(5)] == [204] * 5
        assert process.flush()
        assert len(collector.paths) == asked
    assert not collector.hold.is_set()


def test_all_is_exported_before_the_answer(
    world: World, tmp_path: Path, collector: Collector
) -> None:
    """Between requests a function may not run: when it has answered, its spans are gone."""
    message = Topics(world, tmp_path).drop(tmp_path)
    body = push_body(Parcel("video-uploaded.begin", outgoing(message), "7"))
    with exporting(collector.url):
        assert push(target_of(world), body) == 204
        assert [span.name for span in collector.spans] == ["send video-probed", "begin"]
        assert collector.sums("videomoments.deliveries") == {
            labels(stage="begin", outcome="done"): 1
        }


def test_no_error_says_anything(world: World, tmp_path: Path, collector: Collector) -> None:
    """Of an error its type, code and places are exported, never what it says."""
    signed = f"https://storage.googleapis.com/b/o?X-Goog-Signature={CANARY}"
    topics = Topics(world, tmp_path)
    with exporting(collector.url):
        topics.begin(tmp_path)
        topics.step()
        (sent,) = world.publisher.take()
        for error in (OSError(signed), ValueError(f"so {CANARY} then"), KeyError(CANARY)):
            world.plan.hooks["split"] = raising(error)
            topics.deliver(sent)
        world.plan.hooks["split"] = raising(Reject("noise", f"They said: {CANARY}"))
        topics.deliver(sent)
    assert [span.status for span in collector.named("split")] == [*["transient"] * 3, "noise"]
    assert collector.bodies
    assert CANARY.encode() not in b"".join(collector.bodies)


def test_nothing_said_or_asked_is_exported(
    database_url: str, tmp_path: Path, collector: Collector
) -> None:
    """Neither transcript nor prompt nor key is in anything that is sent, with a model at work."""
    sentences = [f"The {CANARY} tide number {n} turns twice a day here." for n in range(60)]
    with (
        exporting(collector.url),
        llm_server(good) as server,
        llm_runs(database_url, tmp_path, server.url, llm_api_key=f"key-{CANARY}") as runs,
    ):
        pipeline = runs.run(talk(sentences), prompt=f"Moments about {CANARY}")
        assert pipeline.status == "completed"
    sent = b"".join(collector.bodies)
    assert b"generate_moments" in sent
    assert b"score_moments" in sent
    assert CANARY.encode() not in sent
    assert b"tide" not in sent
    assert database_url.encode() not in sent


_A_RUN = """
import sys, threading
from pathlib import Path
from tests.pipelines import World
from tests.traced_pipelines import Topics
import functions.main
from shared.telemetry import process

folder = Path(sys.argv[2])
world = World(sys.argv[1], folder)
process.start(world.context.settings, "off")
topics = Topics(world, folder)
topics.begin(folder)
topics.drain()
assert {run.status for run in world.runs_of_all()} == {"completed"}
assert process.flush()
process.stop()
world.close()
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
print([thread.name for thread in threading.enumerate() if thread.name == "telemetry"])
"""


def test_off_imports_nothing(database_url: str, tmp_path: Path) -> None:
    """A whole run without the setting: no module of OpenTelemetry, no thread, not a word."""
    done = subprocess.run(
        [sys.executable, "-c", _A_RUN, database_url, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=without_settings(),
    )
    assert done.stdout.splitlines()[-2:] == ["[]", "[]"], done.stderr
    assert "telemetry" not in done.stderr


_WITHOUT_EXTRA = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from cli.main import main
sys.exit(main())
"""


def test_without_the_extra_a_command_says_what_to_install(tmp_path: Path) -> None:
    """Before anything is begun, in one sentence."""
    video = tmp_path / "talk.mp4"
    video.write_bytes(b"a video")
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_EXTRA, "run", "--data", str(tmp_path / "data"), str(video)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=without_settings() | {"VIDEOMOMENTS_TELEMETRY": "otlp"},
    )
    assert done.returncode != 0
    assert "pip install 'videomoments[telemetry]'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def without_settings() -> dict[str, str]:
    """This process's environment without settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("VIDEOMOMENTS_", "OTEL_"))}


def test_google_gets_a_token_with_every_export(
    world: World, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's token goes along, and the resource names the project and the place."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "cloud.region=europe-west4")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account_file(tmp_path)))
    topics = Topics(world, tmp_path)
    with exporting(collector.url, telemetry="google", project="my-project"):
        topics.begin(tmp_path)
        topics.drain()
    assert set(collector.paths) == {"/v1/traces", "/v1/metrics"}
    assert {found["authorization"][:10] for found in collector.headers} == {"Bearer eyJ"}
    assert collector.resource["gcp.project_id"] == "my-project"
    assert collector.resource["cloud.region"] == "europe-west4"


def test_google_without_an_account(
    world: World,
    tmp_path: Path,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That no credentials are found costs one line in the log and no stage."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    topics = Topics(world, tmp_path)
    with exporting(collector.url, telemetry="google", project="my-project"):
        topics.begin(tmp_path)
        topics.drain()
        process.flush()
    assert {row.status for row in world.runs_of_all()} == {"completed"}
    lines = [record.getMessage() for record in caplog.records if LINE in record.getMessage()]
    assert len(lines) == 1
    assert "none.json" in lines[0]
    assert collector.paths == []


def account_file(folder: Path) -> Path:
    """A service account that signs its tokens itself, as is usual outside googleapis.com."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "function@my-project.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:9/token",
        "universe_domain": "example.test",
    }
    path = folder / "account.json"
    path.write_text(json.dumps(account))
    return path


def test_google_needs_a_project() -> None:
    """The settings say so at once."""
    with pytest.raises(ValueError, match="TELEMETRY=google needs PROJECT"):
        Settings(telemetry="google")
