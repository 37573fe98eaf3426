#!/bin/bash
# Extract the sample's audio. The sample has subtitles and so needs no speech recognition; its audio
# alone does. Runs where the tests ran, with their ffmpeg.
set -euo pipefail

mkdir -p .deployment
ffmpeg=$(.venv/bin/python -c 'from shared.media.sandbox.runner import find_ffmpeg; print(find_ffmpeg(None))')
"$ffmpeg" -nostdin -loglevel error -y -i tools/sample/three-topics.mp4 -map 0:a -t 45 -c copy \
    .deployment/spoken.m4a
