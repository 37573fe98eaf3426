"""Make `.venv` as uv.lock says, with nothing but Python's standard library to begin with.

Done once: a stamp in `.venv` names the lock, the interpreter and the place it was made for.
Two at once wait for each other. uv itself is installed under `.cache`, never into the system.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".videomoments-setup"
CACHE = ROOT / ".cache"
UV = "uv==0.13.8"
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
PIP_MANNERS = {
    "PIP_QUIET": "2",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_USER": "0",
    "PIP_REQUIRE_VIRTUALENV": "0",
}


def _locked_index() -> str:
    """The index whose addresses uv.lock names."""
    found = re.search(r'registry = "([^"]+)"', (ROOT / "uv.lock").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("uv.lock names no package index.")
    return found[1].rstrip("/")


def main() -> None:
    """Bring `.venv` up to date. `--dev` adds what tests and lint need."""
    parser = argparse.ArgumentParser(prog=".ci/setup", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests and lint need")
    dev = parser.parse_args().dev
    if _is_ready(dev):
        return
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_ready(dev):
            _set_up(dev)


def _expected() -> dict[str, str]:
    files = (ROOT / "uv.lock", ROOT / "pyproject.toml")
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
    version = ".".join(str(part) for part in sys.version_info[:3])
    return {"lock": digest, "place": f"{version} {sys.base_prefix} {ROOT}"}


def _stamped() -> dict[str, str]:
    try:
        lines = STAMP.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines)


def _is_ready(dev: bool) -> bool:
    found = _stamped()
    fits = all(found.get(key) == value for key, value in _expected().items())
    return fits and (not dev or found.get("dev") == "True") and (VENV / "bin/python").exists()


def _set_up(dev: bool) -> None:
    found, expected = _stamped(), _expected()
    dev = dev or found.get("dev") == "True"
    _say("Setting up .venv (once; a minute or two) …")
    environment = _environment()
    uv = _find_uv(environment)
    if found and found.get("place") != expected["place"]:
        shutil.rmtree(VENV)  # its scripts name another interpreter or folder
    STAMP.unlink(missing_ok=True)
    groups = [] if dev else ["--no-dev"]
    if "UV_DEFAULT_INDEX" in environment:
        _sync_by_index(uv, groups, environment)
    else:
        _call([uv, "sync", "--quiet", "--frozen", "--all-extras", *groups], environment)
    lines = [f"{key}={value}" for key, value in (expected | {"dev": str(dev)}).items()]
    STAMP.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sync_by_index(uv: str, groups: list[str], environment: dict[str, str]) -> None:
    """The same, from another index: the lock names its files by their addresses on its own."""
    wanted = CACHE / "requirements.txt"
    what = ["--frozen", "--all-extras", "--no-emit-project", "--no-header", *groups]
    _call([uv, "export", "--quiet", *what, "--output-file", str(wanted)], environment)
    _call([uv, "venv", "--quiet", "--allow-existing", str(VENV)], environment)
    # Named each time: left to UV_PYTHON, `uv pip` would change the interpreter we run on.
    pip = [uv, "pip", "--quiet"]
    into = ["--python", str(VENV / "bin/python")]
    _call([*pip, "sync", *into, "--require-hashes", str(wanted)], environment)
    _call([*pip, "install", *into, "--no-deps", "--editable", str(ROOT)], environment)


def _environment() -> dict[str, str]:
    """Ours, with uv told what pip has been told: index, further places, certificates."""
    told = {
        "UV_DEFAULT_INDEX": _pip_setting("index-url"),
        "UV_INDEX": _pip_setting("extra-index-url"),
        "UV_FIND_LINKS": _pip_setting("find-links"),
        "SSL_CERT_FILE": _pip_setting("cert"),
    }
    if (told["UV_DEFAULT_INDEX"] or "").rstrip("/") in ("", _locked_index()):
        # Then the lock's own addresses serve; what else pip may look at is not needed.
        told = {"SSL_CERT_FILE": told["SSL_CERT_FILE"]}
    environment = {key: value for key, value in told.items() if value} | dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    if "UV_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["UV_INDEX_URL"])
    environment |= {
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    if ssl.get_default_verify_paths().cafile is not None:
        # Else uv trusts only what it was built with, and no certificate of this machine's own.
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    if not os.access(Path.home(), os.W_OK):
        environment.setdefault("UV_CACHE_DIR", str(CACHE / "uv-cache"))
    return environment


def _pip_setting(name: str) -> str | None:
    """What pip would use: PIP_… first, then its files."""
    value = os.environ.get("PIP_" + name.replace("-", "_").upper())
    if value is None and importlib.util.find_spec("pip") is not None:
        for section in ("install", "global"):
            asked = subprocess.run(
                [sys.executable, "-m", "pip", "config", "get", f"{section}.{name}"],
                capture_output=True,
                text=True,
                check=False,
            )
            if asked.returncode == 0:
                value = asked.stdout
                break
    separator = "," if name == "find-links" else " "
    return separator.join(value.split()) or None if value else None


def _find_uv(environment: dict[str, str]) -> str:
    """The uv of `.cache`, installed there by whatever pip can be had; else the one on PATH."""
    target = CACHE / UV
    own = target / "bin" / "uv"
    if not own.exists():
        try:
            pip = _find_pip(environment)
            _call(
                [*pip, "install", "--only-binary", "uv", "--upgrade", "--target", str(target), UV],
                os.environ | PIP_MANNERS,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            if (fallback := shutil.which("uv")) is not None:
                return fallback
            raise SystemExit(
                f"Could not install {UV}: {error}\nInstall pip (or uv) for {sys.executable}, or "
                "check that the package index can be reached; then run make again."
            ) from error
    return str(own)


def _find_pip(environment: dict[str, str]) -> list[str]:
    """A command that is pip. Debian's bare python3 has none: then pip's own wheel serves as one."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    wheel = CACHE / PIP_WHEEL
    if not wheel.exists():
        page = environment.get("UV_DEFAULT_INDEX", _locked_index()).rstrip("/") + "/pip/"
        links = re.findall(r'href="([^"]+)"', _fetch(page).decode())
        link = next((link for link in links if f"/{PIP_WHEEL}" in link), None)
        if link is None:
            raise OSError(f"{page} does not offer {PIP_WHEEL}")
        content = _fetch(urljoin(page, link))
        if hashlib.sha256(content).hexdigest() != PIP_SHA256:
            raise OSError(f"{PIP_WHEEL} is not the file it should be")
        partial = wheel.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(wheel)
    return [sys.executable, f"{wheel}/pip"]


def _fetch(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise OSError(f"{url} is no web address")
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - checked above
        content: bytes = answer.read()
    return content


def _call(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        command = " ".join(str(part) for part in error.cmd[:3])
        raise SystemExit(f"Set-up failed at `{command} …` (exit {error.returncode}).") from None
