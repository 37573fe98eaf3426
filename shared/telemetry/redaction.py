"""Removes text that must never reach a log: secrets, signed URLs, and people's words.

Pure: values in, values out. Too much redaction is better than too little.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

REDACTED = "[redacted]"
_MAX_DEPTH = 8
# Enough for any stack trace; limits the rules' cost on untrusted text.
_MAX_CHARACTERS = 16_384

_SECRET_KEY = re.compile(
    r"secret|token|passw|passphrase|api_?key|authorization|credential|cookie|private_?key|signature"
    r"|bearer|jwt|dsn",
    re.IGNORECASE,
)
_TEXT_KEYS = (
    "text full_text raw_text transcript_text excerpt snippet quote quotes word words sentence"
    " sentences segments captions subtitles lines prompt completion content body data utterance"
)
_TEXT_KEY = frozenset(_TEXT_KEYS.split())
_TEXT_NAMES = "|".join(sorted(_TEXT_KEY, key=len, reverse=True))
_SIGNATURES = (
    "x-goog-signature|x-amz-signature|signature|sig|x-amz-security-token|x-goog-credential"
    "|x-amz-credential|awsaccesskeyid|googleaccessid|upload_id|access_token|id_token|api_key"
)
# The text may end before its closing mark.
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*(?:"|\\?\Z)|'(?:[^'\\]|\\.)*(?:'|\\?\Z))"""

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", REDACTED),
        # The whole query of a signed URL: its parameters together grant the access.
        (
            rf"""(\b\w{{1,20}}://[^\s?"'<>]*)\?[^\s"'<>]*?\b(?:{_SIGNATURES})=[^\s"'<>]*""",
            rf"\1?{REDACTED}",
        ),
        (rf"""\b({_SIGNATURES})=[^\s&"'<>,;)]+""", rf"\1={REDACTED}"),
        (r"""(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@"'<>]*):[^\s"'<>]*@""", rf"\1:{REDACTED}@"),
        (r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", rf"\1 {REDACTED}"),
        (r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*", REDACTED),
        (r"\b(?:AIza[\w-]{30,}|ya29\.[\w.-]+|sk-[\w-]{16,}|AKIA[A-Z0-9]{16})", REDACTED),
        (
            rf"""(\b["']?[\w-]{{0,40}}(?:secret|token|passw(?:or)?d|api_?key|authorization"""
            rf"""|private_?key)["']?\s*[=:]\s*)(?!{re.escape(REDACTED)}|(?:bearer|basic)\s)"""
            rf"""({_QUOTED}|[^\s,;&)}}\]"']+)""",
            rf"\1{REDACTED}",
        ),
        # Values in other libraries' messages about a row, a statement or a field.
        (rf"""(["']?\b(?:{_TEXT_NAMES})\b["']?\s*[=:]\s*)({_QUOTED})""", rf"\1{REDACTED}"),
        (rf"""(["']?\b(?:{_TEXT_NAMES})\b["']?\s*[=:]\s*)\[[^\]]*(?:\]|\Z)""", rf"\1{REDACTED}"),
        (r"(\binput_value=).*?(, input_type=|\Z)", rf"\1{REDACTED}\2"),
        (r"(\[parameters: ).*?(\]\s*(?:\n|$|\(Background)|\Z)", rf"\1{REDACTED}\2"),
        (r"(Failing row contains \().*?(\)\.?(?:['\"\n]|$)|\Z)", rf"\1{REDACTED}\2"),
        (r"(\bKey \([^)]*\)=\().*?(\) (?:already|is not|is still))", rf"\1{REDACTED}\2"),
    )
)


def redact_text(text: str) -> str:
    """The text without anything that looks like a secret or like speech.

    Of a very long text, only the beginning is kept.
    """
    cut = len(text) - _MAX_CHARACTERS
    text = text[:_MAX_CHARACTERS]
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return f"{text} [{cut} characters cut]" if cut > 0 else text


def redact(value: Any, key: str = "", depth: int = 0) -> Any:
    """The value as it may be logged, under the name `key`."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _is_private(key) or depth > _MAX_DEPTH:
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return _redact_composite(value, key, depth)


def _redact_composite(value: Any, key: str, depth: int) -> Any:
    if isinstance(value, BaseModel):
        value = dict(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {
            redact_text(str(name)): redact(item, str(name), depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, key, depth + 1) for item in value]
    return redact_text(str(value))


def _is_private(key: str) -> bool:
    return key.lower() in _TEXT_KEY or _SECRET_KEY.search(key) is not None
