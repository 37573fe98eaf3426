"""Refusals of commands."""

from __future__ import annotations

from shared.error_codes.error_code import ErrorCode

CONFIG_INVALID = ErrorCode(
    "config_invalid",
    "An option of `videomoments eval` is not valid.",
    "Correct it as the message says; `videomoments eval --help` shows an example.",
)
DELETION_UNFINISHED = ErrorCode(
    "deletion_unfinished",
    "The video is being deleted, or its deletion was interrupted.",
    "Finish it with `videomoments delete VIDEO`, then give the command again.",
)
LABELLED_SET_INVALID = ErrorCode(
    "labelled_set_invalid",
    "The file given to `videomoments eval` is not a labelled set.",
    "Correct the line that the message names; docs/labelled-sets.md describes the format.",
)
MEDIA_NOT_HEARD = ErrorCode(
    "media_not_heard",
    "A video of the labelled set could not be transcribed.",
    "Correct the item that the message names, or remove it from the set.",
)
NO_VIDEO = ErrorCode(
    "no_video",
    "The file is not a video, judging by its name.",
    "Give the name of a video or audio file.",
)
NOTHING_TO_RETRY = ErrorCode(
    "nothing_to_retry",
    "Nothing failed in the runs of this video, or nothing in the stage that was named.",
    "`videomoments explain VIDEO` shows the state of its runs.",
)
RETRY_NOT_ENOUGH = ErrorCode(
    "retry_not_enough",
    "A retry of that stage alone would not help: another stage failed too.",
    "`videomoments retry VIDEO` without --stage runs every failed stage again.",
)
