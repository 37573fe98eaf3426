"""What a command refuses to do."""

from __future__ import annotations

from shared.errors import ErrorCode

COMMAND_CODES = {
    "config_invalid": ErrorCode(
        "An option of `videomoments eval` cannot be understood.",
        "Correct it as the message says; `videomoments eval --help` shows an example.",
    ),
    "deletion_unfinished": ErrorCode(
        "The video is being deleted, or its deletion was interrupted.",
        "Finish it with `videomoments delete VIDEO`, then give the command again.",
    ),
    "labelled_set_invalid": ErrorCode(
        "The file given to `videomoments eval` is no labelled set.",
        "Correct the line the message names; docs/labelled-sets.md describes the format.",
    ),
    "media_not_heard": ErrorCode(
        "A recording of the labelled set could not be transcribed.",
        "Correct the item the message names, or take it out of the set.",
    ),
    "no_video": ErrorCode(
        "The name of the file says that it is no recording.",
        "Give the recording itself.",
    ),
    "nothing_to_retry": ErrorCode(
        "Nothing failed in the runs of this video, or in that stage of them.",
        "`videomoments explain VIDEO` says where it stands.",
    ),
    "retry_not_enough": ErrorCode(
        "Retrying that stage alone could not make the run succeed: another one failed too.",
        "`videomoments retry VIDEO` without --stage does all of it again.",
    ),
}
