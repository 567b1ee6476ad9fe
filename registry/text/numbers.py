"""Numbers, moments and spans of time as people write them: read in one way everywhere, or refused.

What means two things to two people is no number here: ``0,5`` and ``1,000`` (commas are points elsewhere), ``050`` and
``0x10`` (other bases), ``1_0`` (a slip), ``1e3``, ``1:30``, digits of other scripts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from registry.errors import InvalidNumber

__all__ = ["decimal", "digits_or_text", "moment", "seconds", "whole"]

LARGEST: Final = 2**256 - 1
"""The largest number that contracts count with."""

UNITS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
"""The units of a span of time, in seconds."""

_WHOLE: Final = re.compile(r"0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:_[0-9]{3})+")
_DECIMALS: Final = re.compile(r"[0-9]+")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")
_ZONE: Final = re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}")
_LONGEST: Final = 160


def whole(text: str, what: str = "whole number", *, low: int = 0, high: int = LARGEST) -> int:
    """The whole number that `text` says: digits, with ``_`` between all of its thousands or none.

    `what` completes "... is not a ..." in `InvalidNumber`, which is raised for anything else, and out of the range.
    """
    if len(text) > _LONGEST or not _WHOLE.fullmatch(text):
        raise InvalidNumber(text, what, _why_not(text))
    found = int(text.replace("_", ""))
    if not low <= found <= high:
        raise InvalidNumber(text, what, f"it is not from {low:,} to {'2**256-1' if high == LARGEST else f'{high:,}'}")
    return found


def decimal(text: str, what: str = "number") -> Decimal:
    """The number that `text` says, exactly: as `whole`, and after a point its decimals. Raises `InvalidNumber`."""
    before, point, after = text.partition(".")
    if len(text) > _LONGEST or not _WHOLE.fullmatch(before) or (point and not _DECIMALS.fullmatch(after)):
        raise InvalidNumber(text, what, _why_not(text))
    return Decimal(before.replace("_", "") + point + after)


def digits_or_text(text: str) -> int | str:
    """The number of an asset or a licence if `text` is made of digits, else the text, which may be a DID or a name.

    Raises `InvalidNumber` for digits that are no plain number.
    """
    return whole(text) if text.isascii() and text.isdigit() else text


def moment(text: str, what: str = "date or moment") -> int:
    """A date (at 00:00 UTC), or a date and a time with its zone, in seconds since 1970. Raises `InvalidNumber`."""
    day, time = text[:10], text[11:]
    clock = _TIME.match(time)
    zone = time[clock.end() :] if clock else ""
    if not _DAY.fullmatch(day) or (text[10:] and (text[10] not in "T " or not clock)):
        raise InvalidNumber(text, what, "write it as 2027-01-31 or 2027-01-31T12:00Z")
    if clock and not _ZONE.fullmatch(zone):
        raise InvalidNumber(text, what, "it does not say which zone; write Z or +02:00 at its end")
    try:
        found = datetime.fromisoformat(text if clock else f"{day}T00:00+00:00")
        return int(found.astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        raise InvalidNumber(text, what, "there is no such day or time") from None


def seconds(text: str, what: str = "span of time") -> int:
    """A span of time as ``12 hours`` or ``5 days``, in seconds. Raises `InvalidNumber`."""
    number, _, unit = text.partition(" ")
    if unit.removesuffix("s") not in UNITS:
        raise InvalidNumber(text, what, 'write it as "12 hours" or "5 days"')
    return whole(number, what, high=10**9) * UNITS[unit.removesuffix("s")]


def _why_not(text: str) -> str:
    """What keeps a text from being one number to everybody."""
    if len(text) > _LONGEST:
        return f"it has {len(text):,} characters"
    if "," in text:
        return "a comma means different things in different countries; write . before decimals and _ between thousands"
    if text.startswith(("-", "\u2212")):
        return "it is negative"
    if text.lower().lstrip("+") in ("nan", "inf", "infinity", "snan"):
        return "it is not a finite number"
    if re.fullmatch(r"[0-9._]+[eE][+-]?[0-9]+", text):
        return "write all digits instead of an exponent"
    if re.fullmatch(r"0[0-9_]+(\.[0-9_]*)?", text):
        return "it begins with a zero"
    if re.fullmatch(r"[0-9_]+(\.[0-9_]*)?", text) and "_" in text:
        return "it is not a plain decimal number: _ stands between groups of three digits, before the point"
    return "it is not a plain decimal number"
