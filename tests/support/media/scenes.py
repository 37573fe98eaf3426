"""A video of four scenes without speech."""

from __future__ import annotations

from pathlib import Path

from tests.support.media.factory import make_file

SIZE = "s=320x180:r=25"


def make_scenes(path: Path, *, sound: str | None = None) -> Path:
    """Make a video whose scenes begin at 0, 12, 20 and 35 s, with the encoder's own keyframes."""
    scenes = [f"color=c=navy:{SIZE}:d=12", f"testsrc2={SIZE}:d=8"]
    scenes += [f"color=c=orange:{SIZE}:d=15", f"smptebars={SIZE}:d=10"]
    inputs = [part for scene in scenes for part in ("-f", "lavfi", "-i", scene)]
    if sound is not None:
        inputs += ["-f", "lavfi", "-i", f"aevalsrc=exprs='{sound}':s=44100:d=45"]
    graph = "".join(f"[{n}]format=yuv420p[v{n}];" for n in range(4))
    graph += "[v0][v1][v2][v3]concat=n=4:v=1[v]"
    maps = ["-map", "[v]", *(["-map", "4:a", "-c:a", "aac"] if sound else [])]
    return make_file(path, [*inputs, "-filter_complex", graph, *maps, "-c:v", "libx264"])
