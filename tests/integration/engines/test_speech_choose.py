"""The choice of a speech engine, with a local model hub that works, is mute, or refuses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.engines.speech import models
from shared.engines.speech.choose import choose_engine
from shared.engines.speech.models import find_model
from shared.engines.speech.offline import OfflineEngine
from shared.engines.speech.protocol import SpeechModelMissing
from shared.engines.speech.whisper import WhisperEngine
from shared.errors import SettingsError

pytest.importorskip("faster_whisper", reason="the whisper extra is not installed")
pytest.importorskip("pocketsphinx", reason="the offline extra is not installed")

FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.json")


class MuteHub:
    """A hub that accepts connections and never answers."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._server.setblocking(False)
        self._held: list[socket.socket] = []

    def new_connections(self) -> int:
        """The number of connections since the last call."""
        before = len(self._held)
        with suppress(BlockingIOError):
            while True:
                self._held.append(self._server.accept()[0])
        return len(self._held) - before

    def close(self) -> None:
        """Close every connection."""
        for connection in self._held:
            connection.close()


@pytest.fixture
def mute_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[MuteHub]:
    """A hub that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server, closing(MuteHub(server)) as hub:
        port = server.getsockname()[1]
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(models, "REACH_SECONDS", 0.5)
        yield hub


class _Refusing(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def refusing_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub that answers but has no model; yields the paths of its requests."""
    asked: list[str] = []
    handler = type("Handler", (_Refusing,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    yield asked
    server.shutdown()
    server.server_close()


def cache_model(root: Path, *, files: tuple[str, ...] = FILES) -> Path:
    """Make a cache that holds "tiny", as huggingface_hub leaves it."""
    repository = root / "models--Systran--faster-whisper-tiny"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    for name in files:
        (snapshot / name).write_bytes(b"{}")
    return snapshot


def test_choose_engine_uses_a_cached_model_without_the_hub(
    mute_hub: MuteHub, tmp_path: Path
) -> None:
    """A complete model in the cache gives Whisper, without a notice and without a connection."""
    snapshot = cache_model(tmp_path)
    choice = choose_engine(engine="auto", model="tiny", allow_download=True, download_root=tmp_path)
    assert isinstance(choice.engine, WhisperEngine)
    assert (choice.engine.name, choice.notice) == ("faster-whisper:tiny", None)
    assert find_model("tiny", allow_download=False, download_root=tmp_path) == snapshot
    assert mute_hub.new_connections() == 0


def test_find_model_ignores_an_incomplete_download(tmp_path: Path) -> None:
    """A cache without the model file does not count as a model."""
    cache_model(tmp_path, files=("config.json",))
    with pytest.raises(SpeechModelMissing, match="not in the local cache"):
        find_model("tiny", allow_download=False, download_root=tmp_path)


@pytest.mark.parametrize("model", [None, "tiny"])
def test_choose_engine_falls_back_when_the_hub_is_mute(
    mute_hub: MuteHub, tmp_path: Path, model: str | None
) -> None:
    """The offline engine replaces Whisper with a notice, and the hub is not called again."""
    choice = choose_engine(engine="auto", model=model, allow_download=True, download_root=tmp_path)
    assert mute_hub.new_connections() > 0
    choose_engine(engine="auto", model=model, allow_download=True, download_root=tmp_path)
    assert mute_hub.new_connections() == 0
    assert isinstance(choice.engine, OfflineEngine)
    assert choice.notice is not None
    for part in (model or "base", "offline engine", "English only", "VIDEOMOMENTS_WHISPER_MODEL"):
        assert part in choice.notice


def test_find_model_gives_the_reason_when_the_hub_refuses(
    refusing_hub: list[str], tmp_path: Path
) -> None:
    """The download calls the hub, and its refusal becomes the reason."""
    with pytest.raises(SpeechModelMissing, match=r"'tiny' could not be fetched: .+"):
        find_model("tiny", allow_download=True, download_root=tmp_path)
    assert any("Systran/faster-whisper-tiny" in path for path in refusing_hub)


def test_choose_engine_raises_when_whisper_is_required_and_missing(
    mute_hub: MuteHub, tmp_path: Path
) -> None:
    """A user who sets "whisper" gets an error that names the remedy."""
    with pytest.raises(SpeechModelMissing, match="VIDEOMOMENTS_WHISPER_MODEL"):
        choose_engine(engine="whisper", model=None, allow_download=True, download_root=tmp_path)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("/no/such/folder", "no folder"),
        ("smal", "not a Whisper model"),
        (".", "not a Whisper model"),
    ],
)
def test_choose_engine_raises_when_the_model_setting_is_wrong(model: str, why: str) -> None:
    """A path without a model and a misspelt name raise in "auto" too."""
    with pytest.raises(SettingsError, match=why) as raised:
        choose_engine(engine="auto", model=model, allow_download=True)
    assert not isinstance(raised.value, SpeechModelMissing)


def test_choose_engine_lists_the_files_that_a_model_folder_lacks(tmp_path: Path) -> None:
    """The error lists the missing files."""
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(SettingsError, match=r"lacks config\.json, tokenizer\.json"):
        choose_engine(engine="auto", model=str(tmp_path), allow_download=True)


def test_whisper_engine_raises_a_settings_error_when_the_model_is_broken(tmp_path: Path) -> None:
    """Files that cannot be loaded raise SettingsError instead of a crash."""
    for name in FILES:
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(SettingsError, match="cannot be loaded"):
        WhisperEngine(str(tmp_path)).transcribe(tmp_path, language=None, deadline_seconds=60)


def test_choose_engine_gives_the_offline_engine_when_it_is_set() -> None:
    """The offline engine needs no lookup and gives no notice."""
    choice = choose_engine(engine="offline", model=None, allow_download=True)
    assert isinstance(choice.engine, OfflineEngine)
    assert choice.notice is None
