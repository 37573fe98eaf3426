"""The offline engine: pocketsphinx with the US English model inside its wheel.

It knows English only, writes no punctuation, and gets about one word in four wrong on clear
reading. Users are always told when it serves as the fallback.
"""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.domain.spans import TimeSpan
from shared.domain.transcript import Segment, TimedTranscript, Word
from shared.engines.speech.activity import speech_spans
from shared.engines.speech.language import language_code
from shared.engines.speech.suspicion import suspicion
from shared.engines.speech.wav import SAMPLE_RATE_HZ, read_samples
from shared.engines.speech.word_times import repair_words, segment_of, split_at_pauses
from shared.error_codes.videos import LANGUAGE_UNSUPPORTED
from shared.errors import Reject, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LANGUAGE = "en"
PAUSE_SECONDS = 0.6
MAX_SEGMENT_SECONDS = 15.0

_FRAMES_PER_SECOND = 100
_VARIANT = re.compile(r"\(\d+\)$")


class OfflineEngine:
    """Recognises English speech without a network and without a model from the user.

    Each process has one decoder, which takes one span of speech at a time. Fillers (silence, noise,
    breath) are dropped. Unlikely words stay, with their probability, because dropping them caused
    more errors than it cured. Segments end at pauses; a segment that is unlikely as a whole is
    flagged. The text has no punctuation and no capitals except "I".
    """

    name = "pocketsphinx:en-us"

    def transcribe(
        self, wav_path: Path, *, language: str | None, deadline_seconds: float
    ) -> TimedTranscript:
        """Words and segments of one slice; see `SpeechEngine.transcribe`.

        Raises Reject(LANGUAGE_UNSUPPORTED) for any language but English,
        Reject(SLICE_UNREADABLE), TimeoutError, and SettingsError if pocketsphinx is not
        installed. Checks the deadline before each span of speech (12 s at most).
        """
        deadline = time.monotonic() + deadline_seconds
        if language_code(language) not in (None, LANGUAGE):
            raise Reject(
                LANGUAGE_UNSUPPORTED,
                f"The offline engine knows only English, not {language!r}. Set "
                "VIDEOMOMENTS_WHISPER_MODEL to a multilingual Whisper model.",
            )
        samples = read_samples(wav_path)
        words: list[Word] = []
        for span in speech_spans(samples):
            words += _recognise(samples, span, deadline)
        kept = repair_words(words, 0.0, len(samples) / SAMPLE_RATE_HZ) if words else ()
        runs = split_at_pauses(kept, pause_seconds=PAUSE_SECONDS, max_seconds=MAX_SEGMENT_SECONDS)
        return TimedTranscript(LANGUAGE, kept, tuple(_segment(run) for run in runs))


def _segment(words: tuple[Word, ...]) -> Segment:
    likely = [w.probability for w in words if w.probability is not None]
    texts = [w.text for w in words]
    mean = sum(likely) / len(likely) if likely else None
    return segment_of(words, suspect=suspicion(" ".join(texts), texts, mean_word_probability=mean))


_lock = threading.Lock()
_loaded: list[Any] = []


def _decoder() -> Any:
    """The decoder of this process; the first call makes it."""
    with _lock:
        if not _loaded:
            try:
                from pocketsphinx import Decoder
            except ImportError as error:
                raise SettingsError(
                    "The offline speech engine is not installed. "
                    "Install it with: pip install 'videomoments[offline]'"
                ) from error
            _loaded.append(Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL"))
        return _loaded[0]


def _recognise(samples: NDArray[np.int16], span: TimeSpan, deadline: float) -> list[Word]:
    """The words in one span of speech, with times of the slice."""
    decoder = _decoder()
    begin = int(span.start_seconds * SAMPLE_RATE_HZ)
    end = int(span.end_seconds * SAMPLE_RATE_HZ)
    # The decoder is not thread-safe; waiting for it is part of the caller's time.
    if not _lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise TimeoutError("the offline engine was busy until the deadline")
    try:
        if time.monotonic() >= deadline:
            raise TimeoutError(f"the deadline passed {span.start_seconds:.1f} s into the slice")
        # The noise estimate outlives an utterance; without this, earlier speech changes the words.
        decoder.reinit_feat()
        decoder.start_utt()
        # With the whole utterance at once the mean is its own, and a quarter of the words are wrong
        # instead of a third.
        decoder.process_raw(samples[begin:end].tobytes(), full_utt=True)
        decoder.end_utt()
        found = [(s.word, s.start_frame, s.end_frame, s.prob) for s in decoder.seg()]
    finally:
        _lock.release()
    return [
        Word(
            _spelling(word),
            span.start_seconds + first / _FRAMES_PER_SECOND,
            span.start_seconds + (last + 1) / _FRAMES_PER_SECOND,
            round(min(1.0, probability), 3),
        )
        for word, first, last, probability in found
        if word[0] not in "<[+"
    ]


def _spelling(word: str) -> str:
    """The dictionary's word without the number of its variant; the pronoun I in upper case."""
    text = _VARIANT.sub("", word)
    return "I" + text[1:] if text == "i" or text.startswith("i'") else text
