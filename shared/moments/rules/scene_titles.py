"""Title a moment without speech by its time and by the measurements there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.domain.footage import STEP_SECONDS, Footage
from shared.domain.spans import TimeSpan
from shared.moments.rules.signals import Signals


def scene_title(span: TimeSpan, footage: Footage, signals: Signals) -> str:
    """The time of the span and the measurements there."""
    begins = bool(np.any(np.abs(signals.scenes - span.start_seconds) < 1e-6))
    noun = "Scene" if footage.pictures and (begins or span.start_seconds == 0) else "Passage"
    facts = [
        _loudness_fact(span, footage, signals),
        _scenes_fact(span, signals),
        _motion_fact(span, signals),
    ]
    known = ", ".join(fact for fact in facts if fact)
    head = f"{noun} at {clock(span.start_seconds)}"
    return f"{head}: {known}" if known else head


def _loudness_fact(span: TimeSpan, footage: Footage, signals: Signals) -> str:
    if signals.loudness is None:
        return ""
    levels: Sequence[float] = footage.loudness_db
    low = int(np.ceil(span.start_seconds / STEP_SECONDS - 1e-9))
    high = int(span.end_seconds / STEP_SECONDS + 1e-9)
    inside = levels[low:high]
    if not inside or float(np.max(signals.loudness[low:high])) <= 0:
        return ""
    peak = low + int(np.argmax(inside))
    at = clock(peak * STEP_SECONDS)
    return f"the loudest part, at {at}" if peak == np.argmax(levels) else f"loudest at {at}"


def _scenes_fact(span: TimeSpan, signals: Signals) -> str:
    inside = (signals.scenes > span.start_seconds) & (signals.scenes < span.end_seconds)
    count = int(inside.sum())
    return f"{count} scene change{'s' * (count != 1)}" if count else ""


def _motion_fact(span: TimeSpan, signals: Signals) -> str:
    if signals.motion is None:
        return ""
    low = int(span.start_seconds / STEP_SECONDS)
    high = max(low + 1, int(span.end_seconds / STEP_SECONDS))
    moves = signals.motion[low:high].mean() > signals.motion.mean()
    return "much movement" if moves else ""


def clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` within the first hour."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
