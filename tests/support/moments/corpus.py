"""Short talks of our own on unlike subjects, with times and the beginning of each topic.

`FAMILIAR` was used while the method was made; `UNSEEN` was written later and only measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.domain.spans import TimeSpan
from shared.domain.transcript import Segment, TimedTranscript, Word

_FAMILIAR = """
Honey bees live in colonies of many thousands. Each hive has a single queen who lays all the
eggs. The workers leave the hive to gather nectar and pollen from flowers. When a worker finds a
good patch of flowers, she dances for the other bees. The angle of the dance tells them where
the nectar is. So a colony can send hundreds of bees to the best flowers within an hour. In
winter the bees huddle around the queen and live on their honey.

Let me turn to how a sailing boat moves against the wind. A sail is really a wing standing on
its end. Wind that flows around the curved sail makes lift, and the lift pulls the boat forward.
The keel under the hull stops the boat from sliding sideways. Sailors call a change of direction
through the wind tacking. You tack again and again, and the boat climbs upwind in a zigzag. A
good crew trims the sails after every tack.

Now, what about sourdough bread? You begin with a starter of flour and water. Wild yeast in the
starter feeds on the flour and makes gas. Mix the starter into your dough and fold the dough
every half hour. Long fermentation gives the bread its sour taste. Shape the loaf gently, or the
gas escapes and the bread is flat. Then bake the loaf in a very hot oven, with steam for the
crust.

Volcanoes are fed by molten rock called magma. Magma rises through cracks in the crust because
it is lighter than the rock around it. If the magma is thick, gas cannot get out and the
pressure grows. At last the volcano erupts, and ash falls on the whole region. Thin lava flows
quietly down the slope instead. Scientists listen for small earthquakes under a volcano to warn
people before it erupts. The ash makes very fertile soil, which is why people come back.

Many of you asked about saving for retirement. The first rule is to start saving early, because
interest earns interest. Somebody who saves a hundred a month from the age of twenty five will
have twice the money of a person who begins at thirty five. The second rule is to keep the fees
of the fund low. A fund with a fee of two percent eats a third of your savings. Spread the money
over shares and bonds. Do not sell your shares when the market falls.

The violin has four strings and no frets. A player must find every note by ear and by touch. The
bow is strung with horse hair, and rosin makes the hair grip the strings. Pressing the bow
harder makes the note louder, but the violin may scratch. The wood of the body decides the tone.
Old violins from Cremona are famous for their tone. Yet in blind tests players often choose a
new violin.

A vaccine shows the immune system what a virus looks like. White blood cells learn to make
antibodies against the virus. Some of these cells stay in the blood for years as memory. When
the real virus comes, the memory cells make antibodies within hours. That is why a vaccine can
stop an infection before you feel ill. If enough people are immune, the virus finds nobody to
infect. Doctors call this herd immunity.

Chess players divide a game into three parts. In the opening you develop your knights and
bishops and castle the king. In the middle game you look for tactics, like forks and pins. A
fork attacks two pieces with one move. In the endgame the king becomes a strong piece. A pawn
that reaches the last rank becomes a queen. Grandmasters study the endgame first, because every
move counts when few pieces are left.
"""

_UNSEEN = """
Rivers carve the land they cross. A young river runs fast and cuts a deep valley. Where the
slope eases, the river begins to wander in bends. Water is faster on the outside of a bend, so
the outer bank is worn away and sand settles on the inner bank. In time two bends meet, and the
river takes the shorter way. The old bend is left behind as a lake. Every flood spreads new sand
over the valley.

When you restore an old bicycle, begin with the frame. Look for cracks in the frame where the
tubes meet. Take off the chain and soak it in degreaser overnight. If the chain has stretched,
put on a new one, or it will eat the sprockets. Brake cables rust inside their housing, so
replace the cables too. True the wheels by turning the spokes a little at a time. A drop of oil
on the chain is plenty.

Our eyes do not see like a camera. Light passes the lens and falls on the retina at the back of
the eye. The retina has rods for dim light and cones for colour. There are no cones at the edge
of the retina, so colour there is a guess of the brain. Where the nerve leaves the eye there are
no rods at all. The brain fills this blind spot in without telling you. Why do we never notice?
Because the eye never rests.

The city decided to build a tram again. The old tram lines had been torn up for cars sixty years
before. Engineers measured how many passengers each bus route carried. A tram carries four times
the passengers of a bus with one driver. Shopkeepers feared the building works, and some streets
were closed for two summers. When the tram opened, passengers doubled within a year. Now the
next district is asking for a tram of its own.

