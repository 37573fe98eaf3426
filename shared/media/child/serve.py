"""Inside the child: run one operation and print its JSON reply on standard output.

A reply is the operation's facts, {"reject": code, "message": …} if the input is to blame, or
{"failure": …, "code": …} for any other error.
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

OPERATIONS = {
    "probe": ("shared.media.child.probe", "probe"),
    "frame_before": ("shared.media.child.keyframes", "frame_before"),
    "copy": ("shared.media.child.remux", "copy"),
    "merge": ("shared.media.child.remux", "merge"),
    "verify": ("shared.media.child.verify", "verify"),
    "thumbnail": ("shared.media.child.thumbnail", "thumbnail"),
    "survey": ("shared.media.child.survey", "survey"),
}


def serve(operation: str, request: dict[str, Any]) -> None:
    """Run the operation and print its reply."""
    module, function = OPERATIONS[operation]
    json.dump(reply_to(request, getattr(import_module(module), function)), sys.stdout)


def reply_to(
    request: dict[str, Any], work: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Run `work` on the request; errors become replies."""
    try:
        return _run(work, request)
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


def _run(
    work: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]
) -> dict[str, Any]:
    try:
        return work(request)
    except (Reject, av.error.InvalidDataError):
        check_memory()
        raise
