"""Trustless gateways: HTTP servers that hand out blocks and archives, of which every byte is checked here.

https://specs.ipfs.tech/http-gateways/trustless-gateway/. Several of them are a `Chain`, which remembers the healthy.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeVar
from urllib.parse import quote

from registry.errors import BlockNotFound, Unavailable, Unverified
from registry.errors.redaction import shown
from registry.ipfs.car import CarReader
from registry.ipfs.cid import CID
from registry.ipfs.hosts import NetworkReach
from registry.ipfs.http import Answer, Http
from registry.ipfs.ipns import LONGEST_RECORD, RECORD_TYPE, IpnsName
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.text.waits import waiting_for

__all__ = ["Scope", "TrustlessGateway"]

Scope = Literal["block", "entity", "all"]

_CAR: Final = "vnd.ipld.car"
_ABSENT: Final = (404, 410)
_AGAIN: Final = (429, 500, 502, 503, 504)
_T = TypeVar("_T")


class _Refused(Unavailable):
    """An answer that would be the same if asked again."""


class TrustlessGateway:
    """One gateway, by its address without ``/ipfs``.

    `deadline` is in seconds for a block, repeated attempts included; a server that is busy or breaks off is asked up
    to three times, after as long as it asks for or a short while. `parallel` is how many blocks are asked for at once.
    `reach` says how far an address that a stranger wrote may lead, None for one that the user chose.
    """

    verifies: Final = True
    _ATTEMPTS: Final = 3
    _PATIENCE: Final = 2.0  # seconds; a longer wait is the caller's to decide, who may have another source

    def __init__(
        self,
        url: str,
        *,
        deadline: float = 30.0,
        parallel: int = 24,
        limits: ReadLimits = LIMITS,
        reach: NetworkReach | None = None,
    ) -> None:
        self.name: Final = f"the gateway {shown(url)}"
        self.parallel: Final = parallel
        self.limits: Final = limits
        self._http: Final = Http(url, name=self.name, deadline=deadline, connections=parallel, reach=reach)
        self.url: Final = self._http.url
        self._has_archives = True

    def __repr__(self) -> str:
        return f"TrustlessGateway({shown(self.url)!r})"

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        self._http.close()

    def get(self, cid: CID) -> bytes:
        """The block, hashed. Raises `BlockNotFound`, `Unavailable`, `Unverified` and `LimitExceeded`."""
        inline = cid.inline
        if inline is not None:
            return inline
        return self._again(lambda left: self._block(cid, left))

    def _block(self, cid: CID, deadline: float) -> bytes:
        accept = {"Accept": "application/vnd.ipld.raw"}
        with self._http.ask(
            "GET", f"/ipfs/{cid}", f"Block {cid}", params={"format": "raw"}, headers=accept, deadline=deadline
        ) as answer:
            self._check(answer, cid)
            data = answer.body(self.limits.block)
            if not cid.verify(data):
                kind = answer.headers.get("content-type", "").partition(";")[0]
                shown = f", it answered with {kind}" if kind and "ipld" not in kind else ""
                raise Unverified(cid, self.name, f"the bytes do not hash to it{shown}")
            return data

    def _check(self, answer: Answer, cid: CID | IpnsName) -> None:
        if answer.status in _ABSENT:
            raise BlockNotFound(cid, self.name)
        if answer.status in _AGAIN:
            raise answer.unavailable(f"Block {cid}")
        if answer.status != 200:
            raise _Refused(f"Block {cid}", [f"{self.name} answered {answer.status}"])

    def car(
        self,
        cid: CID,
        path: str = "",
        *,
        scope: Scope = "all",
        entity_bytes: tuple[int, int | None] | None = None,
    ) -> Iterator[tuple[CID, bytes]]:
        """Blocks from `cid` and along `path`, hashed, as the gateway streams them in one answer.

        `scope` is "block" (what the path leads to), "entity" (all of a file, or the names of a folder) or "all"; with
        `entity_bytes` (first, last or None) only what these bytes of a file need. That all of it comes is not promised
        and what was not asked for may come too: use `registry.ipfs.copy`, or read through a store. Raises as `get`, and
        `Unavailable` for an answer that is no archive.
        """
        params = {"format": "car", "dag-scope": scope, "car-version": "1", "car-order": "dfs", "car-dups": "n"}
        if entity_bytes is not None:
            first, last = entity_bytes
            params["entity-bytes"] = f"{first}:{'*' if last is None else last}"
        if not self._has_archives:
            raise Unavailable(f"The archive of {cid}", [f"{self.name} has none"])
        accept = {"Accept": "application/vnd.ipld.car; version=1; order=dfs; dups=n"}
        where = quote(f"/ipfs/{cid}/{path.strip('/')}".rstrip("/"))
        with self._http.ask("GET", where, f"The archive of {cid}", params=params, headers=accept) as answer:
            kind = answer.headers.get("content-type", "")
            # Whoever makes none need not be asked for each; what is absent, or too much now, is another thing.
            self._has_archives = _CAR in kind or answer.status in (*_ABSENT, *_AGAIN)
            self._check(answer, cid)
            if _CAR not in kind:
                raise Unavailable(f"The archive of {cid}", [f"{self.name} answered with {kind or 'no type'}"])
            stream = answer.file(2 * self.limits.total)
            yield from CarReader(stream, name=self.name, limits=self.limits)

    def entity(self, cid: CID) -> Iterator[tuple[CID, bytes]]:
        """All blocks of a file, or those that name what is in a folder, as `car` gives them."""
        return self.car(cid, scope="entity")

    def along(self, cid: CID, path: str, last: int) -> Iterator[tuple[CID, bytes]]:
        """The blocks from `cid` along a path, with those that hold the `last` bytes of the file that it leads to, as
        `car` gives them."""
        if last:
            return self.car(cid, path, scope="entity", entity_bytes=(-last, None))
        return self.car(cid, path, scope="block")

    def record(self, name: IpnsName) -> bytes:
        """The record that it has of a name of IPNS, unchecked. Raises `BlockNotFound` and `Unavailable`."""
        params, accept = {"format": "ipns-record"}, {"Accept": RECORD_TYPE}
        with self._http.ask("GET", f"/ipns/{name}", f"The record of {name}", params=params, headers=accept) as answer:
            self._check(answer, name)
            return answer.body(LONGEST_RECORD)

    def _again(self, attempt: Callable[[float], _T]) -> _T:
        """Try until it works, the time is up or it is no use."""
        until = time.monotonic() + self._http.deadline
        for number in range(1, self._ATTEMPTS + 1):
            try:
                return attempt(max(until - time.monotonic(), 0.001))
            except _Refused:
                raise
            except Unavailable as error:
                wait = error.retry_after
                if wait is None:
                    wait = random.uniform(0.05, 0.1) * 2**number  # nosec B311 # so that not all come back at once
                if number == self._ATTEMPTS or wait > min(self._PATIENCE, until - time.monotonic()):
                    raise
                with waiting_for("a gateway to be ready again", wait):
                    time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")
