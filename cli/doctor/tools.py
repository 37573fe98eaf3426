"""Check the tools: the speech engine's model, and ffmpeg."""

from __future__ import annotations

import os
import shutil

from cli.doctor.checks import Check
from cli.local.home import Home
from cli.report.quantities import size_words
from shared.engines.speech.choose import DEFAULT_MODEL, choose_engine
from shared.engines.speech.protocol import SpeechModelMissing
from shared.errors import SettingsError
from shared.media.tools import TESTED_FROM, inspect_ffmpeg
from shared.settings.settings import PREFIX, Settings

LITTLE_BYTES = 2 * 1024**3
NOTHING_BYTES = 200 * 1024**2
BETTER_SPEECH = (
    f"Set {PREFIX}WHISPER_MODEL to the folder of a Whisper model, or to a size such as base."
)


def check_speech(settings: Settings) -> Check:
    """The engine that would transcribe. Nothing is downloaded or loaded."""
    model = settings.whisper_model or DEFAULT_MODEL
    try:
        choice = choose_engine(
            engine=settings.speech_engine,
            model=settings.whisper_model,
            allow_download=False,
        )
    except (SpeechModelMissing, SettingsError) as error:
        if settings.whisper_download and isinstance(error, SpeechModelMissing):
            return _to_be_fetched(model)
        return Check("speech", "problem", str(error), BETTER_SPEECH)
    if choice.notice is None:
        return Check("speech", "ok", choice.engine.name)
    if settings.whisper_download:
        return _to_be_fetched(model, " If that fails, the offline engine transcribes.")
    return Check("speech", "warning", choice.notice, BETTER_SPEECH)


def _to_be_fetched(model: str, otherwise: str = "") -> Check:
    found = f"the Whisper model {model!r} is not here yet; the first run downloads it.{otherwise}"
    return Check("speech", "warning", found, BETTER_SPEECH)


def check_ffmpeg(settings: Settings) -> Check:
    """ffmpeg's version and codecs. Raises `SettingsError` if it is not found."""
    ffmpeg = inspect_ffmpeg(str(settings.ffmpeg) if settings.ffmpeg is not None else None)
    what = f"{ffmpeg.version} at {ffmpeg.path}"
    lacks = [f"encoder {name}" for name in ffmpeg.missing_encoders]
    lacks += [f"decoder {name}" for name in ffmpeg.missing_decoders]
    remedy = f"Install a full ffmpeg {TESTED_FROM} or newer, or name one in {PREFIX}FFMPEG."
    if lacks:
        return Check("ffmpeg", "problem", f"{what} lacks {', '.join(lacks)}", remedy)
    if ffmpeg.major is not None and ffmpeg.major < TESTED_FROM:
        return Check("ffmpeg", "warning", f"{what} is older than the tested versions", remedy)
    return Check("ffmpeg", "ok", f"{what}, with all required codecs")


def check_disk(home: Home) -> Check:
    """Free space for the data folder: database, buckets and temporary files."""
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{size_words(free) or 'nothing'} free for {home.root}"
    if not os.access(folder, os.W_OK) or not folder.is_dir():
        return Check("disk", "problem", f"{folder} cannot be written to", "Choose another --data.")
    if free < NOTHING_BYTES:
        return Check("disk", "problem", found, "Make room; videomoments gc may free some.")
    if free < LITTLE_BYTES:
        return Check("disk", "warning", found, "Make room before you process long videos.")
    return Check("disk", "ok", found)
