"""Signals of interest in a video without speech: scene changes, motion and loudness."""

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
    """Each signal per half second, 0..1; None if the footage does not show it.

    `scenes` are the seconds at which a new scene begins. `quiet` are the seconds of local minima of
    the loudness.
    """

    loudness: Floats | None
    cuts: Floats | None
    motion: Floats | None
    scenes: Floats
    quiet: Floats

    @property
    def interest(self) -> Floats | None:
        """The weighted mean of the known signals; None if none is known."""
        pairs = [(_WEIGHTS[n], getattr(self, n)) for n in _WEIGHTS if getattr(self, n) is not None]
        if not pairs:
            return None
        total: Floats = sum(w * s for w, s in pairs) / sum(w for w, _ in pairs)
        return total


def signals_of(footage: Footage) -> Signals:
    """Derive scenes from changes between pictures, and peaks and minima from the loudness."""
    count = footage.step_count
    times = np.array([p.seconds for p in footage.pictures], dtype=np.float64)
    changes = np.array([p.change for p in footage.pictures], dtype=np.float64)
    is_cut = scene_starts(changes)
    scenes = times[is_cut]
    levels = _pad_with_silence(footage.loudness_db, count)
    return Signals(
        loudness=_prominence(levels),
        cuts=_cut_density(scenes, changes[is_cut], count) if len(scenes) else None,
        motion=_motion(times, np.where(is_cut, 0.0, changes), count),
        scenes=scenes[(scenes > 0) & (scenes < footage.duration_seconds)],
        quiet=_quiet_places(levels),
    )


def scene_starts(changes: Floats) -> Booleans:
    """True for each picture that begins a scene, from its change against the previous one.

    The limit lies far above the usual change (median and median absolute deviation), so that a
    moving camera does not count as a series of cuts. It has a maximum, so that every cut of a
    fast-cut film counts.
    """
    if not len(changes):
        return np.zeros(0, dtype=np.bool_)
    usual = float(np.median(changes))
    spread = float(np.median(np.abs(changes - usual)))
    limit = float(np.clip(usual + _CUT_DEVIATIONS * spread, _LEAST_CUT, _CERTAIN_CUT))
    found: Booleans = changes >= limit
    return found


def _pad_with_silence(levels: Sequence[float], count: int) -> Floats:
    """One level for each step; unmeasured steps are silent. Empty if no step was measured."""
    if not len(levels):
        return np.zeros(0)
    known = np.asarray(levels[:count], dtype=np.float64)
    padded: Floats = np.concatenate([known, np.full(count - len(known), -120.0)])
    return padded


def _prominence(levels: Floats) -> Floats | None:
    """0 up to the usual level, 1 at the loudest twentieth; None if the level hardly varies."""
    heard = levels[levels > SILENCE_DB]
    if not len(heard):
        return None
    # The usual level is silence in a mostly silent video, so that any sound is prominent there.
    usual = float(np.median(np.maximum(levels, SILENCE_DB)))
    high = float(np.percentile(heard, 95))
    if high - usual < _LEAST_RANGE_DB:
        return None
    found: Floats = np.clip((levels - usual) / (high - usual), 0.0, 1.0)
    return found


def _cut_density(scenes: Floats, strengths: Floats, count: int) -> Floats:
    """The density of cuts around each step, weighted by their strength, scaled to at most 1."""
    middles = (np.arange(count) + 0.5) * STEP_SECONDS
    found = np.zeros(count)
    for at, strength in zip(scenes.tolist(), strengths.tolist(), strict=True):
        low, high = np.searchsorted(middles, [at - _CUT_REACH_SECONDS, at + _CUT_REACH_SECONDS])
        near = 1.0 - np.abs(middles[low:high] - at) / _CUT_REACH_SECONDS
        found[low:high] += strength * near
    scaled: Floats = found / max(1e-9, float(found.max()))
    return scaled


def _motion(times: Floats, changes: Floats, count: int) -> Floats | None:
    """How much the picture changes within scenes; None if it stands still."""
    if len(times) < 2 or float(changes.max()) < _LEAST_MOTION:
        return None
    # A change happened between two pictures, so it belongs to the steps before the second one.
    owner = np.searchsorted(times, (np.arange(count) + 0.5) * STEP_SECONDS)
    per_step = np.append(changes, 0.0)[owner]
    high = max(_LEAST_MOTION, float(np.percentile(per_step, 95)))
    found: Floats = np.clip(per_step / high, 0.0, 1.0)
    return found


def _quiet_places(levels: Floats) -> Floats:
    """The middles, in seconds, of steps that are quieter than all others within two seconds."""
    if len(levels) < 3:
        return np.zeros(0)
    reach = _QUIET_REACH_STEPS
    padded = np.pad(levels, reach, constant_values=np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    lowest = levels <= windows.min(axis=1)
    # In a run of equally quiet steps only the ends matter: the sound ends and begins there.
    edges = lowest & ~(np.roll(lowest, 1) & np.roll(lowest, -1))
    return np.asarray((np.flatnonzero(edges) + 0.5) * STEP_SECONDS, dtype=np.float64)
