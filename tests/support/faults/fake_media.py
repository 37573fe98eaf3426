"""Media work without media: the real functions, in no time, on sources of a few bytes.

A source's first line names its version, and everything made from it repeats that line, so that a
mixture of versions shows. Sources are really opened, through the store, at their generation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from functions.clips import cut_clip, make_thumbnail
from functions.moments import generate_moments
from functions.transcripts import split_audio
from functions.videos import probe_video
from shared.domain.media_info import AudioStream, MediaInfo, VideoStream
from shared.domain.spans import TimeSpan
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.media.audio import AudioSlice
from shared.media.cut import CutResult
from shared.media.input import MediaInput
from shared.moments.without_speech import SpeechlessMoments
from shared.transcripts import slices
from tests.support.patience import PATIENCE_SECONDS

SENTENCE_SECONDS = 10.0
SENTENCES = (
    "The tide turns twice a day because the moon pulls the sea towards it.",
    "Bread rises when the yeast in the dough has had its time and warmth.",
    "A violin is tuned in fifths and its bridge carries all four strings.",
    "Bees dance to tell the hive how far the flowers are and where to fly.",
    "Glaciers carve their valleys slowly and leave long lakes behind them.",
)


def read_version(source: MediaInput) -> str:
    """The first line of the input of a child."""
    if source.location.startswith("http"):
        with urlopen(source.location, timeout=PATIENCE_SECONDS) as answer:
            return str(answer.readline().decode()).strip()
    with Path(source.location).open() as file:
        return file.readline().strip()


@dataclass
class FakeMedia:
    """`sentences` are spoken one after the other, in slices of equal length.

    `hooks` run before the work of their name, with the version of the source.
    """

    slices: int = 2
    sentences: int = len(SENTENCES)
    hooks: dict[str, Any] = field(default_factory=dict)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Replace ffmpeg in every function."""
        for module in (probe_video, split_audio, cut_clip, make_thumbnail):
            patch.setattr(module, "probe", self.probe)
        patch.setattr(slices, "split_audio", self.split)
        patch.setattr(cut_clip, "cut", self.cut)
        patch.setattr(make_thumbnail, "pick_frame", self.picture)
        patch.setattr(
            generate_moments,
            "moments_without_speech",
            lambda job: SpeechlessMoments([], "There is nothing to hear or see."),
        )

    @property
    def seconds(self) -> float:
        """The length of every source."""
        return self.sentences * SENTENCE_SECONDS

    def reach(self, point: str, *facts: Any) -> None:
        """Call the hook of that name, if there is one."""
        if hook := self.hooks.get(point):
            hook(*facts)

    def probe(self, source: MediaInput, **options: Any) -> MediaInfo:
        """The facts of every source."""
        self.reach("probe", read_version(source))
        picture = VideoStream(0, "h264", 160, 90, 25.0, "yuv420p")
        sound = AudioStream(1, "aac", 16_000, 1) if self.slices else None
        return MediaInfo("mov,mp4", max(self.seconds, 1.0), picture, sound)

    def split(
        self, source: MediaInput, info: MediaInfo, *, workdir: Path, **options: Any
    ) -> Iterator[AudioSlice]:
        """Slices that hold the version and the numbers of their sentences."""
        version = read_version(source)
        self.reach("split", version)
        each = info.duration_seconds / self.slices
        for index in range(self.slices):
            path = workdir / f"{index}.wav"
            spoken = _share(self.sentences, index, self.slices)
            path.write_text(f"{version}\n{' '.join(map(str, spoken))}\n{each}\n")
            yield AudioSlice(index, path, index * each, (index + 1) * each)

    def cut(
        self,
        source: MediaInput,
        info: MediaInfo,
        *,
        window: TimeSpan,
        workdir: Path,
        **options: Any,
    ) -> CutResult:
        """A clip that holds the version."""
        version = read_version(source)
        self.reach("cut", version, window)
        path = workdir / "clip.mp4"
        path.write_text(f"{version}\nclip {window.start_seconds}\n")
        start, end = window.start_seconds, window.end_seconds
        return CutResult(
            path, start, end, "mp4", "video/mp4", "h264", "aac", "160x90",
            path.stat().st_size, end - start,
        )  # fmt: skip

    def picture(
        self, source: MediaInput, info: MediaInfo, *, workdir: Path, **options: Any
    ) -> Path | None:
        """A thumbnail that holds the version."""
        version = read_version(source)
        self.reach("picture", version)
        path = workdir / "picture.jpg"
        path.write_text(f"{version}\npicture\n")
        return path


@dataclass
class FakeSpeech:
    """Transcribes the slices of `FakeMedia.split`."""

    media: FakeMedia
    name: str = "fake"

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> TimedTranscript:
        """The slice's sentences, evenly spread; the language names the version."""
        version, spoken, length = wav_path.read_text().splitlines()
        self.media.reach("hear", version)
        numbers = [int(number) for number in spoken.split()]
        each = float(length) / max(1, len(numbers))
        words: list[Word] = []
        segments: list[Segment] = []
        for place, number in enumerate(numbers):
            start = place * each
            said = SENTENCES[number % len(SENTENCES)].split()
            step = (each - 1.0) / len(said)
            words += [
                Word(word, start + step * i, start + step * (i + 1) - 0.05, 0.9)
                for i, word in enumerate(said)
            ]
            segments.append(Segment(" ".join(said), start, start + each - 1.0))
        return TimedTranscript(f"x-{version.split()[-1]}", tuple(words), tuple(segments))


def _share(sentences: int, index: int, slices: int) -> range:
    return range(index * sentences // slices, (index + 1) * sentences // slices)
