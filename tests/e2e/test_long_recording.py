"""A recording past 100 minutes through every stage, with an engine that cannot mishear."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from cli.local.cloud import wire_topics
from cli.local.home import Home
from cli.report.results import pipeline_json
from cli.run.requests import request_file, wait
from functions.main import TOPOLOGY
from functions.wiring import make_context
from shared.db.engine import make_engine
from shared.db.models import Transcript
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.messages.options import Options
from shared.messaging.in_process.broker import MemoryBroker
from shared.pipeline.runtime import Runtime
from shared.settings.settings import Settings
from tests.support.media.factory import concat, run_ffmpeg

MINUTES = 101
RATE = 16_000
BURSTS = (4.0, 9.5, 21.25, 33.0, 41.5, 52.75)
BURST_SECONDS = 0.4


class BurstEngine:
    """A fake recogniser: every burst of tone is the word "beep", at its true time."""

    name = "bursts"

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> TimedTranscript:
        """The bursts in the slice, by their energy in steps of 10 ms."""
        with wave.open(str(wav_path), "rb") as file:
            assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
        steps = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
        loud = np.concatenate([[False], np.abs(steps).mean(axis=1) > 500, [False]])
        edges = np.flatnonzero(np.diff(loud.astype(np.int8)))
        words = tuple(
            Word("beep", start / 100, stop / 100) for start, stop in edges.reshape(-1, 2).tolist()
        )
        segments = tuple(Segment("beep", w.start_seconds, w.end_seconds) for w in words)
        return TimedTranscript("en", words, segments)


def _recording(folder: Path) -> Path:
    """101 quiet minutes with six bursts of tone in each."""
    on = "+".join(f"between(t,{burst},{burst + BURST_SECONDS})" for burst in BURSTS)
    minute = folder / "minute.wav"
    tone = f"aevalsrc='0.3*sin(2*PI*440*t)*({on})':s={RATE}:d=60"
    run_ffmpeg("-f", "lavfi", "-i", tone, "-c:a", "pcm_s16le", str(minute))
    return concat([minute] * MINUTES, folder / "recording.wav")


@pytest.mark.slow
def test_transcript_of_101_minutes_has_every_word_once_at_its_time(
    tmp_path: Path, database_url: str
) -> None:
    """None of 606 words is lost, doubled or shifted at some 34 seams."""
    settings = Home(tmp_path).settings(Settings(max_moments=3, min_moment_length_seconds=5))
    engine = make_engine(database_url, pool_size=10)
    broker = MemoryBroker(workers=2)
    context = make_context(settings, TOPOLOGY, engine=engine, publisher=broker, speech=BurstEngine)
    wire_topics(broker, TOPOLOGY, settings, Runtime(context))
    try:
        run = request_file(context, _recording(tmp_path), "moments_only", Options())
        assert run.pipeline is not None
        wait(context, [run.pipeline], lambda *_: None)
        with context.session() as session:
            found = pipeline_json(session, run.pipeline)
            words = session.query(Transcript).one().word_timestamps
    finally:
        broker.close()
        engine.dispose()
    assert found["status"] == "completed", found["error_message"]
    expected = [60.0 * minute + burst for minute in range(MINUTES) for burst in BURSTS]
    assert [word["word"] for word in words] == ["beep"] * len(expected)
    starts = np.array([word["start"] for word in words])
    ends = np.array([word["end"] for word in words])
    assert np.abs(starts - np.array(expected)).max() < 0.03
    assert np.abs(ends - starts - BURST_SECONDS).max() < 0.03
    assert found["moments"], "even beeps make moments"
    assert not [p for p in (tmp_path / "buckets").rglob("*.wav") if "temporary" in p.parts]
