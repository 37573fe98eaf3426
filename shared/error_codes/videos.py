"""Problems with a video, its sound, or the files that came with it."""

from __future__ import annotations

from shared.error_codes.error_code import ErrorCode

_NEW_FILE = "The corrected file gets a run of its own; a retry of this one would not help."

DAMAGED_MEDIA = ErrorCode(
    "damaged_media",
    "The video, or a part of it, cannot be decoded: it was cut short or damaged.",
    "Play the file to see whether it is complete, export or copy it again, and upload it. "
    f"{_NEW_FILE}",
)
DURATION_LIES = ErrorCode(
    "duration_lies",
    "The video claims to last longer than a file of its size can.",
    f"Export it again and upload it. {_NEW_FILE}",
)
EMPTY_FILE = ErrorCode(
    "empty_file",
    "The file is empty; its upload was probably interrupted.",
    f"Upload it again. {_NEW_FILE}",
)
ENCRYPTED_MEDIA = ErrorCode(
    "encrypted_media",
    "The video is protected (DRM) and cannot be read.",
    f"Upload an unprotected copy. {_NEW_FILE}",
)
LANGUAGE_UNSUPPORTED = ErrorCode(
    "language_unsupported",
    "The speech engine does not know the requested language.",
    "Set VIDEOMOMENTS_WHISPER_MODEL to a multilingual model, or unset VIDEOMOMENTS_LANGUAGE to "
    "have the language detected; then `videomoments retry VIDEO`.",
)
MEDIA_TOO_COSTLY = ErrorCode(
    "media_too_costly",
    "Decoding the video took more computing time than one stage is allowed.",
    f"Re-encode it with a common codec (H.264, AAC) and upload it. {_NEW_FILE}",
)
MEDIA_TOO_LARGE = ErrorCode(
    "media_too_large",
    "A file made from the video grew larger than is allowed.",
    f"Cut the video into parts and upload those. {_NEW_FILE}",
)
NO_AUDIO = ErrorCode(
    "no_audio",
    "The video has no sound, so there is nothing to transcribe.",
    f"If it should have sound, export it again with its audio track and upload it. {_NEW_FILE}",
)
NO_STREAMS = ErrorCode(
    "no_streams",
    "The file contains neither picture nor sound.",
    f"Upload a video or an audio file. {_NEW_FILE}",
)
NOT_MEDIA = ErrorCode(
    "not_media",
    "The file is not a video or audio file of a known kind.",
    "Upload an mp4, mov, mkv, webm, mp3, m4a, wav or similar file; renaming another kind of file "
    f"would not help. {_NEW_FILE}",
)
SLICE_UNREADABLE = ErrorCode(
    "slice_unreadable",
    "A slice of the audio, cut for the speech engine, cannot be read.",
    "`videomoments retry VIDEO` reads it again. If it fails again, export the video again and "
    "upload it.",
)
SPEECH_MODEL_UNAVAILABLE = ErrorCode(
    "speech_model_unavailable",
    "The speech engine's model is not on this machine and could not be downloaded.",
    "Connect the machine to the model hub, or set VIDEOMOMENTS_WHISPER_MODEL to the folder of a "
    "model; `videomoments doctor` tests it.",
)
SPEECH_NOT_SET_UP = ErrorCode(
    "speech_not_set_up",
    "The settings name a speech engine or a model that is not on this machine.",
    "Correct VIDEOMOMENTS_WHISPER_MODEL (`base`, for example, or the path of a model's folder); "
    "`videomoments doctor` tests it. Then `videomoments retry VIDEO`.",
)
SUBTITLES_TOO_LARGE = ErrorCode(
    "subtitles_too_large",
    "The video's subtitle track is too large to be real subtitles.",
    f"Remove the track and upload the file again. {_NEW_FILE}",
)
TOO_LONG = ErrorCode(
    "too_long",
    "The video is longer than this deployment allows.",
    "Cut it into parts and upload those, or raise VIDEOMOMENTS_MAX_DURATION_SECONDS and "
    "`videomoments retry VIDEO`.",
)
TOO_MANY_PIXELS = ErrorCode(
    "too_many_pixels",
    "The picture is larger than this deployment allows.",
    "Scale it down and upload it, or raise VIDEOMOMENTS_MAX_PIXELS and `videomoments retry VIDEO`.",
)
