"""What can be wrong with a recording, or with what came with it."""

from __future__ import annotations

from shared.errors import ErrorCode

_NEW_FILE = "A corrected file is a new upload and a new run; there is nothing to retry here."

RECORDING_CODES = {
    "damaged_media": ErrorCode(
        "The recording, or a part of it, cannot be decoded: it was cut short or damaged.",
        "Play the file to see whether it is whole, export or copy it again, and upload it. "
        f"{_NEW_FILE}",
    ),
    "duration_lies": ErrorCode(
        "The recording claims to last longer than a file of its size can.",
        f"Export it again and upload it. {_NEW_FILE}",
    ),
    "empty_file": ErrorCode(
        "The file has no content; most likely its upload was interrupted.",
        f"Upload it again. {_NEW_FILE}",
    ),
    "encrypted_media": ErrorCode(
        "The recording is protected (DRM) and cannot be read.",
        f"Upload an unprotected copy. {_NEW_FILE}",
    ),
    "language_unsupported": ErrorCode(
        "The speech engine does not know the language that was asked for.",
        "Set VIDEOMOMENTS_WHISPER_MODEL to a multilingual model, or unset VIDEOMOMENTS_LANGUAGE to "
        "have it detected; then `videomoments retry VIDEO`.",
    ),
    "media_too_costly": ErrorCode(
        "Decoding the recording took more computing time than one step may take.",
        f"Re-encode it with a common codec (H.264, AAC) and upload it. {_NEW_FILE}",
    ),
    "media_too_large": ErrorCode(
        "What was made of the recording grew larger than one file may.",
        f"Cut the recording into parts and upload those. {_NEW_FILE}",
    ),
    "no_audio": ErrorCode(
        "The recording has no sound, so there is nothing to transcribe.",
        f"If it should have sound, export it again with its audio track and upload it. {_NEW_FILE}",
    ),
    "no_streams": ErrorCode(
        "The file has neither picture nor sound in it.",
        f"Upload a video or an audio file. {_NEW_FILE}",
    ),
    "not_media": ErrorCode(
        "The file is no video or audio file of a kind that is known here.",
        "Upload an mp4, mov, mkv, webm, mp3, m4a, wav or the like; what only has such a name "
        f"does not help. {_NEW_FILE}",
    ),
    "slice_unreadable": ErrorCode(
        "A piece of the recording's sound, cut for the speech engine, cannot be read.",
        "`videomoments retry VIDEO` reads it again. If it fails again, export the recording again "
        "and upload it.",
    ),
    "speech_not_set_up": ErrorCode(
        "The settings name a speech engine or a model that is not on this machine.",
        "Correct VIDEOMOMENTS_WHISPER_MODEL (`base` will do, or the path of a model's folder); "
        "`videomoments doctor` says whether it can be used. Then `videomoments retry VIDEO`.",
    ),
    "subtitles_too_large": ErrorCode(
        "The text track inside the recording is larger than subtitles ever are.",
        f"Remove the track and upload the file again. {_NEW_FILE}",
    ),
    "too_long": ErrorCode(
        "The recording is longer than this deployment allows.",
        "Cut it into parts and upload those, or raise VIDEOMOMENTS_MAX_DURATION_SECONDS and "
        "`videomoments retry VIDEO`.",
    ),
    "too_many_pixels": ErrorCode(
        "The picture is larger than this deployment allows.",
        "Scale it down and upload it, or raise VIDEOMOMENTS_MAX_PIXELS and "
        "`videomoments retry VIDEO`.",
    ),
}
