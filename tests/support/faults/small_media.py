"""Real media that takes little time: a tiny video, and an engine that always hears the same."""

from __future__ import annotations

import wave
from pathlib import Path

import av

from shared.domain.transcript import Segment, TimedTranscript, Word
from tests.support.faults.fake_media import SENTENCES
from tests.support.media.factory import make_file, make_video

SENTENCE_SECONDS = 7.0


def tiny_video(folder: Path, *, seconds: float = 14) -> Path:
    """Two sentences of seven seconds, with a keyframe every second."""
    path = folder / "tiny.mp4"
    if not path.exists():
        make_video(path, seconds=seconds, size=(96, 54), rate=10, gop_frames=10, faststart=True)
    return path


def odd_video(folder: Path) -> Path:
    """Like `tiny_video`, with a picture that browsers do not play and too few subtitles."""
    subtitles = "1\n00:00:01,000 --> 00:00:02,000\nHm.\n"
    return make_video(
        folder / "odd.mp4",
        seconds=14,
        size=(96, 54),
        rate=10,
        gop_frames=10,
        pixel_format="yuv444p",
        subtitles=subtitles,
    )


def wordless_video(folder: Path) -> Path:
    """Two scenes of ten seconds, with a sound too short for a sentence."""
    scenes = ["color=c=navy:s=96x54:r=10:d=10", "testsrc2=s=96x54:r=10:d=10"]
    scenes.append("aevalsrc=exprs='0.4*sin(2*PI*440*t)':s=44100:d=6")
    inputs = [part for scene in scenes for part in ("-f", "lavfi", "-i", scene)]
    graph = "[0][1]concat=n=2:v=1,format=yuv420p[v]"
    outputs = ["-map", "[v]", "-map", "2:a", "-c:v", "libx264", "-g", "10", "-c:a", "aac"]
    return make_file(folder / "wordless.mp4", [*inputs, "-filter_complex", graph, *outputs])


class FixedSpeech:
    """Hears one known sentence every seven seconds."""

    name = "fixed"

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> TimedTranscript:
        """As many sentences as the real slice has room for."""
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
        return TimedTranscript("en", tuple(words), tuple(segments))


def what_is_wrong(path: Path) -> str | None:
    """None for a clip with picture and sound, or a JPEG, that decodes to its end."""
    lengths: dict[str, float] = {}
    try:
        with av.open(str(path)) as media:
            for packet in media.demux():
                for frame in packet.decode():
                    lengths[packet.stream.type] = getattr(frame, "time", None) or 0.0
    except (av.FFmpegError, OSError) as error:
        return str(error)
    if path.suffix == ".jpg":
        return None if lengths.keys() == {"video"} else "no picture"
    if lengths.keys() != {"video", "audio"}:
        return "no picture or no sound"
    return None if min(lengths.values()) > 1 else "too short"


def not_a_video(folder: Path) -> Path:
    """A file that is not a video, despite its name."""
    path = folder / "damaged.mp4"
    path.write_bytes(b"no film at all " * 1000)
    return path
