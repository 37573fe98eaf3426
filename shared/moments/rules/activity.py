"""What can be seen and heard of a recording in which nobody speaks: scenes and loudness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.domain.footage import SILENCE_DB, STEP_SECONDS, Footage
from shared.moments.rules.gaps import Booleans, Floats

_LEAST_RANGE_DB = 3.0
_LEAST_MOTION = 0.02
_LEAST_CUT, _CERTAIN_CUT = 0.08, 0.2
_CUT_DEVIATIONS = 4.5
_CUT_REACH_SECONDS = 4.0
_QUIET_REACH_STEPS = 4
_WEIGHTS = {"loudness": 0.5, "cuts": 0.3, "motion": 0.2}


@dataclass(frozen=True, slots=True)
class Signals:
    """What goes on, per half second, 0..1; None where there is nothing to tell it by.

    `scenes`: seconds at which another scene begins. `quiet`: seconds at which the sound is at its
    lowest for a while.
    """

    loudness: Floats | None
    cuts: Floats | None
    motion: Floats | None
    scenes: Floats
    quiet: Floats

    @property
    def interest(self) -> Floats | None:
        """The weighted mean of what there is; None where nothing goes on at all."""
        pairs = [(_WEIGHTS[n], getattr(self, n)) for n in _WEIGHTS if getattr(self, n) is not None]
        if not pairs:
            return None
        total: Floats = sum(w * s for w, s in pairs) / sum(w for w, _ in pairs)
        return total


def signals_of(footage: Footage) -> Signals:
    """Scenes from pictures that differ from their predecessors, peaks and lows from the level."""
    count = footage.step_count
    times = np.array([p.seconds for p in footage.pictures], dtype=np.float64)
    changes = np.array([p.change for p in footage.pictures], dtype=np.float64)
    is_cut = scene_starts(changes)
    scenes = times[is_cut]
    levels = _filled(footage.loudness_db, count)
    return Signals(
        loudness=_standing_out(levels),
        cuts=_density(scenes, changes[is_cut], count) if len(scenes) else None,
        motion=_motion(times, np.where(is_cut, 0.0, changes), count),
        scenes=scenes[(scenes > 0) & (scenes < footage.duration_seconds)],
        quiet=_quiet_places(levels),
    )


def scene_starts(changes: Floats) -> Booleans:
    """Which pictures begin another scene, from how much each differs from the one before.

    A change far above what is usual in the recording (median and median absolute deviation), so
    that a moving camera is no series of cuts; a great one always, so that a film cut fast is.
    """
    if not len(changes):
        return np.zeros(0, dtype=np.bool_)
    usual = float(np.median(changes))
    spread = float(np.median(np.abs(changes - usual)))
    limit = float(np.clip(usual + _CUT_DEVIATIONS * spread, _LEAST_CUT, _CERTAIN_CUT))
    found: Booleans = changes >= limit
    return found


def _filled(levels: Sequence[float], count: int) -> Floats:
    """One level for each step; what was not heard is silent. Empty where nothing was."""
    if not len(levels):
        return np.zeros(0)
    known = np.asarray(levels[:count], dtype=np.float64)
    filled: Floats = np.concatenate([known, np.full(count - len(known), -120.0)])
    return filled


def _standing_out(levels: Floats) -> Floats | None:
    """0 at the usual level and below, 1 at the loudest twentieth; None where all is alike."""
    heard = levels[levels > SILENCE_DB]
    if not len(heard):
        return None
    # Sound in silence stands out by itself; else what is louder than half of what is heard.
    usual = float(np.median(np.maximum(levels, SILENCE_DB)))
    high = float(np.percentile(heard, 95))
    if high - usual < _LEAST_RANGE_DB:
        return None
    found: Floats = np.clip((levels - usual) / (high - usual), 0.0, 1.0)
    return found


def _density(scenes: Floats, strengths: Floats, count: int) -> Floats:
    """How many cuts, by their strength, there are around each step; 1 where there are most."""
    middles = (np.arange(count) + 0.5) * STEP_SECONDS
    found = np.zeros(count)
    for at, strength in zip(scenes.tolist(), strengths.tolist(), strict=True):
        low, high = np.searchsorted(middles, [at - _CUT_REACH_SECONDS, at + _CUT_REACH_SECONDS])
        near = 1.0 - np.abs(middles[low:high] - at) / _CUT_REACH_SECONDS
        found[low:high] += strength * near
    scaled: Floats = found / max(1e-9, float(found.max()))
    return scaled


def _motion(times: Floats, changes: Floats, count: int) -> Floats | None:
    """How much the picture changes within scenes; None where it stands still."""
    if len(times) < 2 or float(changes.max()) < _LEAST_MOTION:
        return None
    # What differs between two pictures happened between them.
    owner = np.searchsorted(times, (np.arange(count) + 0.5) * STEP_SECONDS)
    per_step = np.append(changes, 0.0)[owner]
    high = max(_LEAST_MOTION, float(np.percentile(per_step, 95)))
    found: Floats = np.clip(per_step / high, 0.0, 1.0)
    return found


def _quiet_places(levels: Floats) -> Floats:
    """The middles of steps that are quieter than all within two seconds, in seconds."""
    if len(levels) < 3:
        return np.zeros(0)
    reach = _QUIET_REACH_STEPS
    padded = np.pad(levels, reach, constant_values=np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    lowest = levels <= windows.min(axis=1)
    # Of a stretch of equal lows the ends are where sound ends and begins.
    edges = lowest & ~(np.roll(lowest, 1) & np.roll(lowest, -1))
    return np.asarray((np.flatnonzero(edges) + 0.5) * STEP_SECONDS, dtype=np.float64)
