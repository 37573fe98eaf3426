"""Windows over a long transcript: complete, bounded, overlapping."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.tokens import estimate_tokens
from shared.moments.rules.script import Script
from shared.moments.rules.sentences import Sentence
from shared.moments.rules.windows import Window, plan_windows
from tests.support.llm.runs import talk

COSTS = st.lists(st.integers(1, 60), min_size=1, max_size=120)


def sentences_of(words: list[int]) -> list[Sentence]:
    """Sentences with these numbers of words, 0.4 s each."""
    found, at = [], 0
    for number, count in enumerate(words):
        text = " ".join(["wordy"] * count)
        found.append(
            Sentence(number, text, at * 0.4, (at + count) * 0.4 - 0.05, at, at + count - 1)
        )
        at += count
    return found


def cost(sentences: list[Sentence], window: Window) -> int:
    """The size of a window by the same estimate."""
    return sum(estimate_tokens(s.text) + 8 for s in sentences[window.first : window.last + 1])


@given(COSTS, st.integers(60, 500), st.integers(0, 250), st.floats(0, 60))
def test_windows_cover_every_sentence_within_their_size(
    words: list[int], size: int, overlap: int, seconds: float
) -> None:
    """They are ordered and complete, and only a single sentence may exceed the size."""
    sentences = sentences_of(words)
    windows = plan_windows(
        sentences,
        window_tokens=size,
        overlap_tokens=min(overlap, size // 2),
        overlap_seconds=seconds,
    )
    assert windows[0].first == 0
    assert windows[-1].last == len(sentences) - 1
    for before, after in pairwise(windows):
        assert before.first < after.first <= before.last + 1
        assert before.last < after.last
    for window in windows:
        assert cost(sentences, window) <= size or window.first == window.last


def test_windows_share_a_whole_moment_with_their_neighbours() -> None:
    """Every span up to the longest moment lies whole in one window."""
    script = Script.of(talk(400, seed=2), 3000.0)
    longest = 30.0
    windows = plan_windows(
        script.sentences, window_tokens=1200, overlap_tokens=50, overlap_seconds=longest
    )
    assert len(windows) > 5
    for first, sentence in enumerate(script.sentences):
        last = first
        while (
            last + 1 < len(script.sentences)
            and script.sentences[last + 1].end_seconds - sentence.start_seconds <= longest
        ):
            last += 1
        assert any(w.first <= first and last <= w.last for w in windows), (first, last)


def test_windows_are_none_without_a_transcript() -> None:
    """An empty transcript gives no window."""
    assert plan_windows([], window_tokens=100, overlap_tokens=10) == []


def test_estimated_tokens_err_on_the_high_side() -> None:
    """An English word counts as between one and three tokens, a Chinese character as about one."""
    english = "The tide turns twice a day because the moon pulls the sea."
    assert 12 <= estimate_tokens(english) <= 36
    chinese = "\u4eca\u5929\u5929\u6c14\u5f88\u597d"
    assert 4 <= estimate_tokens(chinese) <= 12
