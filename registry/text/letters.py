"""Letters that nobody sees, that turn the direction of writing, or that a terminal obeys.

A name that holds one can pass for another name, or hide words from people that a program reads. So names hold none, and
what is shown has them spelled out. The joiners of Persian, of Indic scripts and of emoji stay where they shape the
letters beside them, as RFC 5892 has it for names of hosts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["in_json", "turns_writing", "unseen", "visible"]

# Unicode's property Default_Ignorable_Code_Point, the anchors of annotations, and breaks of lines and paragraphs.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
TURNING: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_OBEYED: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
_ZWNJ, _ZWJ, _EMOJI_STYLE, _KEYCAP = "\u200c", "\u200d", "\ufe0f", "\u20e3"
_EMOJI_OF_OTHER_KINDS: Final = "\u203c\u2049\u2194\u2934\u2935\u25fd\u25fe\u3030\u303d"


def turns_writing(text: str) -> bool:
    """Whether something in `text` turns the direction of writing, so that it reads as another text."""
    return TURNING.search(text) is not None


def unseen(text: str) -> str | None:
    """The first letter of a name that nobody sees and that shapes none beside it; None if there is none."""
    return next((found[0] for found in _UNSEEN.finditer(text) if not _shapes(text, found.start())), None)


def visible(text: str, keep: str = "\n\t") -> str:
    """Text as a terminal may get it: all that it would obey, that turns writing or that nobody sees is spelled out, but
    the letters of `keep`."""

    def show(at: int, char: str) -> str:
        if char in keep or _shapes(text, at):
            return char
        odd = unicodedata.category(char) in _OBEYED or _UNSEEN.match(char)
        return char.encode("unicode_escape").decode("ascii") if odd else char

    return text if text.isascii() and text.isprintable() else "".join(show(at, char) for at, char in enumerate(text))


def one_line(text: str, most: int) -> str:
    """The first letters, `most` at most, of what a stranger wrote: one line without control characters."""
    return "".join(char if char.isprintable() else " " for char in text[:most])


def in_json(text: str) -> str:
    """JSON with the same letters as escapes, which any reader of JSON takes back; its own line breaks stay."""
    return "".join(
        _escape(char) if char != "\n" and (unicodedata.category(char) in _OBEYED or _UNSEEN.match(char)) else char
        for char in text
    )


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _shapes(text: str, at: int) -> bool:
    """Whether an unseen letter shapes those beside it: a joiner or a style where scripts and emoji have them."""
    char, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if char == _EMOJI_STYLE:
        return _is_emoji(before) or (before != "" and before in "#*0123456789" and after == _KEYCAP)
    if char == _ZWJ and _is_emoji(after):
        # Before it may stand a style or the colour of a skin.
        joined = text[:at].rstrip(_EMOJI_STYLE + "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
        return _is_emoji(joined[-1:])
    if char not in (_ZWNJ, _ZWJ):
        return False
    import idna  # only the few texts that have joiners need its tables

    try:
        return idna.core.valid_contextj(text, at)
    except ValueError:  # beside a letter that Unicode does not know
        return False


def _is_emoji(char: str) -> bool:
    return char != "" and (unicodedata.category(char) == "So" or char in _EMOJI_OF_OTHER_KINDS)
