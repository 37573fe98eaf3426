"""What can happen to a run, whatever the recording is like."""

from __future__ import annotations

from shared.errors import ErrorCode

_RETRY = "`videomoments retry VIDEO`"
# The same request is the same failed run: only without its rows does it begin anew.
_ANEW = "`videomoments delete VIDEO`, then run it again"
_BY_ITSELF = "Nothing: it is tried again by itself."

PIPELINE_CODES = {
    "asked_to_wait": ErrorCode(
        "A server, most often that of a language model, was asked too often and said how long to "
        "wait (Retry-After).",
        "Nothing: it is tried again when that time is over. If it happens often, lower "
        "VIDEOMOMENTS_LLM_CONCURRENCY or ask the provider for more.",
    ),
    "attempts_exhausted": ErrorCode(
        "The step was tried as often as is allowed, and failed each time for a reason that might "
        "have passed.",
        "Look at the last error in the message; `videomoments doctor` checks what a run needs. "
        f"When that is put right: {_RETRY}.",
    ),
    "dead_letter": ErrorCode(
        "A message was delivered as often as is allowed, and no function ever handled it.",
        "Check with `videomoments doctor` that the functions run and can reach the database, then "
        "publish the message again with `videomoments publish`.",
    ),
    "interrupted": ErrorCode(
        "The process at work on the step was ended.",
        f"{_BY_ITSELF} On one machine, give the same command again.",
    ),
    "lease_expired": ErrorCode(
        "The worker that had the step was not heard of any more: killed, or cut off.",
        f"{_BY_ITSELF} If it happens to every worker, look for too little memory.",
    ),
    "malformed_message": ErrorCode(
        "A message came in that no function can read.",
        "Correct it and publish it again; docs/pipeline.md lists the fields of every message.",
    ),
    "nothing_to_do": ErrorCode(
        "The step was skipped, because there was nothing for it to do; that is no failure.",
        "Nothing.",
    ),
    "object_changed": ErrorCode(
        "An object the step was to read was overwritten before it could.",
        f"{_RETRY} makes it again from the recording.",
    ),
    "options_clash": ErrorCode(
        "The options of the request contradict each other, or this deployment's settings.",
        "Correct the options and ask for the run again.",
    ),
    "pipeline_failed": ErrorCode(
        "The step was not begun, because the run could not succeed any more.",
        f"Put right what failed first; {_RETRY} then does this step too.",
    ),
    "source_gone": ErrorCode(
        "The uploaded file was deleted or moved before the run was done with it.",
        "Upload it again; that is a new run. What was made of it before is still there.",
    ),
    "superseded": ErrorCode(
        "The uploaded file was overwritten while the run was under way.",
        "Nothing: the newer version has its own run, listed by `videomoments status`.",
    ),
    "transient": ErrorCode(
        "The last attempt failed for a reason that may pass.",
        f"{_BY_ITSELF} The message says what to look for if it does not pass.",
    ),
    "unknown_clip": ErrorCode(
        "The clip the step is about was deleted.",
        "Nothing, if it was meant to be; else ask for a run of type clips_only.",
    ),
    "unknown_moment": ErrorCode(
        "The moment the step is about was deleted.",
        f"Nothing, if it was meant to be; else {_ANEW}.",
    ),
    "no_transcript": ErrorCode(
        "The transcript the step is about was deleted.",
        f"{_ANEW}.",
    ),
    "unknown_video": ErrorCode(
        "There is no video of this identifier.",
        "`videomoments status` lists those there are; identifiers are copied from there.",
    ),
    "video_deleted": ErrorCode(
        "The video was deleted, and only an old request still asks for it.",
        "Upload its file again to have it anew.",
    ),
}
