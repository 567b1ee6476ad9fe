"""Licences as one line of text, for the command line and for manifests.

``NAME: PART, PART, ...`` where the parts, in any order, each at most once, are

=================================== =======================================================
``hold``                            access for as long as it is held (what it is without the next two)
``30 days`` (hours, minutes, ...)   access for a time
``10 uses``                         access for a number of uses
``per 30 days``                     access by the second, at the price for so much time
``at least 1 day``                  of it, the smallest stay, which is not refunded
``12.5 USD`` or ``free``            the price: an amount and a token (symbol or address)
``cap 100``                         at most 100 are ever sold
``limit 1``                         at most 1 for one account
=================================== =======================================================

A price or ``free`` has to be there: nothing is given away by forgetting a word.
"""

from __future__ import annotations

from typing import Any, Final

from registry.documents.licence import Kind, Licence
from registry.errors import InvalidAmount, InvalidLicence, InvalidNumber
from registry.money import Token, format_decimal, split_price
from registry.text.numbers import UNITS, whole

EXAMPLE: Final = (
    'Write it like "commercial: 30 days, 12.5 USD, cap 100", "research: free, limit 1" or, '
    'for access by the second, "live: per 30 days, 12.5 USD, at least 1 day".'
)

_WORDS: Final = ("cap", "limit")
_LONGEST: Final = 1_000


def parse_licence(text: str, *, description: str = "", terms: str = "") -> Licence:
    """Read a licence; `description` and `terms` are its words in the document.

    Raises `InvalidLicence` that names the part at fault.

    >>> parse_licence("commercial: 30 days, 12.5 USD, cap 100").in_words()
    '30 days of access for 12.5 USD, at most 100 sold'
    """
    shown = text if len(text) <= 80 else text[:77] + "..."
    if len(text) > _LONGEST:
        raise InvalidLicence(shown, f"it has {len(text)} characters, over {_LONGEST:,}", hint=EXAMPLE)
    # The last colon: a name may have one, a part never does.
    head, colon, body = text.rpartition(":")
    name = head.strip()
    if not colon or not name:
        raise InvalidLicence(shown, "it has no name before a colon", hint=EXAMPLE)
    if name.rpartition(":")[2].strip().isdecimal() and body[:1].isdecimal():
        raise InvalidLicence(shown, "a colon stands between digits, as in no number", hint=EXAMPLE)
    found: dict[str, Any] = {}
    said: dict[str, str] = {}
    for part in map(str.strip, body.split(",")):
        what, value = _read(name, part)
        if what in found:
            raise InvalidLicence(name, f"the part {part!r} is a second {what}, after {said[what]!r}", hint=EXAMPLE)
        found[what], said[what] = value, part
    if "price" not in found:
        raise InvalidLicence(name, "it has no price; write 'free' if it is to cost nothing", hint=EXAMPLE)
    price, token = found["price"]
    kind, quantity = found.get("kind of access", (Kind.HOLD, 0))
    common: dict[str, Any] = {
        "price": price,
        "token": token,
        "cap": found.get("cap"),
        "limit": found.get("limit"),
        "description": description,
        "terms": terms,
    }
    if found.get("smallest stay") is not None and kind is not Kind.STREAM:
        raise InvalidLicence(name, "only access by the second ('per 30 days') has a smallest stay", hint=EXAMPLE)
    if found.get("what is sold") and kind is not Kind.STREAM:
        raise InvalidLicence(name, "runs are sold by the second ('runs, per 100 seconds')", hint=EXAMPLE)
    if kind is Kind.PERIOD:
        return Licence.period(name, seconds=quantity, **common)
    if kind is Kind.USE:
        return Licence.uses(name, uses=quantity, **common)
    if kind is Kind.STREAM:
        for word in _WORDS:
            if common.pop(word) is not None:
                raise InvalidLicence(name, f"access by the second has no {word}", hint=EXAMPLE)
        make = Licence.run if found.get("what is sold") else Licence.stream
        return make(name, per=quantity, minimum=found.get("smallest stay", 0), **common)
    return Licence.hold(name, **common)


def format_licence(licence: Licence) -> str:
    """Write a licence as `parse_licence` reads it; its description and terms are left out."""
    parts = []
    if licence.kind is Kind.PERIOD:
        parts.append(_span(licence.quantity))
    elif licence.kind is Kind.USE:
        parts.append(_counted(licence.quantity, "use"))
    elif licence.kind is Kind.STREAM:
        parts += ["runs"] if licence.runs else []
        parts.append(f"per {_span(licence.quantity)}")
        parts += [f"at least {_span(licence.minimum)}"] if licence.minimum else []
    else:
        parts.append("hold")
    token = licence.token.symbol if isinstance(licence.token, Token) else licence.token
    parts.append("free" if token is None else f"{format_decimal(licence.price)} {token}")
    parts += [
        f"{word} {value}" for word, value in (("cap", licence.cap), ("limit", licence.limit)) if value is not None
    ]
    return f"{licence.name}: {', '.join(parts)}"


def _read(name: str, part: str) -> tuple[str, Any]:
    """Return what a part says: the thing, and its value."""
    words = part.split()
    if words == ["free"]:
        return "price", (0, None)
    if words == ["runs"]:
        return "what is sold", True
    if words == ["hold"]:
        return "kind of access", (Kind.HOLD, 0)
    if len(words) == 3 and words[0] == "per" and (unit := words[2].removesuffix("s")) in UNITS:
        return "kind of access", (Kind.STREAM, _whole(name, part, words[1]) * UNITS[unit])
    if len(words) == 4 and words[:2] == ["at", "least"] and (unit := words[3].removesuffix("s")) in UNITS:
        return "smallest stay", _whole(name, part, words[2]) * UNITS[unit]
    if len(words) == 2:
        first, second = words
        if first in _WORDS:
            return first, _whole(name, part, second)
        unit = second.removesuffix("s")
        if unit in UNITS:
            return "kind of access", (Kind.PERIOD, _whole(name, part, first) * UNITS[unit])
        if unit == "use":
            return "kind of access", (Kind.USE, _whole(name, part, first))
        return "price", _price(name, part, first, second)
    known = "a price, a period, uses, 'per' a time, 'at least' a time, 'free', 'hold', 'cap N' nor 'limit N'"
    reason = f"the part {part!r} is neither {known}"
    raise InvalidLicence(name, reason if part else "a part between its commas is empty", hint=EXAMPLE)


def _price(name: str, part: str, number: str, token: str) -> tuple[str, str]:
    try:
        if token.startswith("0x"):
            split_price(number)
        else:
            split_price(part)
    except InvalidAmount as error:
        raise InvalidLicence(name, f"the part {part!r}: {error.message.rstrip('.')}", hint=EXAMPLE) from None
    return number, token


def _whole(name: str, part: str, number: str) -> int:
    try:
        return whole(number, high=2**64)
    except InvalidNumber as error:
        reason = f"the part {part!r} needs a whole number instead of {number!r}: {error.reason}"
        raise InvalidLicence(name, reason, hint=EXAMPLE) from None


def _span(seconds: int) -> str:
    """A time in the largest unit that holds it exactly, without the commas that divide parts."""
    unit, size = next((unit, size) for unit, size in reversed(UNITS.items()) if seconds % size == 0)
    return _counted(seconds // size, unit)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
