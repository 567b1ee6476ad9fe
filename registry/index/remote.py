"""A hub that is asked over HTTP: the same questions as a `IndexView`, and no word of it is believed unchecked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

from registry.errors import ContentError, HubUnavailable, InputError
from registry.index.models import (
    ActivityPage,
    BlockShown,
    Earnings,
    Hit,
    Hits,
    Holders,
    HubFacts,
    Model,
    OwnedList,
    Power,
    Root,
    Sales,
    StatementNames,
    Statements,
    Suggestions,
    TableRows,
    TeamsShown,
    TreeNode,
)
from registry.index.questions import MOST_VALUES, read_rows, written_values
from registry.index.search.query import SearchQuery
from registry.index.tables import Row
from registry.ipfs.http import Http
from registry.ipfs.nesting import load_json

__all__ = ["RemoteHub", "question_params"]

M = TypeVar("M", bound=Model)

MOST: Final = 4 * 2**20
"""Bytes of an answer."""

DEADLINE: Final = 15.0
"""Seconds for an answer."""


class RemoteHub:
    """The hub at `url`, which has so many seconds (`deadline`) for an answer.

    Each method raises `HubUnavailable`, and `InputError` for what the hub refuses as wrong.
    """

    def __init__(self, url: str, *, deadline: float = DEADLINE) -> None:
        self.name: Final = url.rstrip("/")
        self._http = Http(url, name=f"the hub {self.name}", deadline=deadline)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def block(self) -> BlockShown:
        """The last block that it took."""
        return self.facts().head

    def facts(self) -> HubFacts:
        """What it is, and how far."""
        return self._get("/v1/hub", HubFacts)

    def search(self, question: SearchQuery, *, facets: bool = True) -> Hits:
        """A page of hits."""
        return self._get("/v1/search", Hits, **question_params(question), facets="true" if facets else "false")

    def assets(self, *, after: int = 0, owner: str = "", limit: int = 100) -> Hits:
        """All assets by number."""
        return self._get("/v1/assets", Hits, after=after, owner=owner, limit=limit)

    def asset(self, id: int) -> Hit | None:
        """One asset, None for a number that none has."""
        return self._found(f"/v1/assets/{id}", Hit)

    def some(self, ids: Sequence[int]) -> Hits:
        """Some assets, in their order; numbers that none has are left out."""
        found: list[Hit] = []
        for first in range(0, len(ids), MOST_VALUES) or (0,):
            listed = ",".join(map(str, ids[first : first + MOST_VALUES]))
            page = self._get("/v1/assets", Hits, ids=listed or "0")
            found += page.hits
        return page.model_copy(update={"hits": tuple(found), "total": len(found)})

    def similar(self, id: int, *, limit: int = 10) -> Hits:
        """Assets like one."""
        return self._get(f"/v1/assets/{id}/similar", Hits, limit=limit)

    def suggest(self, begun: str, *, limit: int = 10) -> Suggestions:
        """Names that begin like this."""
        return self._get("/v1/suggest", Suggestions, q=begun, limit=limit)

    def owned(self, account: str, *, after: str = "", limit: int = 200) -> OwnedList:
        """What an account holds."""
        return self._get(f"/v1/accounts/{account}/owned", OwnedList, after=after, limit=limit)

    def holders(self, id: int, *, after: str = "", limit: int = 200) -> Holders:
        """Who holds licences of an asset."""
        return self._get(f"/v1/assets/{id}/holders", Holders, after=after, limit=limit)

    def sales(self, *, id: int = 0, account: str = "", after: str = "", limit: int = 200) -> Sales:
        """Sales, the last first."""
        return self._get("/v1/sales", Sales, asset=id or "", account=account, after=after, limit=limit)

    def teams(self, account: str) -> TeamsShown:
        """TeamsShown of an account."""
        return self._get(f"/v1/accounts/{account}/teams", TeamsShown)

    def activity(
        self,
        *,
        id: int = 0,
        account: str = "",
        after: str = "",
        limit: int = 200,
        names: frozenset[str] = frozenset(),
    ) -> ActivityPage:
        """What happened, the last first."""
        params = {"asset": id or "", "account": account, "after": after, "limit": limit}
        return self._get("/v1/activity", ActivityPage, **params, events=",".join(sorted(names)))

    def dropped(self, *, id: int = 0, after: str = "", limit: int = 200) -> ActivityPage:
        """What happened in blocks that were dropped within a day, the last dropped first."""
        return self._get("/v1/dropped", ActivityPage, asset=id or "", after=after, limit=limit)

    def earnings(self, id: int) -> Earnings:
        """What the sales of an asset took."""
        return self._get(f"/v1/assets/{id}/earnings", Earnings)

    def power(self) -> Power:
        """Who can cast the votes of the DAO."""
        return self._get("/v1/power", Power)

    def rows(self, question: str, *values: Any) -> list[Row]:
        """The answer to one of `QUESTIONS`."""
        path = f"/v1/rows/{question}"
        try:
            return read_rows(question, self._get(path, TableRows, of=written_values(values)))
        except ValueError as error:
            raise HubUnavailable(f"{path} of {self.name}", [f"its answer is none ({error})"]) from error

    def keep(self, reason: bytes) -> bool:
        """Have it keep the reason of a flag; says whether it does."""
        try:
            with self._http.ask("POST", "/v1/reasons", f"/v1/reasons of {self.name}", content=[reason]) as answer:
                return answer.status == 201
        except ContentError as error:
            raise HubUnavailable(f"/v1/reasons of {self.name}", [error.message]) from error

    def bring(self, document: bytes) -> bool:
        """Hand in a document that it looks for; says whether it took it."""
        try:
            with self._http.ask("POST", "/v1/documents", f"/v1/documents of {self.name}", content=[document]) as answer:
                return answer.status == 201
        except ContentError as error:
            raise HubUnavailable(f"/v1/documents of {self.name}", [error.message]) from error

    def document(self, digest: bytes) -> bytes | None:
        """A document by its digest, hashed; None for one that the hub does not have."""
        from registry.ipfs.cid import CID
        from registry.types import Digest

        status, data = self._ask(f"/v1/documents/{CID.from_digest(Digest(digest))}", {})
        return data if status == 200 and hashlib.sha256(data).digest() == digest else None

    def root(self, *, block: int | None = None) -> Root:
        """The root over all assets at its last final block, or at one before it."""
        return self._get("/v1/tree", Root, block=block)

    def node(self, level: int, place: int, *, block: int | None = None) -> TreeNode | None:
        """A node of the tree below that root."""
        return self._found(f"/v1/tree/{level}/{place}", TreeNode, block=block)

    def say(self, statement: bytes) -> bool:
        """Hand in a signed statement; says whether it is new to it. Raises `InputError` for one that it refuses."""
        path = "/v1/statements"
        try:
            with self._http.ask("POST", path, f"{path} of {self.name}", content=[statement]) as answer:
                status, data = answer.status, answer.body(MOST)
        except ContentError as error:
            raise HubUnavailable(f"{path} of {self.name}", [error.message]) from error
        if status in (400, 413, 422):
            raise InputError(f"The hub {self.name} refused it: {_said(data)}", hint="See why, and sign it anew.")
        if status not in (200, 201):
            raise HubUnavailable(f"{path} of {self.name}", [f"it answered {status}: {_said(data)}"])
        return status == 201

    def statement(self, digest: bytes) -> bytes | None:
        """A signed statement by the digest in its name; None for one that the hub does not have, or tells wrongly."""
        from registry.documents.signed_statements import read_statement
        from registry.ipfs.cid import CID

        status, data = self._ask(f"/v1/statements/{CID.from_digest(digest)}", {})
        try:
            found = read_statement(data) if status == 200 else None
        except InputError:
            return None
        return data if found is not None and bytes(found.said.cid.digest) == digest else None

    def statement_names(self, *, after: str = "", limit: int = 200) -> StatementNames:
        """Names of all statements."""
        return self._get("/v1/statements", StatementNames, after=after, limit=limit)

    def statements(self, id: int, *, after: str = "", limit: int = 200) -> Statements:
        """What is said of an asset."""
        return self._get(f"/v1/assets/{id}/statements", Statements, after=after, limit=limit)

    def statements_by(self, account: str, *, after: str = "", limit: int = 200) -> Statements:
        """What an account says."""
        return self._get(f"/v1/accounts/{account}/statements", Statements, after=after, limit=limit)

    def inbox(self, account: str, *, after: str = "", limit: int = 200) -> Statements:
        """Requests for the assets of an account, with what was answered and withdrawn there."""
        return self._get(f"/v1/accounts/{account}/requests", Statements, after=after, limit=limit)

    # --- Internal --------------------------------------------------------------------------------

    def _get(self, path: str, model: type[M], **params: object) -> M:
        found = self._found(path, model, **params)
        if found is None:
            raise HubUnavailable(f"{path} of {self.name}", ["it says that there is no such thing"])
        return found

    def _found(self, path: str, model: type[M], **params: object) -> M | None:
        given = {name: str(value) for name, value in params.items() if value not in ("", None)}
        status, data = self._ask(path, given)
        if status == 404:
            return None
        if status in (400, 422):
            raise InputError(f"The hub {self.name} refused the question: {_said(data)}")
        if status != 200:
            raise HubUnavailable(f"{path} of {self.name}", [f"it answered {status}: {_said(data)}"])
        try:
            return model.read(data)
        except ValueError as error:
            raise HubUnavailable(f"{path} of {self.name}", [f"its answer is none ({error})"]) from error

    def _ask(self, path: str, params: dict[str, str]) -> tuple[int, bytes]:
        try:
            with self._http.ask("GET", quote(path), f"{path} of {self.name}", params=params) as answer:
                return answer.status, answer.body(MOST)
        except ContentError as error:
            raise HubUnavailable(f"{path} of {self.name}", [error.message]) from error


def question_params(question: SearchQuery) -> dict[str, str]:
    """A question as the parameters of ``/v1/search``."""
    names = {"text": "q", "tags": "tag", "formats": "format", "standards": "standard"}
    found: dict[str, str] = {}
    for name in SearchQuery.__slots__:
        value = getattr(question, name)
        # A bound of 0 and a plain no say something; no asset has the number 0.
        if value is None or value in ("", ()) or (name in ("collection", "derived_from") and not value):
            continue
        if isinstance(value, tuple):
            value = ",".join(value)
        elif isinstance(value, bool):
            value = "true" if value else "false"
        found[names.get(name, name)] = str(value)
    return found


def _said(data: bytes) -> str:
    try:
        return str(load_json(data)["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return data[:100].decode("utf-8", "replace")
