"""What is asked of a search, checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from typing import Final, Literal, get_args

from registry.documents.ddo import ASSET_TYPES
from registry.errors import InputError
from registry.index.search_text import STOP_WORDS, words

__all__ = ["SORTS", "SearchQuery", "Sort"]

Sort = Literal["score", "new", "price", "fees", "size", "name"]
SORTS: Final[tuple[str, ...]] = get_args(Sort)

MOST_LETTERS: Final = 256
MOST_WORDS: Final = 8
MOST_HITS: Final = 100
MOST_VALUES: Final = 16

CANDIDATES: Final = 2_000
"""How many matches are looked at, the best assets first: more than anybody reads, and few enough to be quick."""


COMMON: Final = 20_000
"""A word that more entries have tells no less than one that so many have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """A search: `text` and what it is narrowed down by.

    ============= =================================================================================
    tags          and `formats`, `standards`: each of these
    min_price     and `max_price`: of the cheapest open offer, in millionths of a dollar
    min_size      and `max_size`: of the content, in bytes
    free          and `paid`, `gated`, `computable`: True for only those, False for all others
    begun         whether the last word of the text may go on
    after         where an earlier answer ended
    ============= =================================================================================

    Raises `InputError` for what is out of bounds.
    """

    text: str = ""
    type: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()
    owner: str = ""
    collection: int = 0
    derived_from: int = 0
    min_price: int | None = None
    max_price: int | None = None
    min_size: int | None = None
    max_size: int | None = None
    free: bool | None = None
    paid: bool | None = None
    gated: bool | None = None
    computable: bool | None = None
    sort: Sort = "score"
    limit: int = 20
    after: str = ""
    begun: bool = True

    def __post_init__(self) -> None:
        def refuse(what: str, hint: str) -> None:
            raise InputError(what, hint=hint)

        if len(self.text) > MOST_LETTERS:
            refuse(f"A search of {len(self.text)} letters is too long.", f"It has {MOST_LETTERS} at most.")
        if self.type and self.type not in ASSET_TYPES:
            refuse(f"{self.type!r} is not a type of assets.", f"It is one of: {', '.join(ASSET_TYPES)}.")
        if self.sort not in SORTS:
            refuse(f"Hits are not sorted by {self.sort!r}.", f"Sort them by one of: {', '.join(SORTS)}.")
        if isinstance(self.limit, bool) or not 1 <= self.limit <= MOST_HITS:
            refuse(f"A page cannot have {self.limit} hits.", f"It has 1 to {MOST_HITS}.")
        for name in ("tags", "formats", "standards"):
            if len(getattr(self, name)) > MOST_VALUES:
                refuse(f"{len(getattr(self, name))} {name} are too many.", f"Name {MOST_VALUES} at most.")
        for name in ("min_price", "max_price", "min_size", "max_size"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 2**63:
                refuse(f"{name} cannot be {value}.", "It is a number from 0.")

    @property
    def asked(self) -> tuple[list[str], str]:
        """The words of the text, and the last one apart if it may go on.

        Words that nearly every text has are left out of those that have others.
        """
        found = words(self.text)
        if telling := [word for word in found if word not in STOP_WORDS]:
            found = telling
        found = list(dict.fromkeys(found))[:MOST_WORDS]
        # One letter begins too much to say anything.
        goes_on = self.begun and found and len(found[-1]) > 1 and self.text[-1:].isalnum()
        return (found[:-1], found[-1]) if goes_on else (found, "")

    def facets(self) -> list[tuple[str, bool]]:
        """What it is narrowed down by, as `AssetEntry.facets` writes it, and whether that must be so or must not."""
        found = [(f"{name}={value}", True) for name in ("type", "license") if (value := getattr(self, name))]
        if self.owner:
            found.append((f"owner={self.owner.lower()}", True))
        found += [(f"tag={tag.lower()}", True) for tag in self.tags]
        found += [(f"format={one.lower().lstrip('.')}", True) for one in self.formats]
        found += [(f"standard={one}", True) for one in self.standards]
        found += [
            (f"{name}={value}", True) for name in ("collection", "derived_from") if (value := getattr(self, name))
        ]
        for name in ("free", "paid", "gated", "computable"):
            if (wanted := getattr(self, name)) is not None:
                found.append((f"{name}=yes", wanted))
        return found

    @property
    def name(self) -> str:
        """The same for the same question, wherever it goes on."""
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "after"}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]

    def from_place(self, place: int) -> str:
        """The cursor of what comes after so many hits."""
        return f"{self.name}.{place}"

    @property
    def place(self) -> int:
        """How many hits came before. Raises `InputError` for a cursor of another question."""
        if not self.after:
            return 0
        name, _, place = self.after.partition(".")
        if name != self.name or not (place.isascii() and place.isdigit() and len(place) <= 6):
            raise InputError(
                "This cursor is of another search.", hint="Ask the search that it came from, or begin without it."
            )
        return int(place)

    def with_(self, **changes: object) -> SearchQuery:
        """The same question with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
