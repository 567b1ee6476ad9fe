"""Text as a search compares it: without accents, capitals and plurals, in any script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

TEXT_VERSION: Final = 1

LONGEST_WORD: Final = 40

# Marks that are part of a word in Hebrew, Arabic, and the scripts from India to Burma and Cambodia.
_WORD = re.compile("(?:[^\\W_]|[\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u109f\u1780-\u17ff])+")
_CJK = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_MARKED = re.compile("[\u0300-\u036f]")

STOP_WORDS: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "with",
    ]
)
"""Left out of a question that has other words."""


def words(text: str) -> list[str]:
    """The words of a text, in order and folded. Scripts without spaces give pairs of letters, which overlap.

    >>> words("Café data, ペンギン")
    ['cafe', 'data', 'ペン', 'ンギ', 'ギン']
    """
    found: list[str] = []
    for match in _WORD.finditer(folded(text)):
        word = match.group()
        at = 0
        for run in _CJK.finditer(word):
            if run.start() > at:
                found.append(_singular(word[at : run.start()]))
            pair = run.group()
            found += [pair[n : n + 2] for n in range(max(1, len(pair) - 1))]
            at = run.end()
        if at < len(word):
            found.append(_singular(word[at:]))
    return found


def folded(text: str) -> str:
    """Text with one spelling for each letter: compatibility forms and capitals folded, accents of Latin, Greek and
    Cyrillic letters taken off. Marks of other scripts are letters of theirs, and stay."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.replace("\u0131", "i").replace("ß", "ss")).casefold()
    return unicodedata.normalize("NFKC", _MARKED.sub("", plain))


@lru_cache(maxsize=100_000)
def _singular(word: str) -> str:
    """English plurals (Harman's S stemmer), so that penguins are found by penguin; the same rule for all words."""
    word = word[:LONGEST_WORD]
    if not word.isascii() or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4 and word[-4] not in "ae":
        return word[:-3] + "y"
    return word[:-1]


def skeleton(name: str) -> str:
    """What a name looks like: letters that pass for others are made these (after UTS 39), spaces and case dropped."""
    return "".join(_TWINS.get(letter, letter) for letter in folded(name) if letter.isalnum())


_TWINS: Final = {
    chr(code): letter
    for code, letter in zip(
        (
            0x430,
            0x435,
            0x43E,
            0x440,
            0x441,
            0x443,
            0x445,
            0x456,
            0x458,
            0x455,
            0x4BB,
            0x501,
            0x51B,
            0x51D,
            0x433,
            0x43A,
            0x43C,
            0x442,
            0x432,
            0x43D,
            0x3B1,
            0x3B2,
            0x3B5,
            0x3C1,
            0x3B9,
            0x3BA,
            0x3BD,
            0x3BF,
            0x3C4,
            0x3C5,
            0x3C7,
            0x3B3,
            0x3B7,
            0x3C9,
            0x30,
            0x31,
        ),
        "aeopcyxijshdqwrkmtbhabepiknotuxynwol",
        strict=True,
    )
}
"""Letters of Cyrillic and Greek, and digits, that look like Latin letters."""
