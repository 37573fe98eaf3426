"""How loud each segment of a slice is, while its sound is at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shared.domain.transcript import Segment, TimedTranscript
from shared.engines.speech.wav import SAMPLE_RATE_HZ, as_floats, read_samples
from shared.errors import Reject


def with_loudness(heard: TimedTranscript, path: Path) -> TimedTranscript:
    """The transcript of the slice at `path`, each segment with its level in dB.

    A cue for choosing moments, and no more: without readable sound the transcript is as it was.
    """
    from shared.domain.levels import level_db

    try:
        samples = as_floats(read_samples(path))
    except Reject:
        return heard

    def measured(segment: Segment) -> Segment:
        low = max(0, round(segment.start_seconds * SAMPLE_RATE_HZ))
        part = samples[low : max(low, round(segment.end_seconds * SAMPLE_RATE_HZ))]
        if not len(part):
            return segment
        return replace(segment, loudness_db=round(float(level_db(part)), 1))

    return replace(heard, segments=tuple(map(measured, heard.segments)))
