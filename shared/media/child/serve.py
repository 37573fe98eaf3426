"""Inside the child: one operation, one JSON reply on standard output.

Replies: the operation's facts; {"reject": code, "message": …} when the input is to blame;
{"failure": …, "code": …} when something else is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import av.error

from shared.error_codes.videos import DAMAGED_MEDIA
from shared.errors import Reject, code_of
from shared.media.child.memory import check_memory

_OPERATIONS = {
    "probe": ("shared.media.child.probe", "probe"),
    "frame_before": ("shared.media.child.keyframes", "frame_before"),
    "copy": ("shared.media.child.remux", "copy"),
    "merge": ("shared.media.child.remux", "merge"),
    "verify": ("shared.media.child.verify", "verify"),
    "thumbnail": ("shared.media.child.thumbnail", "thumbnail"),
    "glances": ("shared.media.child.survey", "glances"),
}


def serve(operation: str, request: dict[str, Any]) -> None:
    """Do it and print the reply."""
    module, function = _OPERATIONS[operation]
    work: Callable[[dict[str, Any]], dict[str, Any]] = getattr(import_module(module), function)
    json.dump(_reply(work, request), sys.stdout)


def _reply(
    work: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]
) -> dict[str, Any]:
    try:
        return _checked(work, request)
    except Reject as error:
        return {"reject": error.code, "message": error.message}
    except av.error.InvalidDataError as error:
        return {
            "reject": DAMAGED_MEDIA,
            "message": f"The file cannot be decoded ({error.strerror}). "
            "Export it again and upload it again.",
        }
    except (OSError, MemoryError, av.error.FFmpegError) as error:
        return {"failure": f"{type(error).__name__}: {error}", "code": code_of(error)}


def _checked(
    work: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]
) -> dict[str, Any]:
    try:
        return work(request)
    except (Reject, av.error.InvalidDataError):
        check_memory()
        raise
