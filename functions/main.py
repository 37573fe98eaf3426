"""All functions, in the order data flows through them; each is a target of functions-framework.

Nothing is connected to and no client is made here: the wiring happens at the first delivery.
"""

from __future__ import annotations

from functions import serving
from functions.choose_moments import choose_moments
from functions.cut_clip import cut_clip
from functions.generate_moments import generate_moments
from functions.generate_window import generate_window
from functions.make_thumbnail import make_thumbnail
from functions.probe_video import probe_video
from functions.record_failure import record_failure
from functions.refine_moments import refine_moments
from functions.score_moments import score_moments
from functions.split_audio import split_audio
from functions.start_pipeline import start_pipeline
from functions.sweep import sweep
from functions.transcribe_audio import transcribe_audio
from shared.pipeline.topology import Topology

TOPOLOGY = Topology(
    [
        start_pipeline,
        probe_video,
        split_audio,
        transcribe_audio,
        generate_moments,
        generate_window,
        choose_moments,
        refine_moments,
        score_moments,
        cut_clip,
        make_thumbnail,
        sweep,
        record_failure,
    ]
)

# functions-framework looks a target up among this module's names, and would serve any function
# it finds there: so nothing else of that kind may be one.
globals().update(serving.targets(TOPOLOGY))
