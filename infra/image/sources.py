"""The package sources of this machine, which a rehearsed image uses, too."""

from __future__ import annotations

import os
import runpy
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
# uv's variable -> pip's.
INDEX = {"UV_DEFAULT_INDEX": "PIP_INDEX_URL", "UV_INSECURE_HOST": "PIP_TRUSTED_HOST"}


def debian_mirror(suite: str) -> str | None:
    """The mirror that apt's sources name for a Debian suite, or None."""
    chosen = [f"Release: {suite}", "Component: main", "Created-By: Packages"]
    try:
        listed = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)", *chosen],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return next(iter(listed.stdout.split()), None)


def package_index() -> dict[str, str]:
    """Variables that point pip and uv inside an image to this machine's index."""
    pip = runpy.run_path(str(ROOT / ".ci/installer.py"))["find_pip"](ROOT / ".cache")
    settings = runpy.run_path(str(ROOT / ".ci/index.py"))["index_settings"](pip)
    found = {name: settings[name] for name in INDEX if name in settings}
    found |= {INDEX[name]: value for name, value in found.items()}
    return found | {name: os.environ[name] for name in PROXIES if name in os.environ}
