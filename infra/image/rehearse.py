"""`make image-rehearsal`: build the image without Docker, start a function from it, send an event.

    python -m infra.image.rehearse [--target media|speech] [--model FOLDER] [--work FOLDER]

The function runs as the image's own user behind its own PID 1. It is given the database, the bucket
folder and the topics of this machine, so that a message goes all the way: the job that migrates
runs first, probe_video then measures the sample and answers, and the ledger says what it found.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from cli.postgres import EmbeddedPostgres
from cli.pubsub_server import PubSubServer
from functions.main import TOPOLOGY
from infra.image.build import Builder, Image, entering, run_inside, say
from infra.image.dockerfile import Dockerfile, DockerfileError
from infra.image.relay import Relay
from shared.db.engine import make_engine
from shared.messages import VideoUploaded
from shared.messaging.memory import MemoryBroker

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "cli/sample/three-topics.mp4"
FUNCTION = "probe_video"
PORT = 18_080
NEEDED = ("debootstrap", "chroot", "unshare")


def main() -> int:
    """Build and try. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.image.rehearse", description=__doc__)
    parser.add_argument("--target", choices=["media", "speech"], default="media")
    parser.add_argument(
        "--model", type=Path, help="folder of a Whisper model, in place of the one to download"
    )
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/image-rehearsal")
    asked = parser.parse_args()
    if (lacking := _lacking()) is not None:
        say(lacking)
        return 1
    asked.work.mkdir(parents=True, exist_ok=True)
    dockerfile = Dockerfile.read(ROOT / "infra/Dockerfile")
    if asked.model is not None:
        _take_model(dockerfile, asked.model)
    try:
        image = Builder(dockerfile, ROOT, asked.work.resolve(), {}).build(asked.target)
    except DockerfileError as error:
        say(f"infra/Dockerfile: {error}")
        return 1
    _check(image)
    with _world(image) as environment:
        _try_function(image, environment)
    say(f"Done: {asked.target}, {_mebibytes(image.root)} MiB")
    return 0


def _lacking() -> str | None:
    if os.geteuid() != 0:
        return "The rehearsal needs root: it enters folders as their root."
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"Install {', '.join(missing)} first (apt-get install debootstrap)." if missing else None


def _take_model(dockerfile: Dockerfile, model: Path) -> None:
    """Where Hugging Face cannot be reached: the one step that downloads becomes a copy."""
    stage = dockerfile.stages["build-speech"]
    for index, step in enumerate(stage.instructions):
        if step.name == "RUN" and "download_model" in step.text:
            say(f"Not rehearsed: the download of the model; {model} takes its place.")
            relative = os.path.relpath(model.resolve(), ROOT)
            copied = f"{relative} /opt/model"
            stage.instructions[index] = type(step)(step.line, "COPY", copied)


def _check(image: Image) -> None:
    """What holds for any image of ours."""
    if image.user in ("", "0", "root"):
        raise SystemExit("The image runs as root.")
    if "tini" not in image.entrypoint[0]:
        raise SystemExit("PID 1 of the image does not reap.")
    for command in (["ffmpeg", "-hide_banner", "-version"], ["videomoments", "--help"]):
        run_inside(image.root, command, image.environment, image.user)


@contextlib.contextmanager
def _world(image: Image) -> Iterator[dict[str, str]]:
    """Database, bucket and topics of this machine, and the environment that names them."""
    buckets = image.inside("/tmp/buckets")  # noqa: S108 - inside the image
    (buckets / "uploads").mkdir(parents=True)
    (buckets / "derived").mkdir()
    shutil.copy(SAMPLE, buckets / "uploads" / SAMPLE.name)
    for path in (buckets, *buckets.rglob("*")):
        os.chown(path, int(image.user), int(image.user))
    broker = MemoryBroker()
    for topic in TOPOLOGY.messages:
        broker.create_topic(topic)
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)
        postgres = stack.enter_context(EmbeddedPostgres(home / "postgres", fsync=False))
        engine = make_engine(postgres.url(), pool_size=1)
        stack.callback(engine.dispose)
        relay = stack.enter_context(Relay(Path(str(engine.url.query["unix_sock"]))))
        stack.callback(broker.close, 1.0)
        topics = stack.enter_context(PubSubServer(broker))
        url = f"postgresql+pg8000://postgres@127.0.0.1:{relay.port}/postgres"
        environment = image.environment | {
            "HOME": "/home/videomoments",
            "FUNCTION_TARGET": FUNCTION,
            "PORT": str(PORT),
            "THREADS": "2",
            "VIDEOMOMENTS_DATABASE_URL": url,
            "VIDEOMOMENTS_UPLOAD_URL": "file:///tmp/buckets/uploads",
            "VIDEOMOMENTS_DERIVED_URL": "file:///tmp/buckets/derived",
            "VIDEOMOMENTS_FOLDER_ROOT": "/tmp/buckets",  # noqa: S108 - inside the image
            "VIDEOMOMENTS_PROJECT": "rehearsal",
            "VIDEOMOMENTS_PUBSUB_ENDPOINT": topics.endpoint,
        }
        say("The migration job")
        run_inside(image.root, ["videomoments", "db", "upgrade"], environment, image.user)
        yield environment
        _look(engine)


def _try_function(image: Image, environment: dict[str, str]) -> None:
    """Start it, wait for its start-up probe, send it one event, and end it."""
    say(f"Starting {FUNCTION} as user {image.user}")
    command = [*entering(image.root, image.user), *image.entrypoint, *image.command]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment)
    try:
        while not _answers():
            if process.poll() is not None or time.monotonic() - began > 60:
                raise SystemExit("The function did not start.")
            time.sleep(0.2)
        say(f"Its start-up probe was answered after {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        status = _push(VideoUploaded(source_url=f"file:///tmp/buckets/uploads/{SAMPLE.name}"))
        say(f"The event was answered with {status} after {time.monotonic() - began:.1f} s")
        if status != http.HTTPStatus.NO_CONTENT:
            raise SystemExit("The event was refused.")
        _end(process)
    finally:
        process.kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Cloud Run ends an instance: SIGTERM to its PID 1, which has 10 seconds."""
    (first,) = psutil.Process(process.pid).children()
    if "tini" not in first.name():
        raise SystemExit(f"PID 1 is {first.name()}.")
    first.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        raise SystemExit("The function did not end when asked to.") from None
    say("Asked to end, it ended")


def _answers() -> bool:
    try:
        return _request("GET", None) == http.HTTPStatus.OK
    except OSError:
        return False


def _push(message: VideoUploaded) -> int:
    """As Pub/Sub pushes."""
    data = base64.b64encode(message.model_dump_json().encode()).decode()
    body = {
        "message": {"data": data, "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"},
        "subscription": f"projects/rehearsal/subscriptions/{message.topic}.{FUNCTION}",
    }
    return _request("POST", json.dumps(body))


def _request(method: str, body: str | None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    try:
        connection.request(method, "/", body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def _look(engine: Engine) -> None:
    """The ledger must say that it was done."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT stage, status FROM stage_runs ORDER BY id")).all()
        seconds = connection.execute(text("SELECT duration_seconds FROM videos")).scalar_one()
    say(f"The ledger: {', '.join(f'{row.stage} {row.status}' for row in rows)}; {seconds} s")
    if (FUNCTION, "completed") not in {(row.stage, row.status) for row in rows}:
        raise SystemExit("The function did not complete.")


def _mebibytes(root: Path) -> int:
    size = subprocess.run(["du", "-sm", str(root)], capture_output=True, text=True, check=True)
    return int(size.stdout.split()[0])


if __name__ == "__main__":
    sys.exit(main())
