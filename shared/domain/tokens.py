"""Estimate how many tokens a language model counts in a text."""

from __future__ import annotations

_ASCII_PER_TOKEN = 3.5
_OTHERS_PER_TOKEN = 1.3


def estimate_tokens(text: str) -> int:
    """An estimate for any model, erring on the high side.

    Tokenizers differ, and most have to be downloaded. In plain text a token is about four ASCII
    characters, or one to two others.
    """
    plain = sum(character.isascii() for character in text)
    return int(plain / _ASCII_PER_TOKEN + (len(text) - plain) / _OTHERS_PER_TOKEN) + 1
