"""Finding a Whisper model: a folder, the local cache, or the hub, in that order."""

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
    """The folder of a CTranslate2 Whisper model, by path, by size ("base") or by hub id.

    The hub is asked only where the cache has nothing, at most once per process; it gets
    `REACH_SECONDS` to answer and `FETCH_SECONDS` to deliver. Raises `SpeechModelMissing` when this
    machine cannot get the model, and SettingsError when no machine could: a path without a model,
    a wrong name, no faster-whisper.
    """
    if _is_path(model):
        return _checked_folder(Path(model).expanduser())
    if importlib.util.find_spec("faster_whisper") is None:
        raise SettingsError(
            "faster-whisper is not installed. Install it with: pip install 'videomoments[whisper]'"
        )
    _check_name(model)
    cached = _cached(model, download_root)
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
                return _fetched(model, download_root)
            except SpeechModelMissing as error:
                _failures[key] = str(error)
        raise SpeechModelMissing(_failures[key])


def _is_path(model: str) -> bool:
    """Whether a folder is meant. A folder that happens to be called "base" is not, if no model."""
    if model.startswith(("/", "./", "../", "~", ".\\")):
        return True
    folder = Path(model)
    return (folder / "model.bin").is_file() or (len(folder.parts) > 1 and folder.is_dir())


def _checked_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise SettingsError(
            f"There is no folder {folder}. Set {SETTING} to the folder of a Whisper model in "
            "CTranslate2 form, or to a size such as 'base'."
        )
    missing = [name for name in _REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise SettingsError(
            f"{folder} is no Whisper model in CTranslate2 form: {', '.join(missing)} missing. "
            "Convert one with: ct2-transformers-converter --model openai/whisper-base "
            "--copy_files tokenizer.json preprocessor_config.json --quantization int8"
        )
    return folder


def _check_name(model: str) -> None:
    from faster_whisper import available_models

    if model not in available_models() and not _HUB_ID.fullmatch(model):
        raise SettingsError(
            f"{model!r} is no Whisper model: neither a folder, nor a hub id (owner/name), nor one "
            f"of {', '.join(available_models())}. Correct {SETTING}."
        )


def _cached(model: str, download_root: Path | None) -> Path | None:
    from faster_whisper import download_model

    try:
        found = download_model(
            model, local_files_only=True, cache_dir=str(download_root) if download_root else None
        )
    except (OSError, ValueError):
        return None
    folder = Path(found)
    whole = all((folder / name).is_file() for name in _REQUIRED_FILES)
    return folder if whole else None


def _fetched(model: str, download_root: Path | None) -> Path:
    """Download in a child, which can be ended when it takes too long."""
    why = _unreachable()
    if why is not None:
        raise SpeechModelMissing(f"The Whisper model {model!r} could not be fetched: {why}.")
    arguments = [sys.executable, "-c", _FETCH, model, str(download_root or "")]
    try:
        done = subprocess.run(
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
            "Try again: the download goes on where it stopped."
        ) from error
    found = _cached(model, download_root)
    if done.returncode == 0 and found is not None:
        return found
    lines = done.stderr.strip().splitlines()
    raise SpeechModelMissing(
        f"The Whisper model {model!r} could not be fetched: "
        f"{lines[-1][:300] if lines else 'the download gave no whole model'}"
    )


def _unreachable() -> str | None:
    """Why the hub cannot be reached, or None. Any answer at all counts as reached."""
    from huggingface_hub import constants, get_session

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    hub = constants.ENDPOINT
    outcome = [f"{hub} did not answer within {REACH_SECONDS:.0f} s"]

    def ask() -> None:
        try:
            get_session().head(hub, timeout=REACH_SECONDS, follow_redirects=False)
            outcome.append("")
        except Exception as error:  # whatever it is, the hub is out of reach
            outcome.append(f"{hub} cannot be reached ({type(error).__name__})")

    # In a thread of its own, because no timeout bounds the look-up of a host's name.
    asking = threading.Thread(target=ask, name="reach-model-hub", daemon=True)
    asking.start()
    asking.join(REACH_SECONDS)
    return outcome[-1] or None
