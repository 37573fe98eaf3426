"""Sample media that ffmpeg makes from synthetic sources; the project stores none of it.

A file is made once for each recipe and kept for later sessions, below the system's temporary
folder.

Every picture carries its frame number as a strip of 16 black and white blocks (see
`tests.support.media.readings`), and the sound is a tone whose pitch rises with time, so that a
test can tell from any clip which part of the video it shows.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

KEPT_SECONDS = 30 * 86_400
STRIP_BITS = 16
TONE_BASE_HZ = 300.0
TONE_RISE_HZ_PER_SECOND = 500.0

_VIDEO_ENCODERS = {
    "h264": ["libx264"],
    "hevc": ["libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"],
    "vp9": ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k"],
    "vp8": ["libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k"],
    "av1": ["libsvtav1", "-preset", "12", "-svtav1-params", "lookahead=0"],
    "prores": ["prores_ks"],
}
_AUDIO_ENCODERS = {"opus": "libopus", "mp3": "libmp3lame", "vorbis": "libvorbis"}
_AUDIO_BY_SUFFIX = {
    ".mp3": "mp3",
    ".m4a": "aac",
    ".aac": "aac",
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".ogg": "vorbis",
    ".opus": "opus",
    ".webm": "opus",
}


@functools.cache
def ffmpeg() -> str:
    """The path of the imageio-ffmpeg wheel's program."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@functools.cache
def _kept_folder() -> Path:
    """The folder of kept files, shared by all sessions and processes of this account."""
    folder = Path(tempfile.gettempdir()) / f"videomoments-tests-media-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()
    return folder


