""".ci/index.py and .ci/installer.py: the settings that the set-up takes from the machine."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import runpy
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WHEEL = "pip-1.0-py3-none-any.whl"
# A pip that "installs" by making the file it is asked for.
PIP = """
import pathlib, sys
(target,) = [word.split("=", 1)[1] for word in sys.argv if word.startswith("--target=")]
(wanted,) = [word.split("=", 1)[1] for word in sys.argv if word.startswith("--requirement=")]
assert "--require-hashes" in sys.argv
path = pathlib.Path(target, "bin/uv")
path.parent.mkdir(parents=True)
path.write_text(pathlib.Path(wanted).read_text())
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any setting."""
    for name in os.environ:
        if name.startswith(("PIP_", "UV_")) or name in ("SSL_CERT_FILE", "ALL_PROXY"):
            monkeypatch.delenv(name)


def settings(pip: list[str] | None) -> dict[str, str]:
    """The settings given to uv."""
    told: dict[str, str] = runpy.run_path(str(ROOT / ".ci/index.py"))["index_settings"](pip)
    return told


def pip_with_config(*lines: str) -> list[str]:
    """A pip whose configuration consists of these lines."""
    return [sys.executable, "-c", f"print({os.linesep.join(lines)!r})"]


def test_index_settings_are_those_of_pip() -> None:
    """pip's files name the index; the install section takes precedence over the global one."""
    told = settings(
        pip_with_config(
            "global.index-url='https://a.example/simple'",
            "install.index-url='https://b.example/simple'",
            "global.extra-index-url='\\nhttps://c.example/simple\\nfile:///d/simple'",
            "global.find-links='/e /f'",
            "global.cert='/g.pem'",
            "global.timeout='60'",
        )
    )
    assert told == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://b.example/simple",
        "UV_INDEX": "https://c.example/simple file:///d/simple",
        "UV_FIND_LINKS": "/e,/f",
        "SSL_CERT_FILE": "/g.pem",
    }


def test_index_settings_prefer_variables_to_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip's variable overrides its files, and uv's own variable overrides both."""
    pip = pip_with_config("global.index-url='https://file.example/simple'")
    assert settings(pip)["UV_DEFAULT_INDEX"] == "https://file.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    assert settings(pip)["UV_DEFAULT_INDEX"] == "https://pip.example/simple"
    monkeypatch.setenv("UV_INDEX_URL", "https://old.example/simple")
    assert settings(pip)["UV_DEFAULT_INDEX"] == "https://old.example/simple"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    assert settings(pip)["UV_DEFAULT_INDEX"] == "https://uv.example/simple"


def test_index_settings_name_no_index_when_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """uv then uses its own default; without pip its variables still count."""
    assert "UV_DEFAULT_INDEX" not in settings(None)
    assert "UV_DEFAULT_INDEX" not in settings(pip_with_config(""))
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    assert settings(None)["UV_DEFAULT_INDEX"] == "https://pip.example/simple"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        return


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """The address of a package index that offers one pip."""
    folder = tmp_path / "index/pip"
    folder.mkdir(parents=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pip/__main__.py", PIP)
    (folder / WHEEL).write_bytes(packed.getvalue())
    (folder / "index.html").write_text(f'<a href="../pip/{WHEEL}#sha256=x">{WHEEL}</a>')
    handler = functools.partial(_Quiet, directory=str(tmp_path / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def find_uv(folder: Path, pip_hash: str, index: str) -> Path:
    """The path of the uv that is installed when there is no pip."""
    lock = folder / "requirements.lock"
    entries = {"pip": pip_hash, "uv": "0" * 64}
    lock.write_text(
        "".join(f"{name}==1.0 \\\n    --hash=sha256:{value}\n" for name, value in entries.items())
    )
    found: Callable[..., str] = runpy.run_path(str(ROOT / ".ci/installer.py"))["find_uv"]
    return Path(found(lock, folder, None, {"UV_DEFAULT_INDEX": index}))


def test_find_uv_fetches_the_locked_pip_when_there_is_none(tmp_path: Path, index: str) -> None:
    """pip's wheel comes from the configured index, and installs uv from its entry in the lock."""
    content = (tmp_path / "index/pip" / WHEEL).read_bytes()
    uv = find_uv(tmp_path, hashlib.sha256(content).hexdigest(), index)
    assert uv == tmp_path / "uv==1.0/bin/uv"
    assert uv.read_text() == f"uv==1.0 \\\n    --hash=sha256:{'0' * 64}\n"


def test_find_uv_refuses_a_pip_with_another_hash(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel whose hash differs from the lock is neither executed nor kept."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="is not the file that the lock names"):
        find_uv(tmp_path, "1" * 64, index)
    assert not list(tmp_path.glob("*.whl"))


def test_find_uv_says_what_to_do_when_no_index_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pip, uv and an index, the error asks for one of them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"no package index is set\nInstall pip .or uv.*PIP_INDEX"):
        find_uv(tmp_path, "1" * 64, "")
