"""Language codes as engines want them."""

from __future__ import annotations

_ALIASES = {"eng": "en", "iw": "he", "in": "id", "ji": "yi", "und": "", "mul": "", "zxx": ""}


def language_code(language: str | None) -> str | None:
    """The primary subtag of a BCP 47 tag, lower case: "en-US" is "en". None: not known."""
    if language is None:
        return None
    primary = language.strip().lower().replace("_", "-").split("-", 1)[0]
    return _ALIASES.get(primary, primary) or None
