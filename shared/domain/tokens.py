"""An estimate of how many tokens a language model counts in a text."""

from __future__ import annotations

_ASCII_PER_TOKEN = 3.5


_OTHERS_PER_TOKEN = 1.3


def estimated_tokens(text: str) -> int:
    """How many tokens a text has, rather too many than too few, whoever's tokens they are.

    Every tokenizer differs, and most have to be fetched. In plain text a token is about four
    ASCII characters, or one to two others.
    """
    plain = sum(character.isascii() for character in text)
    return int(plain / _ASCII_PER_TOKEN + (len(text) - plain) / _OTHERS_PER_TOKEN) + 1
