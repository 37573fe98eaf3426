"""Real media that takes little time: a tiny video, and ears that hear the same in all of it."""

from __future__ import annotations

import wave
from pathlib import Path

from shared.domain.transcript import Segment, Transcript, Word
from shared.errors import MediaError, Reject
from shared.media.probe import probe
from shared.media.runner import Limits
from shared.media.source import LocalInput
from tests.faults.fake_media import SENTENCES
from tests.media_factory import make_video

SENTENCE_SECONDS = 7.0
PROBE_SECONDS = 30


def tiny_video(folder: Path) -> Path:
    """Fourteen seconds of two sentences, with a keyframe every second."""
    path = folder / "tiny.mp4"
    if not path.exists():
        make_video(path, seconds=14, size=(96, 54), rate=10, gop_frames=10, faststart=True)
    return path


class FixedSpeech:
    """Hears one known sentence every seven seconds."""

    name = "fixed"

    def load(self) -> None:
        """Nothing to load."""

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> Transcript:
        """As many sentences as the real slice is long."""
        with wave.open(str(wav_path)) as sound:
            seconds = sound.getnframes() / sound.getframerate()
        words: list[Word] = []
        segments: list[Segment] = []
        for number in range(int((seconds + 0.5) // SENTENCE_SECONDS)):
            start = number * SENTENCE_SECONDS
            said = SENTENCES[number % len(SENTENCES)].split()
            step = (SENTENCE_SECONDS - 1) / len(said)
            for place, word in enumerate(said):
                begin = start + place * step
                words.append(Word(word, begin, begin + step - 0.05, 0.9))
            segments.append(Segment(" ".join(said), start, start + SENTENCE_SECONDS - 1))
        return Transcript("en", tuple(words), tuple(segments))


def what_is_wrong(path: Path) -> str | None:
    """None for a clip with picture and sound, or a JPEG."""
    if path.suffix == ".jpg":
        return None if path.read_bytes()[:3] == b"\xff\xd8\xff" else "no JPEG"
    try:
        info = probe(LocalInput(path), limits=Limits(), deadline_seconds=PROBE_SECONDS)
    except (Reject, MediaError) as error:
        return str(error)
    if info.video is None or info.audio is None:
        return "no picture or no sound"
    return None if info.duration_seconds > 1 else "too short"
