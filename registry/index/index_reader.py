"""What is asked about a registry, of an index in this process or of a hub: the same questions, the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from registry.index.models import (
    ActivityPage,
    BlockShown,
    Earnings,
    Hit,
    Hits,
    Holders,
    OwnedList,
    Power,
    Root,
    Sales,
    StatementNames,
    Statements,
    Suggestions,
    TeamsShown,
    TreeNode,
)
from registry.index.search.query import SearchQuery
from registry.index.tables import Row

__all__ = ["IndexReader"]

MOST: Final = 200
"""Rows of a page where nobody says how many."""


class IndexReader(Protocol):
    """Whoever answers questions about a registry: an `IndexView`, or a hub that is asked over HTTP.

    Accounts are in lower case. `after` is what an earlier page said; `limit` bounds a page.
    """

    @property
    def name(self) -> str:
        """Who answers, "" for this process."""

    @property
    def block(self) -> BlockShown:
        """The last block that was taken."""

    def search(self, question: SearchQuery, *, facets: bool = True) -> Hits:
        """A page of hits."""

    def assets(self, *, after: int = 0, owner: str = "", limit: int = 100) -> Hits:
        """All assets by number, also those that no search shows."""

    def asset(self, id: int) -> Hit | None:
        """One asset."""

    def some(self, ids: Sequence[int]) -> Hits:
        """Some assets, in their order; numbers that none has are left out."""

    def similar(self, id: int, *, limit: int = 10) -> Hits:
        """Assets like one."""

    def suggest(self, begun: str, *, limit: int = 10) -> Suggestions:
        """Names that begin like this."""

    def owned(self, account: str, *, after: str = "", limit: int = MOST) -> OwnedList:
        """What an account holds."""

    def holders(self, id: int, *, after: str = "", limit: int = MOST) -> Holders:
        """Who holds licences of an asset."""

    def sales(self, *, id: int = 0, account: str = "", after: str = "", limit: int = MOST) -> Sales:
        """Sales of an asset, to an account, or all, the last first."""

    def teams(self, account: str) -> TeamsShown:
        """Teams that an account is an owner of."""

    def activity(
        self,
        *,
        id: int = 0,
        account: str = "",
        after: str = "",
        limit: int = MOST,
        names: frozenset[str] = frozenset(),
    ) -> ActivityPage:
        """What happened to an asset, to an account, or at all, the last first; with `names` only events called so."""

    def dropped(self, *, id: int = 0, after: str = "", limit: int = MOST) -> ActivityPage:
        """What happened in blocks that were dropped within a day, the last dropped first."""

    def earnings(self, id: int) -> Earnings:
        """What the sales of an asset took."""

    def power(self) -> Power:
        """Who can cast the votes of the DAO."""

    def rows(self, question: str, *values: Any) -> list[Row]:
        """The answer to one of `QUESTIONS`."""

    def document(self, digest: bytes) -> bytes | None:
        """A document by its digest."""

    def root(self, *, block: int | None = None) -> Root:
        """The root over all assets at the last final block, or at one before it."""

    def node(self, level: int, place: int, *, block: int | None = None) -> TreeNode | None:
        """A node of the tree below that root."""

    def say(self, statement: bytes) -> bool:
        """Hand in a signed statement; says whether it is new. Raises `InputError` for one that is refused."""

    def statement(self, digest: bytes) -> bytes | None:
        """A signed statement by the digest in its name."""

    def statement_names(self, *, after: str = "", limit: int = MOST) -> StatementNames:
        """Names of all statements."""

    def statements(self, id: int, *, after: str = "", limit: int = MOST) -> Statements:
        """What is said of an asset."""

    def statements_by(self, account: str, *, after: str = "", limit: int = MOST) -> Statements:
        """What an account says."""

    def inbox(self, account: str, *, after: str = "", limit: int = MOST) -> Statements:
        """Requests for the assets of an account, with what was answered and withdrawn there."""
