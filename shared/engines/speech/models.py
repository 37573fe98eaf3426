"""Find a Whisper model in a folder, in the local cache or on the hub, in that order."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from shared.engines.speech.protocol import SpeechModelMissing
from shared.errors import SettingsError

SETTING = "VIDEOMOMENTS_WHISPER_MODEL"
REACH_SECONDS = 4.0
FETCH_SECONDS = 240.0

_REQUIRED_FILES = ("model.bin", "config.json", "tokenizer.json")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FETCH = (
    "import sys; from faster_whisper import download_model; "
    "print(download_model(sys.argv[1], cache_dir=sys.argv[2] or None))"
)

_lock = threading.Lock()
_failures: dict[tuple[str, str], str] = {}


def find_model(model: str, *, allow_download: bool, download_root: Path | None = None) -> Path:
    """The folder of a CTranslate2 Whisper model, given by path, by size ("base") or by hub id.

    The hub is asked only if the cache lacks the model, and at most once per process. The attempt
    ends after `REACH_SECONDS` without an answer and after `FETCH_SECONDS` of a slow download.
    Raises SpeechModelMissing if the model cannot be obtained here. Raises SettingsError if no
    machine could obtain it: for a path without a model, an unknown name, or without faster-whisper.
    """
    if _is_path(model):
        return _require_model_folder(Path(model).expanduser())
    if importlib.util.find_spec("faster_whisper") is None:
        raise SettingsError(
            "faster-whisper is not installed. Install it with: pip install 'videomoments[whisper]'"
        )
    _check_name(model)
    cached = _find_cached(model, download_root)
    if cached is not None:
        return cached
    if not allow_download:
        raise SpeechModelMissing(
            f"The Whisper model {model!r} is not in the local cache, and downloads are off."
        )
    with _lock:
        key = (model, str(download_root))
        if key not in _failures:
            try:
                return _download(model, download_root)
            except SpeechModelMissing as error:
                _failures[key] = str(error)
        raise SpeechModelMissing(_failures[key])


def _is_path(model: str) -> bool:
    """True if `model` names a folder. A folder called "base" counts only if it holds a model."""
    if model.startswith(("/", "./", "../", "~", ".\\")):
        return True
    folder = Path(model)
    return (folder / "model.bin").is_file() or (len(folder.parts) > 1 and folder.is_dir())


def _require_model_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise SettingsError(
            f"There is no folder {folder}. Set {SETTING} to the folder of a Whisper model in "
            "CTranslate2 form, or to a size such as 'base'."
        )
    missing = [name for name in _REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise SettingsError(
            f"{folder} is not a Whisper model in CTranslate2 form: it lacks {', '.join(missing)}. "
            "Convert one with: ct2-transformers-converter --model openai/whisper-base "
            "--copy_files tokenizer.json preprocessor_config.json --quantization int8"
        )
    return folder


def _check_name(model: str) -> None:
    from faster_whisper import available_models

    if model not in available_models() and not _HUB_ID.fullmatch(model):
        raise SettingsError(
            f"{model!r} is not a Whisper model: it is neither a folder, nor a hub id (owner/name), "
            f"nor one of {', '.join(available_models())}. Correct {SETTING}."
        )


def _find_cached(model: str, download_root: Path | None) -> Path | None:
    from faster_whisper import download_model

    try:
        found = download_model(
            model, local_files_only=True, cache_dir=str(download_root) if download_root else None
        )
    except (OSError, ValueError):
        return None
    folder = Path(found)
    is_complete = all((folder / name).is_file() for name in _REQUIRED_FILES)
    return folder if is_complete else None


def _download(model: str, download_root: Path | None) -> Path:
    """Download in a child process, because only a process can be stopped after a time-out."""
    reason = _unreachable_reason()
    if reason is not None:
        raise SpeechModelMissing(f"The Whisper model {model!r} could not be fetched: {reason}.")
    arguments = [sys.executable, "-c", _FETCH, model, str(download_root or "")]
    try:
        completed = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SpeechModelMissing(
            f"The Whisper model {model!r} was not fetched within {FETCH_SECONDS:.0f} s. "
            "Try again: the download continues where it stopped."
        ) from error
    found = _find_cached(model, download_root)
    if completed.returncode == 0 and found is not None:
        return found
    lines = completed.stderr.strip().splitlines()
    raise SpeechModelMissing(
        f"The Whisper model {model!r} could not be fetched: "
        f"{lines[-1][:300] if lines else 'the download was incomplete'}"
    )


def _unreachable_reason() -> str | None:
    """Why the hub cannot be reached; None if it gives any answer at all."""
    from huggingface_hub import constants, get_session

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    hub = constants.ENDPOINT
    outcome = [f"{hub} did not answer within {REACH_SECONDS:.0f} s"]

    def ask() -> None:
        try:
            get_session().head(hub, timeout=REACH_SECONDS, follow_redirects=False)
            outcome.append("")
        except Exception as error:  # any error means that the hub is out of reach
            outcome.append(f"{hub} cannot be reached ({type(error).__name__})")

    # A separate thread, because no timeout bounds the look-up of a host's name.
    thread = threading.Thread(target=ask, name="reach-model-hub", daemon=True)
    thread.start()
    thread.join(REACH_SECONDS)
    return outcome[-1] or None
