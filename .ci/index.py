"""This machine's package index: pip's configuration as settings of uv."""

from __future__ import annotations

import ast
import os
import subprocess

MEANINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
SECTIONS = ("global", "install", ":env:")  # the later one wins


def index_settings(pip: list[str] | None) -> dict[str, str]:
    """Return uv's settings for the index, certificates and proxy that pip would use.

    `pip` is pip's command. Without one, only its variables are read, and not its files. A variable
    of uv that is already set stays unchanged.
    """
    told = {f":env:.{name}": os.environ.get(_variable(name), "") for name in MEANINGS}
    if pip is not None:
        told |= _configuration(pip)
    settings: dict[str, str] = {}
    for section in SECTIONS:
        for name, meaning in MEANINGS.items():
            if words := told.get(f"{section}.{name}", "").split():
                settings[meaning] = ("," if name == "find-links" else " ").join(words)
    if "UV_INDEX_URL" in os.environ:
        settings["UV_DEFAULT_INDEX"] = os.environ["UV_INDEX_URL"]
    settings |= {name: os.environ[name] for name in MEANINGS.values() if name in os.environ}
    # As pip does: any index may serve any file. The lock's hashes make that safe.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match"} | settings


def _configuration(pip: list[str]) -> dict[str, str]:
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
    pairs = (line.split("=", 1) for line in listed.stdout.splitlines() if "=" in line)
    return {key: str(ast.literal_eval(value)) for key, value in pairs}


def _variable(name: str) -> str:
    return "PIP_" + name.replace("-", "_").upper()
