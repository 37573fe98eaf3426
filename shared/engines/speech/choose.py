"""Choose the speech engine for this machine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.engines.speech.models import SETTING, find_model
from shared.engines.speech.offline import OfflineEngine
from shared.engines.speech.protocol import SpeechEngine, SpeechModelMissing
from shared.engines.speech.whisper import WhisperEngine
from shared.errors import SettingsError

DEFAULT_MODEL = "base"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine, and a plain sentence for the user if it is only a fallback."""

    engine: SpeechEngine
    notice: str | None = None


def choose_engine(
    *,
    engine: Literal["auto", "whisper", "offline"],
    model: str | None,
    allow_download: bool,
    download_root: Path | None = None,
) -> EngineChoice:
    """Choose the engine without loading it; a missing model may be downloaded.

    "auto" is Whisper with `model` (or `DEFAULT_MODEL`). If that model is neither present nor
    downloadable, "auto" is the offline engine, with a notice. "whisper" never falls back. Raises
    SettingsError for a setting that is wrong on any machine (a path without a model, an unknown
    name) and, for "whisper", SpeechModelMissing.
    """
    if engine == "offline":
        return EngineChoice(_offline_engine())
    wanted = model or DEFAULT_MODEL
    try:
        if engine == "auto" and model is None and not _is_installed("faster_whisper"):
            raise SpeechModelMissing("faster-whisper is not installed (videomoments[whisper]).")
        find_model(wanted, allow_download=allow_download, download_root=download_root)
    except SpeechModelMissing as error:
        if engine == "whisper":
            raise SpeechModelMissing(f"{error} {_remedy()}") from error
        if not _is_installed("pocketsphinx"):
            raise SettingsError(f"No speech engine is usable: {error} {_remedy()}") from error
        return EngineChoice(_offline_engine(), _notice(str(error)))
    whisper = WhisperEngine(wanted, download_root=download_root, allow_download=allow_download)
    return EngineChoice(whisper)


def _offline_engine() -> OfflineEngine:
    if not _is_installed("pocketsphinx"):
        raise SettingsError(
            "The offline speech engine is not installed. "
            "Install it with: pip install 'videomoments[offline]'"
        )
    return OfflineEngine()


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _remedy() -> str:
    return (
        f"Set {SETTING} to the folder of a Whisper model, or to a size such as 'base' "
        "where it can be downloaded."
    )


def _notice(why: str) -> str:
    return (
        f"{why} The offline engine transcribes instead: English only, no punctuation, "
        f"many words wrong. {_remedy()}"
    )
