"""The order of hits: what a question says, times one plus what an asset is worth. Pure, versioned, and told in parts.

    score = text * (1 + quality)

`text` is a BM25 over fields: the name counts ten times what the description does. `quality`, from 0 to 1, is made of
what costs something, or is answered for: fees that reached the treasury, fees of assets made from this one, the
community's recommendation, adopted standards, what the community found when it looked at the content, and two weeks of
being new. Sales, prices, downloads and clicks are not in it: a seller who buys from himself gets all but the fee back.
Nor are flags that were dismissed: who flags an asset of his own gets the bond back.

The same final state gives the same score on every hub; each hit carries its parts, so anybody can add them up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

VERSION: Final = 2

WEIGHTS: Final[Mapping[str, float]] = {
    "fees": 0.40,
    "derived": 0.20,
    "endorsed": 0.15,
    "standards": 0.10,
    "audited": 0.10,
    "new": 0.05,
}

FIELDS: Final[Mapping[str, float]] = {"name": 10, "tags": 5, "by": 3, "description": 1, "readme": 0.5}
"""What a word weighs by where it stands; `by` is type and author."""

USUAL: Final[Mapping[str, int]] = {"name": 5, "tags": 5, "by": 3, "description": 80, "readme": 400}
"""Words that a field usually has; longer ones say less with each."""

LETTERS: Final[Mapping[str, int]] = {"description": 2_000, "readme": 8_000}
"""How much of a field counts."""

MOST_OF_A_WORD: Final = 3
"""How often one word counts in one field: repeating it further says nothing."""

NEW_SECONDS: Final = 14 * 86_400
HALVED_EVERY: Final = 6
"""Periods (see `registry.index.fold.PERIOD`) after which a fee counts half."""

DOLLAR: Final = 1_000_000
"""Fees are in millionths of a dollar."""

_K: Final = 1.2
_B: Final = 0.5
BEGUN: Final = 0.7
"""What a word counts that only begins like the last word of a question."""

LOOKS_LIKE_ANOTHER: Final = 0.5
"""What is left of the score of an asset whose name looks like an older one of somebody else."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The parts of what an asset is worth, each a level from 0 to 1."""

    fees: float = 0.0
    derived: float = 0.0
    endorsed: float = 0.0
    standards: float = 0.0
    audited: float = 0.0
    new: float = 0.0

    @property
    def total(self) -> float:
        """Their sum by `WEIGHTS`, from 0 to 1."""
        return sum(weight * float(getattr(self, name)) for name, weight in WEIGHTS.items())

    def to_dict(self) -> dict[str, float]:
        """The parts by name."""
        return asdict(self)


def level(value: float) -> float:
    """0 for nothing, 1 from 1,023 on: each doubling counts the same."""
    return min(1.0, math.log2(1 + max(0.0, value)) / 10)


def faded(fees: Mapping[int, int], period: int) -> int:
    """Fees by the period that they were paid in, as they count in `period`, in the unit that they are in."""
    total = 0
    for paid, units in fees.items():
        age = max(0, period - paid)
        # Whole numbers only, so that no two machines can differ: 2**(-n/6) in millionths.
        total += (units * _STEPS[age % HALVED_EVERY] >> (age // HALVED_EVERY)) // 1_000_000
    return total


_STEPS: Final = (1_000_000, 890_899, 793_701, 707_107, 629_961, 561_231)


def quality(
    *,
    fees: int,
    derived: int,
    endorsed: bool,
    standards: tuple[int, int],
    upheld: int,
    published: int,
    now: int,
) -> Quality:
    """What an asset is worth.

    `fees` and `derived` are faded fees of it and of what others made from it, in millionths of a dollar; `standards`
    how many of the declared ones are adopted, of how many; `upheld` how many flags on it were; `published` and `now`
    are in seconds since 1970. A recommendation is the one judgement for an asset that nobody can get by himself, and a
    flag that was upheld one against it: `audited` is the share of the former in both.
    """
    return Quality(
        fees=level(fees / DOLLAR),
        derived=level(derived / DOLLAR),
        endorsed=float(endorsed),
        standards=standards[0] / standards[1] if standards[1] else 0.0,
        audited=1 / (1 + upheld) if endorsed else 0.0,
        new=max(0.0, 1 - max(0, now - published) / NEW_SECONDS),
    )


def rarity(matches: int, documents: int) -> float:
    """What a word tells, that so many of the documents have."""
    return math.log(1 + (documents - matches + 0.5) / (matches + 0.5))


def text_score(
    asked: Sequence[str],
    begun: str,
    fields: Mapping[str, str],
    rarities: Mapping[str, float],
    *,
    tags: int,
) -> dict[str, float]:
    """What a document says to a question, by field.

    `asked` are the words of the question, `begun` one that may go on ("" for none); `fields` the document's words, each
    with a space before and behind; `rarities` those of the words; `tags` how many tags it has.
    """
    parts = dict.fromkeys(FIELDS, 0.0)
    for word in (*asked, *((begun,) if begun else ())):
        start, whole = f" {word}", f" {word} "
        weights: dict[str, float] = {}
        for name, text in fields.items():
            if start not in text:
                continue
            exact = text.count(whole)
            count = float(min(exact, MOST_OF_A_WORD))
            if word == begun:
                further = text.count(start) - exact
                count = min(count + BEGUN * further, MOST_OF_A_WORD)
            if count:
                weight = FIELDS[name]
                each = weight / math.sqrt(max(1, tags)) if name == "tags" else weight
                length = (text.count(" ") - 1) / USUAL[name]
                weights[name] = each * count / (1 - _B + _B * max(1.0, length))
        total = sum(weights.values())
        if total:
            worth = rarities.get(word, 0.0) * total * (_K + 1) / (total + _K)
            for name, weight in weights.items():
                parts[name] += worth * weight / total
    return parts