Growing tomatoes on a balcony is easy if you choose the pot well. A tomato plant needs a pot of
twenty litres or more. Put the seedling deep into the soil, up to its first leaves. Water the
soil and never the leaves, because wet leaves get blight. Pinch out the side shoots every week.
Feed the plant when the first fruit has set. Ripe tomatoes taste best when they are still warm
from the sun.

Medieval castles changed with the weapons of their day. The first castles were wooden towers on
a mound of earth. Fire was their weakness, so lords built stone walls. Attackers dug tunnels
under the corners of square towers until the walls fell. Round towers had no corners, and they
were harder to bring down. Then cannon came, and no high wall could stand against cannon. The
castle became a palace, and forts grew low and thick.

A good story on the radio begins in the middle of a scene. The listener cannot see anything, so
sound must paint the scene. Record the door, the steps, the kettle. An interview should be
recorded close to the mouth, in a room with curtains. Let the listener hear the silence after a
hard question. Editors cut the interview on breath, so that the cut cannot be heard. Music tells
the listener how to feel, so use little music.

Penguins hatch on ice in the coldest winter on earth. The male penguin holds the egg on his feet
under a fold of skin. For two months he eats nothing while the female is at sea. Thousands of
males huddle together against the storm and take turns at the edge. When the chick hatches, the
female comes home with fish. How does she find her chick among thousands? Each penguin knows the
voice of its own family.
"""


def paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs, each on one line; an empty line separates them."""
    return tuple(" ".join(part.split()) for part in text.strip().split("\n\n"))


FAMILIAR = paragraphs(_FAMILIAR)
UNSEEN = paragraphs(_UNSEEN)


@dataclass(frozen=True, slots=True)
class LabelledTalk:
    """A transcript with known topics."""

    transcript: TimedTranscript
    duration_seconds: float
    topics: tuple[TimeSpan, ...]


def spoken(
    paragraphs: Sequence[str],
    seed: int,
    *,
    punctuated: bool = True,
    language: str = "en",
    separator: str = " ",
) -> LabelledTalk:
    """The paragraphs read aloud at a natural, uneven pace; each is one topic.

    Pauses between topics are hardly longer than those between sentences, so that words decide.
    Without punctuation the text is also without capitals, and segments end with sentences.
    """
    random = np.random.default_rng(seed)
    at = float(random.uniform(0.2, 3.0))
    words: list[Word] = []
    segments: list[Segment] = []
    topics: list[TimeSpan] = []
    for paragraph in paragraphs:
        begin, first = at, len(words)
        pieces = paragraph.split() if separator else list(paragraph)
        for text in pieces:
            length = 0.06 * len(text) + float(random.uniform(0.08, 0.2))
            plain = text if punctuated else text.strip(".,?!;:").lower()
            words.append(Word(plain, at, at + length))
            at += length
            if text[-1] in ".?!。":
                inside = words[first:]
                segments.append(
                    Segment(" ".join(w.text for w in inside), inside[0].start_seconds, at)
                )
                first = len(words)
                at += float(random.uniform(0.4, 0.9))
            else:
                at += float(random.uniform(0.0, 0.12))
        topics.append(TimeSpan(begin, words[-1].end_seconds))
    transcript = TimedTranscript(language, tuple(words), tuple(segments))
    return LabelledTalk(transcript, at + 1.0, tuple(topics))


def talks(corpus: Sequence[str], number: int, *, punctuated: bool = True) -> list[LabelledTalk]:
    """Talks of 3 or more of the paragraphs in a random order, each cut to 3 or more sentences."""
    made: list[LabelledTalk] = []
    for seed in range(number):
        random = np.random.default_rng(seed)
        order = random.permutation(len(corpus))[: int(random.integers(3, len(corpus) + 1))]
        chosen = [_part(corpus[i], random) for i in order]
        made.append(spoken(chosen, seed, punctuated=punctuated))
    return made


def _part(paragraph: str, random: np.random.Generator) -> str:
    """Consecutive sentences of the paragraph."""
    sentences = re.split(r"(?<=[.?!]) ", paragraph)
    size = int(random.integers(3, len(sentences) + 1))
    begin = int(random.integers(0, len(sentences) - size + 1))
    return " ".join(sentences[begin : begin + size])
