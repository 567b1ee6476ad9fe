"""Browse and search: words and facets in the address, hits in rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlencode

from registry.documents.ddo import ASSET_TYPES
from registry.hub.operations import OPERATIONS, read_parameters
from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.spelling import KIND_NAMES
from registry.index.models import Hits

__all__ = ["browse"]

_SEARCH: Final = OPERATIONS[0]

PAGE: Final = 20

_FACETS: Final = (("license", "license", "Licence"), ("format", "format", "Format"), ("tag", "tag", "Tag"))
"""Facets of values: as the index counts them, their parameter, their heading."""

_SWITCHES: Final = (
    ("free", "Something is free"),
    ("paid", "Something is sold"),
    ("gated", "Encrypted content"),
    ("computable", "Compute on it"),
)
_SORTS: Final = (
    ("score", "Best"),
    ("new", "Newest"),
    ("price", "Cheapest"),
    ("fees", "Most paid for"),
    ("size", "Largest"),
    ("name", "A to Z"),
)


def browse(desk: Desk, asked: Asked) -> PageAnswer:
    """The first page: what there is, narrowed down by what the address says."""
    query = {name: value for name, value in asked.query if value}
    values = read_parameters(_SEARCH, {}, asked.query)
    found: Hits = _SEARCH.answer(desk.catalogue, {"limit": PAGE, **values})
    chosen = {name: value for name, value in query.items() if name not in ("after", "limit")}

    def link(**changes: str) -> str:
        return "/?" + urlencode({name: value for name, value in {**chosen, **changes}.items() if value})

    groups = [_group(desk, found, chosen, link, *facet) for facet in _FACETS]
    types = [("", "Everything", "", link(type=""))]
    types += [
        (
            one,
            f"{KIND_NAMES[one]}s" if one != "other" else "Other",
            str(found.facets.get("type", {}).get(one, "")),
            link(type=one),
        )
        for one in ASSET_TYPES
    ]
    switches = [
        (
            name,
            words,
            found.facets.get(name, {}).get("yes", 0),
            chosen.get(name) == "true",
            link(**{name: "" if chosen.get(name) == "true" else "true"}),
        )
        for name, words in _SWITCHES
    ]
    narrowed = [
        (name, _said(desk, name, value), link(**{name: ""}))
        for name, value in chosen.items()
        if name not in ("q", "sort", "type")
    ]
    return desk.page(
        "browse.html",
        found=found,
        words=chosen.get("q", ""),
        chosen=chosen,
        types=types,
        groups=[group for group in groups if group[1]],
        switches=[one for one in switches if one[2] or one[3]],
        sorts=[(name, words, link(sort="" if name == "score" else name)) for name, words in _SORTS],
        narrowed=narrowed,
        own=link(),
        following=link(after=found.after) if found.after else "",
        spread=bool(found.after) and len(found.hits) < int(values.get("limit", PAGE)),
        going_on="after" in query,
    )


def _said(desk: Desk, name: str, value: str) -> str:
    """A narrowing in words."""
    if name in dict(_SWITCHES):
        return dict(_SWITCHES)[name].lower() if value == "true" else f"not: {dict(_SWITCHES)[name].lower()}"
    if name in ("collection", "derived_from") and value.isdigit():
        title = desk.names([int(value)])[int(value)]
        return f"items of {title}" if name == "collection" else f"made from {title}"
    return f"{name.replace('_', ' ')}: {value}"


def _group(
    desk: Desk,
    found: Hits,
    chosen: dict[str, str],
    link: Callable[..., str],
    counted: str,
    parameter: str,
    heading: str,
) -> tuple[str, list[tuple[str, int, bool, str]]]:
    """A facet: its heading, and for each value how many, whether it is chosen, and where a click leads."""
    taken: Sequence[str] = [one for one in chosen.get(parameter, "").split(",") if one]
    lines = []
    for value, number in list(found.facets.get(counted, {}).items())[:8]:
        # Commas part values in an address.
        if "," in value:
            continue
        here = value in taken
        if parameter == "license":
            leads = link(**{parameter: "" if here else value})
        else:
            rest = [one for one in taken if one != value] if here else [*taken, value]
            leads = link(**{parameter: ",".join(rest)})
        lines.append((value, number, here, leads))
    return heading, lines