@functools.cache
def _process_folder() -> Path:
    """A temporary folder of this process."""
    folder = Path(tempfile.mkdtemp(prefix="videomoments-media-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def run_ffmpeg(*arguments: str, cwd: Path | None = None) -> None:
    """Run ffmpeg. Raises AssertionError with its messages if it fails."""
    command = [ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stderr.decode(errors='replace')}"


def make_file(path: Path, arguments: Sequence[str]) -> Path:
    """Make the file of these ffmpeg arguments, or copy the kept one, to `path`.

    The arguments identify the kept file, so an input file among them must be a kept one too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_made_once(path.suffix, arguments), path)
    return path


def _made_once(suffix: str, arguments: Sequence[str]) -> Path:
    key = _digest(Path(ffmpeg()).name, *arguments)
    kept = _kept_folder() / f"{key}{suffix}"
    try:
        os.utime(kept)
    except FileNotFoundError:
        half = _process_folder() / f"half-{key}{suffix}"
        run_ffmpeg(*arguments, f"file:{half}")
        _keep(half, kept)
    return kept


def _keep(half: Path, kept: Path) -> None:
    """Move the file into the kept folder atomically, because another process may do the same."""
    arriving = kept.with_name(f"{half.parent.name}-{kept.name}")
    shutil.move(half, arriving)
    arriving.replace(kept)


def _digest(*words: str) -> str:
    return sha256("\0".join(words).encode()).hexdigest()[:32]


def tone(seconds: float, *, rise: float = TONE_RISE_HZ_PER_SECOND, silent: bool = False) -> str:
    """A lavfi source; its pitch at t seconds is TONE_BASE_HZ + rise * t."""
    if silent:
        return f"anullsrc=r=44100:cl=mono:d={seconds}"
    wave = f"0.4*sin(2*PI*({TONE_BASE_HZ}*t+{rise / 2}*t*t))"
    return f"aevalsrc=exprs='{wave}':s=44100:d={seconds}"


def picture(seconds: float, *, size: tuple[int, int], rate: float, plain: str | None = None) -> str:
    """A lavfi graph: a moving test card above, and the frame number's bits in a strip below."""
    width, height = size
    if plain:
        return f"color=c={plain}:s={width}x{height}:r={rate}:d={seconds}"
    strip = height // 4 // 2 * 2
    bits = "lum='255*mod(floor(N/pow(2,X)),2)':cb=128:cr=128"
    return (
        f"testsrc2=s={width}x{height - strip}:r={rate}:d={seconds}[card];"
        f"nullsrc=s={STRIP_BITS}x2:r={rate}:d={seconds},format=yuv444p,geq={bits},"
        f"scale={width}:{strip}:flags=neighbor,format=yuv420p[bits];"
        "[card]format=yuv420p[c];[c][bits]vstack"
    )


@dataclass(frozen=True)
class VideoSpec:
    """The options of `make_video`. The suffix of the path decides the container."""

    seconds: float = 6.0
    codec: str | None = "h264"
    audio: str | None = "aac"
    size: tuple[int, int] = (320, 180)
    rate: float = 25.0
    gop_frames: int = 25
    bframes: int = 2
    open_gop: bool = False
    pixel_format: str = "yuv420p"
    plain: str | None = None
    silent: bool = False
    rotate: int = 0
    vfr: bool = False
    fragmented: bool = False
    faststart: bool = False
    audio_delay_seconds: float = 0.0
    audio_seconds: float | None = None
    start_offset_seconds: float = 0.0
    audio_tracks: int = 1
    audio_languages: tuple[str, ...] = ()
    tone_rise: float = TONE_RISE_HZ_PER_SECOND
    subtitles: str | None = None
    extra: tuple[str, ...] = field(default=())


def make_video(path: Path, **changes: object) -> Path:
    """Make a video at `path`; keyword arguments are the fields of `VideoSpec`.

    A second audio track carries a constant 2 kHz tone and is not the default.
    """
    spec = VideoSpec(**changes)  # type: ignore[arg-type]
    plain_path = path if not spec.rotate else _process_folder() / f"upright{path.suffix}"
    make_file(plain_path, [*_inputs(spec), *_outputs(spec, path.suffix)])
    if spec.rotate:
        turn = ["-display_rotation", str(spec.rotate), "-i", f"file:{plain_path}"]
        run_ffmpeg(*turn, "-map", "0", "-c", "copy", f"file:{path}")
    return path


def _inputs(spec: VideoSpec) -> list[str]:
    arguments: list[str] = []
    if spec.codec:
        graph = picture(spec.seconds, size=spec.size, rate=spec.rate, plain=spec.plain)
        arguments += ["-f", "lavfi", "-i", graph]
    length = spec.audio_seconds or spec.seconds - spec.audio_delay_seconds
    for track in range(spec.audio_tracks if spec.audio else 0):
        source = tone(length, rise=spec.tone_rise, silent=spec.silent)
        if track:
            source = f"sine=frequency=2000:sample_rate=44100:duration={length}"
        if spec.audio_delay_seconds:
            arguments += ["-itsoffset", str(spec.audio_delay_seconds)]
        arguments += ["-f", "lavfi", "-i", source]
    if spec.subtitles is not None:
        text = _kept_folder() / f"{_digest(spec.subtitles)}.srt"
        half = _process_folder() / text.name
        half.write_text(spec.subtitles, encoding="utf-8")
        _keep(half, text)
        arguments += ["-i", str(text)]
    return arguments


def _outputs(spec: VideoSpec, suffix: str) -> list[str]:
    count = bool(spec.codec) + (spec.audio_tracks if spec.audio else 0)
    count += spec.subtitles is not None
    arguments = [part for index in range(count) for part in ("-map", str(index))]
    if spec.codec:
        arguments += _video_options(spec)
    if spec.audio:
        arguments += ["-c:a", _AUDIO_ENCODERS.get(spec.audio, spec.audio)]
    for track, language in enumerate(spec.audio_languages):
        arguments += [f"-metadata:s:a:{track}", f"language={language}"]
    if spec.subtitles is not None:
        text_codec = {".mp4": "mov_text", ".mov": "mov_text", ".webm": "webvtt"}
        arguments += ["-c:s", text_codec.get(suffix, "srt")]
    if spec.fragmented:
        arguments += ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]
    elif spec.faststart:
        arguments += ["-movflags", "+faststart"]
    if spec.start_offset_seconds:
        arguments += ["-output_ts_offset", str(spec.start_offset_seconds)]
    return [*arguments, *spec.extra]


def _video_options(spec: VideoSpec) -> list[str]:
    codec = spec.codec or ""
    options = ["-c:v", *_VIDEO_ENCODERS.get(codec, [codec]), "-g", str(spec.gop_frames)]
    options += ["-pix_fmt", "yuv422p10le" if codec == "prores" else spec.pixel_format]
    if codec == "h264":
        # The fastest preset makes no open GOPs.
        options += ["-preset", "veryfast" if spec.open_gop else "ultrafast"]
        options += ["-bf", str(spec.bframes), "-sc_threshold", "0"]
        options += ["-x264-params", f"open-gop={int(spec.open_gop)}:keyint={spec.gop_frames}"]
    if spec.vfr:
        # Frames 0, 3, 4, 7, 8 … stay: steps of 3 and 1 frames in turn.
        keep = r"select='eq(mod(n\,4)\,0)+eq(mod(n\,4)\,3)'"
        options += ["-vf", keep, "-fps_mode", "vfr", "-enc_time_base", "1:90000"]
    return options


def make_audio(
    path: Path,
    *,
    seconds: float = 6.0,
    codec: str | None = None,
    silent: bool = False,
    cover_art: bool = False,
    tone_rise: float = TONE_RISE_HZ_PER_SECOND,
    extra: Sequence[str] = (),
) -> Path:
    """Make an audio file at `path`; its suffix decides the codec unless one is given."""
    codec = codec or _AUDIO_BY_SUFFIX[path.suffix]
    arguments = ["-f", "lavfi", "-i", tone(seconds, rise=tone_rise, silent=silent)]
    if cover_art:
        drawn = picture(1, size=(320, 320), rate=1)
        card = _made_once(".png", ["-f", "lavfi", "-i", drawn, "-frames:v", "1"])
        arguments += ["-i", str(card), "-map", "0", "-map", "1"]
        arguments += ["-c:v", "mjpeg", "-disposition:v", "attached_pic"]
    arguments += ["-c:a", _AUDIO_ENCODERS.get(codec, codec)]
    return make_file(path, [*arguments, *extra])


def concat(parts: Sequence[Path], path: Path) -> Path:
    """Join files of one kind end to end without encoding."""
    listing = _process_folder() / f"{_digest(str(path), *map(str, parts))}.txt"
    quoted = [str(part.resolve()).replace("'", "'\\''") for part in parts]
    listing.write_text("".join(f"file '{part}'\n" for part in quoted), encoding="utf-8")
    run_ffmpeg("-f", "concat", "-safe", "0", "-i", str(listing), "-c", "copy", f"file:{path}")
    return path
