"""Install the locked uv under `.cache`, with any pip that the machine has or can get."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

PIP_MANNERS = {
    "PIP_QUIET": "2",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_USER": "0",
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_CONSTRAINT": "",
}


def find_pip(cache: Path) -> list[str] | None:
    """Return a pip command: this interpreter's, another interpreter's, or one made in `cache`.

    Debian's bare python3 cannot make one. There, apt downloads the wheel and installs nothing.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    other = shutil.which("pip3")
    if other is not None and _succeeds([other, "--version"], cache):
        return [other]
    made = cache / "pip/bin/pip"
    if made.exists() or _succeeds([sys.executable, "-m", "venv", "--clear", "pip"], cache):
        return [str(made.with_name("python")), "-m", "pip"]
    wheel = _wheel_of_debian(cache / "apt")
    return [sys.executable, f"{wheel}/pip"] if wheel else None


def _wheel_of_debian(folder: Path) -> Path | None:
    if not list(folder.rglob("pip-*.whl")) and shutil.which("apt-get") is not None:
        folder.mkdir(exist_ok=True)
        _succeeds(["apt-get", "download", "python3-pip-whl"], folder)
        for package in folder.glob("*.deb"):
            _succeeds(["dpkg-deb", "--extract", package.name, "."], folder)
    return next(folder.rglob("pip-*.whl"), None)


def find_uv(lock: Path, cache: Path, pip: list[str] | None, environment: dict[str, str]) -> str:
    """Return the locked uv, installed into `cache` once; if that fails, the uv on PATH.

    Raises `SystemExit` with advice if there is neither.
    """
    text = lock.read_text(encoding="utf-8")
    name, entry = _locked("uv", text)
    target = cache / name
    own = target / "bin" / "uv"
    if own.exists():
        return str(own)
    index = environment.get("UV_DEFAULT_INDEX", "")
    wanted = cache / "uv.txt"
    wanted.write_text(entry, encoding="utf-8")
    try:
        command = pip or [sys.executable, f"{_fetch_pip(index, text, cache)}/pip"]
        how = ["--quiet", "--only-binary=uv", "--require-hashes", "--upgrade"]
        subprocess.run(
            [*command, "install", *how, f"--target={target}", f"--requirement={wanted}"],
            env={"PIP_INDEX_URL": index} | os.environ | PIP_MANNERS,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        if (fallback := shutil.which("uv")) is not None:
            return fallback
        raise SystemExit(
            f"Could not install {name}: {error}\nInstall pip (or uv) for {sys.executable}, or "
            "set PIP_INDEX_URL to a package index within reach; then run make again."
        ) from error
    return str(own)


def _locked(package: str, lock: str) -> tuple[str, str]:
    """Return `name==version` of a package, and its whole entry in the lock, with the hashes."""
    found = re.search(rf"^({package}==\S+) \\\n(?: +--hash=.*\n)+", lock, re.MULTILINE)
    if found is None:
        raise SystemExit(f"The lock lacks {package} or its hashes. Restore the lock from git.")
    return found[1], found[0]


def _fetch_pip(index: str, lock: str, cache: Path) -> Path:
    """Return the wheel of the locked pip, which runs without installation. Raises `OSError`."""
    if not index.startswith(("https://", "http://")):
        raise OSError("there is no pip, and no package index is set")
    name, entry = _locked("pip", lock)
    wheel = cache / f"{name.replace('==', '-')}-py3-none-any.whl"
    if not wheel.exists():
        page = index.rstrip("/") + "/pip/"
        links = re.findall(r'href="([^"]+)"', _read(page).decode())
        link = next((link for link in links if f"/{wheel.name}" in link), None)
        if link is None:
            raise OSError(f"{page} does not offer {wheel.name}")
        content = _read(urljoin(page, link))
        if hashlib.sha256(content).hexdigest() not in entry:
            raise OSError(f"{wheel.name} is not the file that the lock names")
        partial = wheel.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(wheel)
    return wheel


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - an index's address
        content: bytes = answer.read()
    return content


def _succeeds(command: list[str], folder: Path) -> bool:
    try:
        subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=300)
    except (OSError, subprocess.SubprocessError):
        return False
    return True
