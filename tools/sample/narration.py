"""The sample's narration: three topics that share hardly a word."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One slide and its narration. Colours are 0xRRGGBB."""

    title: str
    subtitle: str
    colours: tuple[str, str]
    sentences: tuple[str, ...]


TOPICS = (
    Topic(
        "Sourdough",
        "Bread from flour, water and time",
        ("0x7a3e12", "0xd98e3f"),
        (
            "Every loaf of sourdough begins with a starter, a jar of flour and water full of "
            "wild yeast.",
            "The yeast eats the sugar in the flour and breathes out gas, and the gas makes the "
            "dough rise.",
            "Bacteria in the same jar make the acid that gives the bread its sour taste.",
            "A warm kitchen makes the dough rise in four hours, a cold one may need a whole night.",
            "The secret of a good crust is steam, so bake the loaf under a heavy lid.",
        ),
    ),
    Topic(
        "Lighthouses",
        "How a small flame crossed the sea",
        ("0x0b2545", "0x3f7cac"),
        (
            "Before electricity, the lamp of a lighthouse was a simple oil flame.",
            "A mirror behind the flame lost half of the light, and ships saw the tower too late.",
            "Then a French engineer cut a lens into rings of glass, each ring bending the light "
            "the same way.",
            "Such a lens was thin enough to carry up the tower, and it sent nearly all the light "
            "out to sea.",
            "Now a ship saw the light of the tower from twenty miles out at sea, twice as far as "
            "with a mirror.",
        ),
    ),
    Topic(
        "Honeybees",
        "A map drawn by dancing",
        ("0x1f4d2b", "0x5f8f35"),
        (
            "When a honeybee finds flowers, she flies home and dances for her sisters.",
            "She walks in a straight line while shaking her body, turns around, and walks the "
            "line again.",
            "The angle of her dance tells the other bees which way to fly, measured from the sun.",
            "The longer the dance, the farther the bees must fly to reach the flowers.",
            "So the bees read a map of the flowers from a dance in the dark, and fly there.",
        ),
    ),
)
