"""Create `.venv` from `.ci/requirements.lock`. Needs only Python's standard library to begin.

This happens once: a stamp in `.venv` names the lock, the interpreter and the folder. Two set-ups at
once wait for each other. uv itself is installed under `.cache`, never into the system.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

from index import index_settings
from installer import find_pip, find_uv

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / ".ci/requirements.lock"
VENV = ROOT / ".venv"
STAMP = VENV / ".videomoments-setup"
CACHE = ROOT / ".cache"
LOCKED = ["--all-extras", "--group=dev", "--group=setup"]
# For every platform, and without the address of an index, so that any index may serve the files.
LOCK_FORM = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--custom-compile-command=make lock",
]


def main() -> None:
    """Bring `.venv` or, with `--lock`, the lock up to date."""
    parser = argparse.ArgumentParser(prog=".ci/setup", description=__doc__)
    parser.add_argument(
        "--dev", action="store_true", help="also install the tools of tests and lint"
    )
    parser.add_argument(
        "--lock",
        nargs=argparse.REMAINDER,
        metavar="OPTION",
        help="write the lock instead, with options of `uv pip compile`",
    )
    asked = parser.parse_args()
    if asked.lock is None and _is_ready(asked.dev):
        return
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if asked.lock is not None:
            _write_lock(asked.lock)
        elif not _is_ready(asked.dev):
            _set_up(asked.dev)


def _expected() -> dict[str, str]:
    files = (LOCK, ROOT / "pyproject.toml")
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
    uv, environment = _prepare()
    if found and found.get("place") != expected["place"]:
        shutil.rmtree(VENV)  # its scripts name another interpreter or folder
    STAMP.unlink(missing_ok=True)
    made = ["venv", "--quiet", "--allow-existing", f"--python={sys.executable}"]
    _call([uv, *made, str(VENV)], environment)
    install = [uv, "pip", "install", "--quiet", f"--python={VENV}/bin/python"]
    wanted = ["--requirements=pyproject.toml", "--all-extras", *(["--group=dev"] if dev else [])]
    _call([*install, "--exact", "--require-hashes", f"--constraints={LOCK}", *wanted], environment)
    # The lock also pins the build back end.
    _call([*install, "--no-deps", f"--build-constraints={LOCK}", "--editable=."], environment)
    lines = [f"{key}={value}" for key, value in (expected | {"dev": str(dev)}).items()]
    STAMP.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_lock(options: list[str]) -> None:
    """Lock the packages of pyproject.toml. A version changes only if it must, or by an option."""
    uv, environment = _prepare()
    for partial in ("UV_INDEX", "UV_FIND_LINKS"):
        environment.pop(partial, None)  # they may hold only some files of a version
    compiled = ["pip", "compile", "--quiet", "pyproject.toml", *LOCKED, *LOCK_FORM, *options]
    _call([uv, *compiled, f"--output-file={LOCK}"], environment)


def _prepare() -> tuple[str, dict[str, str]]:
    """Return the path of uv and its environment."""
    pip = find_pip(CACHE)
    environment = index_settings(pip) | dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    if ssl.get_default_verify_paths().cafile is not None:
        # Otherwise uv trusts only its built-in certificates, and not this machine's own.
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    if not os.access(Path.home(), os.W_OK):
        environment.setdefault("UV_CACHE_DIR", str(CACHE / "uv-cache"))
    return find_uv(LOCK, CACHE, pip, environment), environment


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
