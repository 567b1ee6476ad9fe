"""What form of content a request asks for, by its parameters and its ``Accept`` header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from registry.errors import InputError
from registry.ipfs.ipns import RECORD_TYPE

__all__ = ["MEDIA", "VERIFIABLE", "Form", "form_of"]

MEDIA: Final = {
    "raw": "application/vnd.ipld.raw",
    "car": "application/vnd.ipld.car",
    "dag-json": "application/vnd.ipld.dag-json",
    "dag-cbor": "application/vnd.ipld.dag-cbor",
    "json": "application/json",
    "cbor": "application/cbor",
    "tar": "application/x-tar",
    "ipns-record": RECORD_TYPE,
}
VERIFIABLE: Final = ("raw", "car", "ipns-record")
"""What a client can check by itself, in a page of anybody's too."""


@dataclass(frozen=True, slots=True)
class Form:
    """The name of a form, "" for the file or page itself, and whether an archive may have a block more than once."""

    name: str
    dups: bool = False


def form_of(request: Request) -> Form:
    """What is asked for; a parameter is stronger than the header (IPIP-523). Raises `InputError`."""
    query = request.query_params
    accepted = _accepted(request.headers.get("accept", ""))
    name = query.get("format")
    options: dict[str, str] = {}
    if name is None:
        name, options = next(iter(accepted), ("", {}))
    elif name not in MEDIA:
        raise InputError(f"The format {name[:40]!r} is not made here.", hint=f"Known: {', '.join(MEDIA)}.")
    else:
        options = next((found for kind, found in accepted if kind == name), {})
    if name == "car" and query.get("car-version", options.get("version", "1")) != "1":
        raise InputError("Only version 1 of CAR is written here.", hint="Ask for car-version=1.")
    return Form(name, query.get("car-dups", options.get("dups", "n")) == "y")


def _accepted(header: str) -> list[tuple[str, dict[str, str]]]:
    """The forms in an ``Accept`` header with their options, those that are wanted most first; what can be anything ends
    the list. An archive of version 2 counts only if nothing else is wanted."""
    found: list[tuple[float, str, dict[str, str]]] = []
    for item in header.split(","):
        kind, *rest = (part.strip() for part in item.split(";"))
        options = dict(part.replace(" ", "").partition("=")[::2] for part in rest)
        name = next((name for name, media in MEDIA.items() if media == kind.lower()), "")
        try:
            weight = float(options.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if name or kind:
            found.append((weight - 10 * (options.get("version", "1") != "1"), name, options))
    found.sort(key=lambda one: -one[0])
    return [(name, options) for weight, name, options in found if weight]
