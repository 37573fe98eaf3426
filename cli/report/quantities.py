"""Amounts in words that people read at a glance."""

from __future__ import annotations


def size_words(size_bytes: int) -> str:
    """`12.3 MiB`; an empty string for 0."""
    if size_bytes == 0:
        return ""
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def time_words(seconds: float) -> str:
    """`4 s`, `1 min 12 s`, `3 h 5 min`, `2 days 4 h`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} day{'s' * (days != 1)} {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def count_words(number: int, singular: str, plural: str | None = None) -> str:
    """`1 clip`, `3 clips`, `no clips`."""
    many = plural or f"{singular}s"
    return f"{number or 'no'} {singular if number == 1 else many}"
