"""Keys of endpoints: in the environment alone, never in a row."""

from __future__ import annotations

import os
import re

_NAME = re.compile(r"[A-Za-z0-9_]{1,50}")


def key_named(name: str) -> str | None:
    """The key of that name, VIDEOMOMENTS_LLM_API_KEY_<NAME>; None where there is none.

    Only variables of that form can be named: a row must not be able to send another secret away.
    """
    if not _NAME.fullmatch(name):
        return None
    return os.environ.get(f"VIDEOMOMENTS_LLM_API_KEY_{name.upper()}", "").strip() or None
