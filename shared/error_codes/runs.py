"""Problems of a run that do not depend on its video."""

from __future__ import annotations

from shared.error_codes.error_code import ErrorCode

_RETRY = "`videomoments retry VIDEO`"
# The same request would return the same failed run while its rows exist.
_START_OVER = "`videomoments delete VIDEO`, then run it again"

ASKED_TO_WAIT = ErrorCode(
    "asked_to_wait",
    "A server, usually that of a language model, received too many requests and said how long to "
    "wait (Retry-After).",
    "If it happens often, lower VIDEOMOMENTS_LLM_CONCURRENCY or ask the provider for a higher "
    "limit.",
)
ATTEMPTS_EXHAUSTED = ErrorCode(
    "attempts_exhausted",
    "Every allowed attempt failed, each for a reason that might have passed.",
    "Look at the last error in the message; `videomoments doctor` checks what a run needs. "
    f"Once the cause is gone: {_RETRY}.",
)
DEAD_LETTER = ErrorCode(
    "dead_letter",
    "A message was delivered as often as allowed, and no function ever handled it.",
    "Check with `videomoments doctor` that the functions run and can reach the database, then "
    "publish the message again with `videomoments publish`.",
)
INTERRUPTED = ErrorCode(
    "interrupted",
    "The process that ran the stage was stopped.",
    "On one machine, run the same command again. Elsewhere, if it happens often, find out what "
    "stops the process.",
)
LEASE_EXPIRED = ErrorCode(
    "lease_expired",
    "The worker that ran the stage was killed, or lost its connection to the database.",
    "If it happens often, check the workers' logs and their memory.",
)
MALFORMED_MESSAGE = ErrorCode(
    "malformed_message",
    "No function can read the message.",
    "Correct it and publish it again; docs/pipeline.md lists the fields of every message.",
)
NO_TIME_LEFT = ErrorCode(
    "no_time_left",
    "The stage ran out of time before the language model had answered every question.",
    "The next attempt asks only the questions that are still open. If it happens often, use a "
    "faster model or raise VIDEOMOMENTS_LLM_CONCURRENCY.",
)
NO_TRANSCRIPT = ErrorCode(
    "no_transcript",
    "The transcript that the stage needs was deleted.",
    f"{_START_OVER}.",
)
NOTHING_TO_DO = ErrorCode(
    "nothing_to_do",
    "The stage was skipped because it had nothing to do. This is not a failure.",
    "Nothing.",
)
OBJECT_CHANGED = ErrorCode(
    "object_changed",
    "An object was overwritten before the stage could read it.",
    f"{_RETRY} makes it again from the video.",
)
OPTIONS_CLASH = ErrorCode(
    "options_clash",
    "The options of the request contradict each other, or this deployment's settings.",
    "Correct the options and ask for the run again.",
)
PIPELINE_FAILED = ErrorCode(
    "pipeline_failed",
    "The stage was not started, because the run could no longer succeed.",
    f"Fix the first failure; {_RETRY} then runs this stage too.",
)
SOURCE_GONE = ErrorCode(
    "source_gone",
    "The uploaded file was deleted or moved before the run was finished.",
    "Upload it again, which starts a new run. The results so far are kept.",
)
SUPERSEDED = ErrorCode(
    "superseded",
    "The uploaded file was overwritten during the run.",
    "Nothing: the newer version has its own run, which `videomoments status` lists.",
)
TOO_EARLY = ErrorCode(
    "too_early",
    "The message arrived before an earlier stage had stored the rows that it names.",
    "Nothing: the stage runs once the rows exist. This attempt is not counted.",
)
TRANSIENT = ErrorCode(
    "transient",
    "The last attempt failed for a reason that may pass.",
    "Read the message if it happens often; `videomoments doctor` checks what a run needs.",
)
UNKNOWN_CLIP = ErrorCode(
    "unknown_clip",
    "The stage's clip was deleted.",
    "Nothing, if you deleted it on purpose; otherwise ask for a run of type clips_only.",
)
UNKNOWN_MOMENT = ErrorCode(
    "unknown_moment",
    "The stage's moment was deleted.",
    f"Nothing, if you deleted it on purpose; otherwise {_START_OVER}.",
)
UNKNOWN_VIDEO = ErrorCode(
    "unknown_video",
    "There is no video with this identifier.",
    "`videomoments status` lists the identifiers of all videos; copy one from there.",
)
VIDEO_DELETED = ErrorCode(
    "video_deleted",
    "The video was deleted, and an old request still asks for it.",
    "Upload its file again.",
)
