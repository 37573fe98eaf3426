"""Convert language tags to the codes that engines accept."""

from __future__ import annotations

_ALIASES = {"eng": "en", "iw": "he", "in": "id", "ji": "yi", "und": "", "mul": "", "zxx": ""}


def language_code(language: str | None) -> str | None:
    """The primary subtag of a BCP 47 tag in lower case: "en" for "en-US". None if unknown."""
    if language is None:
        return None
    primary = language.strip().lower().replace("_", "-").split("-", 1)[0]
    return _ALIASES.get(primary, primary) or None
