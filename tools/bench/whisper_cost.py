"""The cost of transcription: processor seconds for an hour of speech, by size of Whisper.

    python -m tools.bench.whisper_cost small

The model has the size's exact shape and random weights. It produces nonsense in the time that the
real model needs for as many words. Clouds bill processor time, and it does not depend on the
machine's load.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WINDOW_SECONDS = 30
# 150 words a minute; 1.3 tokens for each word, plus the sentences' time tokens.
TOKENS = 110
BEAM = 5
VOCABULARY = 51_865
END_OF_TEXT = 50_257
PROMPT = [50_258, 50_259, 50_359]  # transcript, English, transcribe
NAMED = {
    END_OF_TEXT: "<|endoftext|>",
    50_258: "<|startoftranscript|>",
    50_259: "<|en|>",
    50_358: "<|translate|>",
    50_359: "<|transcribe|>",
    50_361: "<|startofprev|>",
    50_362: "<|nospeech|>",
    50_363: "<|notimestamps|>",
    50_364: "<|0.00|>",
}
WINDOWS = 3
THREADS = 2


@dataclass(frozen=True)
class Shape:
    """Layers in the encoder and in the decoder, width, and heads."""

    layers: int
    width: int
    heads: int


SHAPES = {
    "tiny": Shape(4, 384, 6),
    "base": Shape(6, 512, 8),
    "small": Shape(12, 768, 12),
    "medium": Shape(24, 1024, 16),
}


class Weights:
    """Fills a model's description with random numbers."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._numbers = np.random.default_rng(1)

    def of(self, *size: int) -> Any:
        """Small random weights, like a trained model's."""
        return (self._numbers.standard_normal(size) * 0.02).astype(np.float32)

    def linear(self, layer: Any, inside: int, outside: int) -> None:
        """A matrix and a bias."""
        layer.weight, layer.bias = self.of(outside, inside), self.of(outside)

    def norm(self, layer: Any) -> None:
        """A normalisation close to the identity."""
        layer.gamma, layer.beta = np.ones(self._width, np.float32), self.of(self._width)

    def attention(self, layer: Any, widths: tuple[int, ...]) -> None:
        """Self-attention (one fused matrix) or attention to the encoder (separate queries)."""
        self.norm(layer.layer_norm)
        for part, times in zip(layer.linear, widths, strict=True):
            self.linear(part, self._width, times * self._width)

    def feed_forward(self, layer: Any) -> None:
        """A feed-forward block, four times as wide inside."""
        self.norm(layer.layer_norm)
        self.linear(layer.linear_0, self._width, 4 * self._width)
        self.linear(layer.linear_1, 4 * self._width, self._width)


def write_model(shape: Shape, folder: Path) -> None:
    """An int8 Whisper of that shape with random weights, in CTranslate2's form."""
    from ctranslate2.specs import WhisperSpec

    weights = Weights(shape.width)
    spec = WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    encoder, decoder = spec.encoder, spec.decoder
    for conv, inside in ((encoder.conv1, 80), (encoder.conv2, shape.width)):
        conv.weight, conv.bias = weights.of(shape.width, inside, 3), weights.of(shape.width)
    encoder.position_encodings.encodings = weights.of(1500, shape.width)
    decoder.position_encodings.encodings = weights.of(448, shape.width)
    decoder.embeddings.weight = weights.of(VOCABULARY, shape.width)
    decoder.projection.weight = decoder.embeddings.weight
    for side in (encoder, decoder):
        weights.norm(side.layer_norm)
        for layer in side.layer:
            weights.attention(layer.self_attention, (3, 1))
            weights.feed_forward(layer.ffn)
    for layer in decoder.layer:
        weights.attention(layer.attention, (1, 2, 1))
    _save(spec, shape, folder)


def _save(spec: Any, shape: Shape, folder: Path) -> None:
    spec.register_vocabulary([NAMED.get(number, f"t{number}") for number in range(VOCABULARY)])
    spec.config.alignment_heads = [(shape.layers - 1, head) for head in range(shape.heads)]
    spec.config.suppress_ids = spec.config.suppress_ids_begin = spec.config.lang_ids = []
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))


def processor_seconds(shape: Shape) -> float:
    """Processor seconds for one window of 30 s: features, encoder, beam search, word times."""
    import ctranslate2
    from faster_whisper.feature_extractor import FeatureExtractor

    with tempfile.TemporaryDirectory() as folder:
        write_model(shape, Path(folder))
        model = ctranslate2.models.Whisper(folder, compute_type="int8", intra_threads=THREADS)
    extract = FeatureExtractor()
    noise = np.random.default_rng(2).standard_normal(16_000 * WINDOW_SECONDS).astype(np.float32)

    def listen() -> None:
        features = extract(noise * 0.01)[:, :3000].astype(np.float32)
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features[None]))
        heard = model.encode(view, to_cpu=False)
        said = model.generate(
            heard,
            [PROMPT],
            beam_size=BEAM,
            max_length=2 * TOKENS,  # half of it may be the answer
            suppress_tokens=[END_OF_TEXT],
        )
        tokens = [min(token, END_OF_TEXT - 1) for token in said[0].sequences_ids[0]]
        if len(tokens) < TOKENS:
            raise SystemExit(f"It stopped after {len(tokens)} tokens: nothing was measured.")
        model.align(heard, PROMPT, [tokens], 3000)

    listen()  # the first call also allocates
    begun = time.process_time()
    for _ in range(WINDOWS):
        listen()
    return (time.process_time() - begun) / WINDOWS


def main(sizes: list[str]) -> None:
    """Print a line for each size."""
    for size in sizes or ["small"]:
        seconds = processor_seconds(SHAPES[size])
        factor = seconds / WINDOW_SECONDS
        print(f"{size}: {seconds:.1f} processor seconds for {WINDOW_SECONDS} s, {factor:.2f} each")


if __name__ == "__main__":
    main(sys.argv[1:])
