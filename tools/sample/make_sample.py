"""Make three-topics.mp4: python -m tools.sample.make_sample [FILE].

This needs espeak-ng, and an ffmpeg with drawtext, libx264 and a font. The video carries its
narration as a text track, so that it has a good transcript on every machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tools.sample.narration import TOPICS, Topic

TARGET = Path(__file__).with_name("three-topics.mp4")
LEAD_SECONDS = 0.8
BETWEEN_SENTENCES_SECONDS = 0.45
BETWEEN_TOPICS_SECONDS = 1.6
WIDTH, HEIGHT, FRAME_RATE, KEYFRAME_SECONDS = 640, 360, 15, 2
BAR_HEIGHT = 6


@dataclass(frozen=True, slots=True)
class Cue:
    """A sentence and its time."""

    text: str
    start_seconds: float
    end_seconds: float


def main(target: Path = TARGET) -> None:
    """Speak, draw and join it all into `target`."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        cues, lengths = narrate(TOPICS, work)
        (work / "cues.srt").write_text(srt(cues), encoding="utf-8")
        subprocess.run([*command(TOPICS, lengths, work), str(target.resolve())], check=True)


def narrate(topics: Sequence[Topic], work: Path) -> tuple[list[Cue], list[float]]:
    """Write speech.wav. Returns each sentence's times and each topic's length in seconds."""
    cues: list[Cue] = []
    lengths: list[float] = []
    clock = 0.0
    with wave.open(str(work / "speech.wav"), "wb") as out:
        for topic in topics:
            began = clock
            for index, sentence in enumerate(topic.sentences):
                frames, rate = speak(sentence, work)
                if not cues:
                    out.setparams((1, 2, rate, 0, "NONE", "not compressed"))
                pause = BETWEEN_SENTENCES_SECONDS if index else LEAD_SECONDS
                last = index == len(topic.sentences) - 1
                after = BETWEEN_TOPICS_SECONDS if last else 0.0
                length = len(frames) / 2 / rate
                out.writeframes(silence(pause, rate) + frames + silence(after, rate))
                cues.append(Cue(sentence, clock + pause, clock + pause + length))
                clock += pause + length + after
            lengths.append(clock - began)
    return cues, lengths


def speak(sentence: str, work: Path) -> tuple[bytes, int]:
    """16-bit mono samples of the sentence without the silence around it, and their rate in Hz."""
    path = work / "sentence.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "145", "-w", str(path), sentence], check=True)
    with wave.open(str(path)) as sound:
        frames, rate = sound.readframes(sound.getnframes()), sound.getframerate()
    heard = len(frames.rstrip(b"\0"))
    return frames[: heard + heard % 2], rate


def silence(seconds: float, rate: int) -> bytes:
    """16-bit samples of silence."""
    return bytes(2 * round(seconds * rate))


def srt(cues: Sequence[Cue]) -> str:
    """The cues as SubRip."""
    blocks = (
        f"{number}\n{_clock(cue.start_seconds)} --> {_clock(cue.end_seconds)}\n{cue.text}\n"
        for number, cue in enumerate(cues, start=1)
    )
    return "\n".join(blocks)


def _clock(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{timedelta(seconds=whole)!s:0>8},{milliseconds:03d}"


def command(topics: Sequence[Topic], lengths: Sequence[float], work: Path) -> list[str]:
    """The ffmpeg command line without the output's name."""
    slides = [
        slide(number, topic, length, work)
        for number, (topic, length) in enumerate(zip(topics, lengths, strict=True), start=1)
    ]
    joined = "".join(f"[slide{number}]" for number in range(1, len(slides) + 1))
    total = sum(lengths)
    graph = ";".join(
        [
            *slides,
            f"{joined}concat=n={len(slides)}[slides]",
            f"color=0xffffff:s={WIDTH}x{BAR_HEIGHT}:r={FRAME_RATE}:d={total}[bar]",
            f"[slides][bar]overlay=x='-w+w*t/{total}':y=H-{BAR_HEIGHT}:shortest=1,format=yuv420p[v]",
        ]
    )
    speech, text = str(work / "speech.wav"), str(work / "cues.srt")
    inputs = ["-i", speech, "-i", text, "-filter_complex", graph]
    maps = ["-map", "[v]", "-map", "0:a", "-map", "1:s"]
    video = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "26", "-tune", "stillimage"]
    keyframes = ["-g", str(FRAME_RATE * KEYFRAME_SECONDS), "-sc_threshold", "0", "-bf", "2"]
    sound = ["-c:a", "aac", "-b:a", "32k", "-ar", "22050", "-metadata:s:a:0", "language=eng"]
    track = ["-c:s", "mov_text", "-metadata:s:s:0", "language=eng"]
    manners = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    plain = ["-fflags", "+bitexact", "-flags", "+bitexact", "-movflags", "+faststart"]
    return [*manners, *inputs, *maps, *video, *keyframes, *sound, *track, *plain]


def slide(number: int, topic: Topic, seconds: float, work: Path) -> str:
    """A filter chain: a still gradient with the topic's number, title and subtitle."""
    first, second = topic.colours
    background = (
        f"gradients=s={WIDTH}x{HEIGHT}:r={FRAME_RATE}:d={seconds}:c0={first}:c1={second}"
        f":x0=0:y0=0:x1={WIDTH}:y1={HEIGHT}:nb_colors=2:speed=0.00001:seed={number}"
    )
    texts = [
        (str(number), 22, 92, 0.7),
        (topic.title, 56, 128, 1.0),
        (topic.subtitle, 24, 212, 0.85),
    ]
    lines = []
    for index, (text, size, y, alpha) in enumerate(texts):
        file = work / f"text-{number}-{index}.txt"
        file.write_text(text, encoding="utf-8")
        lines.append(f"drawtext=textfile={file}:fontsize={size}:fontcolor=white@{alpha}:x=64:y={y}")
    rule = "drawbox=x=64:y=198:w=96:h=3:color=white@0.8:t=fill"
    return f"{','.join([background, *lines, rule])}[slide{number}]"


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
