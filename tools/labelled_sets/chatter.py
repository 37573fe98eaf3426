"""Endless small talk for recordings of hours, from this project's own grammar."""

from __future__ import annotations

import numpy as np

_TEMPLATES = """
So anyway, the {a} thing about the {n} is that nobody asked.
I was going to say something about the {n}, but it can wait.
Did you see the {n} at {p}'s place?
Yeah, no, I mean, the {n} was fine, just a bit {a}.
That reminds me of what {p} said on {d}.
We should really sort out the {n} at some point.
Hang on, somebody is at the door.
{p} told me that the {n} costs more than the {m} now.
It was {a}, in a way, but then most things are.
Okay, where were we?
I forgot my {n} at home, so I had to borrow a {m}.
Let me just move the {n} a little.
On {d} we had the {m}, and on the day after that it was all {a} again.
I don't know, I never know with these things.
{p} laughed so much that the {n} fell down.
Can you pass me the {m}?
There was a {a} {n} in front of the house, and nobody knew whose it was.
To be honest I had a {a} week.
And then, you know how it goes, one {n} leads to another.
You have to ask {p}, I was only there for the {m}.
Well, the weather on {d} was {a}, so we stayed in.
Is it me, or is it {a} in here?
Sorry, I lost my thread, it was something with a {n}.
My phone keeps buzzing, I'll put it under the {m}.
I'd rather have a {a} {m} than none.
{p} and {q} have not decided about {d} yet.
Right, right, exactly.
Anyway, that was my {d}.
Some people like a {a} {n}, others want a {m}, what can you do.
We can come back to that later.
"""
_NOUNS = """
chair kettle jacket ticket lamp sofa sandwich blanket mirror basket bottle calendar candle carpet
coat curtain cushion drawer envelope fence folder fork glove hammer hat jar keyring ladle lid
magazine mug napkin necklace notebook oven painting parcel pencil pillow plate pocket purse radio
ribbon ring rope rug scarf shelf shoe slipper sponge spoon stamp stool suitcase sweater table tape
teapot towel toy tray vase wallet wardrobe watch whistle window armchair balloon belt bracelet
bucket button cable card clock comb cup desk doll door fan flask frame gate handle heater
"""
_ADJECTIVES = """
nice odd funny cold long short quiet strange busy slow lovely awful usual cheap fancy silly rough
easy heavy bright loud soft plain messy tidy sticky dusty shiny early late
"""
_PEOPLE = "Anna Peter Maria Tom Lucy George Helen Frank Irene Oscar Paula Simon Tina Walter"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"


def chatter(random: np.random.Generator, words: int) -> str:
    """About so many words of small talk in whole sentences, without a topic."""
    templates = _TEMPLATES.strip().splitlines()
    nouns, adjectives = _NOUNS.split(), _ADJECTIVES.split()
    people, days = _PEOPLE.split(), _DAYS.split()
    said: list[str] = []
    count = 0
    while count < words:
        sentence = templates[int(random.integers(len(templates)))].format(
            n=random.choice(nouns),
            m=random.choice(nouns),
            a=random.choice(adjectives),
            p=random.choice(people),
            q=random.choice(people),
            d=random.choice(days),
        )
        said.append(sentence)
        count += len(sentence.split())
    return " ".join(said)
