"""How pages spell what they show: moments, sizes, accounts, shares, and the signs of kinds of assets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlsplit

from markupsafe import Markup, escape

from registry.calls.words import duration, in_votes
from registry.governance.standards import StandardStatus

__all__ = ["FILTERS", "FORMATS", "STATES", "standard_status"]

LAST: Final = 253402300799
"""The last second that a date has."""

STATES: Final = ("active", "suspended", "retired")
FORMATS: Final = ("csv", "parquet", "json", "png", "jpg", "ipynb", "md", "txt", "py", "safetensors", "wav")

KIND_NAMES: Final[Mapping[str, str]] = {
    "dataset": "Dataset",
    "model": "Model",
    "algorithm": "Algorithm",
    "app": "App",
    "notebook": "Notebook",
    "other": "Other",
}

_SIGNS: Final[Mapping[str, str]] = {
    "dataset": "M2.5 4c0-1.1 2.5-2 5.5-2s5.5.9 5.5 2-2.5 2-5.5 2-5.5-.9-5.5-2Zm0 0v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4"
    "m-11 4c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2",
    "model": "M8 1.8 13.6 5v6L8 14.2 2.4 11V5L8 1.8Zm0 6.2 5.4-3M8 8 2.6 5M8 8v6",
    "algorithm": "M4.5 3 1.5 8l3 5m7-10 3 5-3 5M9.3 2.6 6.7 13.4",
    "app": "M2 3.2h12v9.6H2V3.2Zm0 2.6h12M4 4.5h.01M5.8 4.5h.01",
    "notebook": "M4 1.8h9v12.4H4V1.8Zm2.6 0v12.4M2.4 4.5H4M2.4 8H4m-1.6 3.5H4",
    "other": "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 3.2v3.4m0 2v.2",
}


def sign(kind: str) -> Markup:
    """The sign of a kind of asset; its name stands beside it, so it says nothing to a screen reader."""
    path = _SIGNS.get(kind, _SIGNS["other"])
    return Markup('<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><path d="{}"/></svg>').format(path)


def account(address: str, *, bare: bool = False) -> Markup:
    """An account: a pattern of its own, and its first and last digits, which lead to its page."""
    address = address.lower()
    short = f"{address[:6]}\u2026{address[-4:]}"
    if bare:
        return Markup('<span class="account">{}<code>{}</code></span>').format(pattern(address), short)
    return Markup('<a class="account" href="/u/{}" title="{}">{}<code>{}</code></a>').format(
        address, address, pattern(address), short
    )


def pattern(address: str) -> Markup:
    """Five by five squares that follow from an address, alike on both sides: to see that two differ, not to trust."""
    bits = sha256(address.lower().encode()).digest()
    cells = []
    for row in range(5):
        for column in range(3):
            if bits[row * 3 + column] & 1:
                cells.append(f"M{column} {row}h1v1h-1z")
                if column < 2:
                    cells.append(f"M{4 - column} {row}h1v1h-1z")
    return Markup('<svg class="pattern hue{}" viewBox="0 0 5 5" aria-hidden="true"><path d="{}"/></svg>').format(
        bits[20] % 6, "".join(cells)
    )


def when(seconds: int) -> Markup:
    """A day, with its second for whoever wants to know."""
    if seconds > LAST:
        return Markup("for ever")
    moment = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%Y-%m-%d %H:%M:%S UTC"), _day(moment)
    )


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b} {moment.year}"


def standard_status(number: int) -> str:
    """Where a version of a standard stands, as the contract numbers it."""
    return next((one.name.lower() for one in StandardStatus if one == number), "unknown")


def year(seconds: int) -> str:
    """The year of a moment."""
    return str(datetime.fromtimestamp(min(seconds, LAST), UTC).year)


def until(seconds: int, now: int) -> str:
    """How far away a moment is, in the largest unit that fits."""
    left = abs(seconds - now)
    for size, unit in ((86_400 * 365, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if left >= size:
            count = left // size
            return f"{count:,} {unit}{'s' * (count != 1)}"
    return "less than a minute"


def size(count: int) -> str:
    """Bytes in the unit that fits."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""


def count(number: int, noun: str) -> str:
    """So many of something."""
    many = noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeo" else noun + "s"
    return f"{number:,} {noun if number == 1 else many}"


def site(url: str) -> str:
    """Whose page a URL leads to."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def outward(url: str | None) -> str:
    """A URL that a click may open: https and http; of others nothing."""
    return url if url and url.startswith(("https://", "http://")) else ""


def short(text: object, most: int = 12) -> str:
    """The ends of a long identifier."""
    found = str(text)
    return found if len(found) <= most * 2 else f"{found[:most]}\u2026{found[-4:]}"


def share(part: int, whole: int) -> float:
    """Per cent, 0 to 100."""
    found = round(100 * part / whole, 1) if whole else 0.0
    return int(found) if found == int(found) else found


def columns(heights: Sequence[int]) -> str:
    """Heights of 0 to 100 as the path of a small chart, 96 wide and 20 high; the least that there is can be seen."""
    width = 96 / max(1, len(heights))
    return "".join(
        f"M{n * width:g} 20v-{max(1, one // 5)}h{width - 1:g}v{max(1, one // 5)}z"
        for n, one in enumerate(heights)
        if one
    )


def percent(bps: int) -> str:
    """Basis points as per cent."""
    return f"{bps / 100:g}"


def paragraphs(text: str) -> Markup:
    """Prose with its paragraphs."""
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts)


def licence(expression: str) -> Markup:
    """A licence of content: an SPDX expression as it is, a URL as a link."""
    target = outward(expression)
    if target:
        return Markup('<a href="{}" rel="nofollow noopener noreferrer">{}</a>').format(target, site(target))
    return Markup("{}").format(escape(expression))


def path(text: str) -> str:
    """A path of a file within an address."""
    return quote(text)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "account": account,
    "columns": columns,
    "count": count,
    "duration": duration,
    "licence": licence,
    "outward": outward,
    "paragraphs": paragraphs,
    "path": path,
    "percent": percent,
    "share": share,
    "short": short,
    "sign": sign,
    "site": site,
    "size": size,
    "until": until,
    "votes": in_votes,
    "when": when,
    "year": year,
}
