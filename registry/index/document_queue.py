"""Documents of assets by their digests, and READMEs by their CIDs: looked for where the reader looks for blocks,
checked, and kept.

Nobody's dead million can slow anybody else: owners take turns, each with at most two at a time, and what was not found
is asked for again after ten seconds, a minute, ten minutes, an hour, six hours, and then every day, for ever.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

from registry.documents.ddo import DDO, MAX_BYTES
from registry.errors import ContentError, DDOTooLarge, InputError, InvalidDDO, LimitExceeded, UnsupportedCodec
from registry.index import readmes
from registry.index.tables import Row
from registry.index.tables_store import Store
from registry.ipfs.blocks import BlockSource, fetch
from registry.ipfs.cid import CID
from registry.ipfs.limits import LIMITS

if TYPE_CHECKING:
    from registry.index.entries import AssetEntry

__all__ = ["AGAIN", "DocumentQueue", "checked"]

AGAIN: Final = (10, 60, 600, 3_600, 21_600, 86_400)
"""Seconds after which a document that was not found is looked for again; the last for all further times."""

AT_ONCE: Final = 8
OF_ONE_OWNER: Final = 2

MOST_FAULTS: Final = 20

_NO_README: Final = (InputError, LimitExceeded, UnsupportedCodec)
"""What reading one raises that will be no other tomorrow."""


class DocumentQueue:
    """The documents and READMEs of one index, fetched from `source`; each block is hashed before it is read.

    `clock` gives seconds since 1970. Only blocks are ever asked for, by their hash: no address in a document is
    visited.
    """

    def __init__(self, store: Store, source: BlockSource, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._source = source
        self._clock = clock

    def want(self, wanted: Iterable[tuple[bytes, str]], kind: str = "asset") -> None:
        """Have documents looked for, each for the owner of its asset, unless they are known; within `Store.writing`."""
        listed = {digest: owner for digest, owner in wanted if digest}
        known = self._store.load("document", [(digest,) for digest in listed])
        now = int(self._clock())
        new = [
            {
                "digest": digest,
                "status": "wanted",
                "kind": kind,
                "owner": owner,
                "tries": 0,
                "next_try": now,
                "faults": "",
                "bytes": b"",
            }
            for digest, owner in listed.items()
            if (digest,) not in known
        ]
        if new:
            self._store.put("document", new)
            owners = sorted({str(row["owner"]) for row in new})
            self._store.put("turn", [{"owner": owner, "next_try": now} for owner in owners])

    def want_readmes(self, ids: Iterable[int], entries: Iterable[AssetEntry]) -> None:
        """Have the READMEs of assets looked for, and forget those of assets that have none now; within `Store.writing`.

        `entries` are those of the assets `ids` that are there.
        """
        wanted = {one.id: (bytes.fromhex(one.readme_cid), one.owner) for one in entries if one.readme_cid}
        kept = self._store.load("readme", [(id,) for id in ids])
        for (id,) in kept.keys() - {(id,) for id in wanted}:
            self._store.run("DELETE FROM readme WHERE asset = ?", id)
        changed = {id: cid for id, (cid, _) in wanted.items() if (id,) not in kept or kept[id,]["cid"] != cid}
        if changed:
            self._store.put("readme", [{"asset": id, "cid": cid} for id, cid in changed.items()])
            self.want([wanted[id] for id in changed], readmes.KIND)

    def look(self, *, seconds: float | None = None, most: int | None = None) -> int:
        """Look for what is due, until nothing is, for so many seconds at most; returns how many were found.

        What is under way at the end is waited for: a source has a deadline for each block.
        """
        until = None if seconds is None else time.monotonic() + seconds
        found = tried = 0
        busy: dict[Future[Row], str] = {}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="documents") as pool:
            while True:
                over = (until is not None and time.monotonic() > until) or (most is not None and tried >= most)
                if not over:
                    for row in self._due(AT_ONCE - len(busy), list(busy.values())):
                        busy[pool.submit(self._fetched, row)] = row["owner"]
                        tried += 1
                if not busy:
                    return found
                done, _ = wait(busy, return_when=FIRST_COMPLETED)
                rows = [one.result() for one in done]
                for one in done:
                    del busy[one]
                found += self._keep(rows)

    def next(self) -> int | None:
        """When something is due next, in seconds since 1970; None if nothing is waited for."""
        found = self._store.rows("SELECT min(next_try) FROM turn")
        return None if found[0][0] is None else int(found[0][0])

    def take(self, data: bytes) -> bool:
        """Take a document that somebody has brought, if it is one that is wanted."""
        row = self._store.load("document", [(hashlib.sha256(data).digest(),)])
        for kept in row.values():
            if kept["status"] == "wanted":
                return bool(self._keep([checked(kept, data)]))
        return False

    # --- Internal --------------------------------------------------------------------------------

    def _due(self, room: int, busy: Sequence[str]) -> list[Row]:
        """What to look for now: owners in turn, who waited longest first."""
        picked: list[Row] = []
        if room <= 0:
            return picked
        now = int(self._clock())
        turns: list[Row] = []
        rest: dict[str, int] = {}
        for (owner,) in self._store.rows(
            "SELECT owner FROM turn WHERE next_try <= ? ORDER BY next_try, owner LIMIT ?", now, 4 * AT_ONCE
        ):
            left = OF_ONE_OWNER - busy.count(owner)
            if left <= 0 or len(picked) >= room:
                continue
            due = list(
                self._store.each(
                    "document",
                    "WHERE owner = ? AND status = 'wanted' AND next_try <= ? ORDER BY next_try, digest LIMIT ?",
                    owner,
                    now,
                    min(left, room - len(picked)),
                )
            )
            picked += due
            rest[owner] = len(due)
        with self._store.writing():
            for row in picked:
                # Not before the next round, whatever becomes of this process meanwhile.
                wait = AGAIN[min(row["tries"], len(AGAIN) - 1)]
                row.update(tries=row["tries"] + 1, next_try=now + wait + _jitter(row["digest"], wait))
                turns.append(row)
            if picked:
                self._store.put("document", picked)
            for owner in rest:
                self._turn(owner, now)
        return picked

    def _turn(self, owner: str, now: int) -> None:
        """Put an owner where it stands in the queue: behind those that wait now, or at its next document's time."""
        found = self._store.rows("SELECT min(next_try) FROM document WHERE owner = ? AND status = 'wanted'", owner)[0][
            0
        ]
        if found is None:
            self._store.run("DELETE FROM turn WHERE owner = ?", owner)
        else:
            self._store.put("turn", [{"owner": owner, "next_try": max(int(found), now)}])

    def _fetched(self, row: Row) -> Row:
        try:
            if row["kind"] == readmes.KIND:
                return {**row, "status": "have", "bytes": readmes.start_of(CID.parse(row["digest"]), self._source)}
            data = fetch(CID.from_digest(row["digest"]), self._source, LIMITS)
        except _NO_README as error:
            faults = json.dumps([error.message[:300]])
            return {**row, "status": "invalid", "faults": faults} if row["kind"] == readmes.KIND else row
        except ContentError:
            return row
        return checked(row, data)

    def _keep(self, rows: Sequence[Row]) -> int:
        """Write what was found, and have its assets shown anew; returns how many that were."""
        found = [row for row in rows if row["status"] != "wanted"]
        if rows:
            now = int(self._clock())
            with self._store.writing():
                if found:
                    self._store.put("document", found)
                for owner in {row["owner"] for row in rows}:
                    self._turn(owner, now)
                for row in rows:
                    self._store.stain(id for (id,) in self._assets_with(row))
        return len(found)

    def _assets_with(self, row: Row) -> list[tuple[int]]:
        """The numbers of the assets with a document or a README."""
        if row["kind"] != readmes.KIND:
            return self._store.rows("SELECT id FROM asset WHERE digest = ?", row["digest"])
        # Until there are words in it, nothing that is shown depends on a README.
        found = row["status"] == "have" and row["bytes"]
        return self._store.rows("SELECT asset FROM readme WHERE cid = ?", row["digest"]) if found else []


def checked(row: Row, data: bytes) -> Row:
    """The row of a document once these bytes of it are there: as it was if they are others."""
    if hashlib.sha256(data).digest() != row["digest"]:
        return row
    faults: list[str] = []
    if len(data) > MAX_BYTES:
        faults = [DDOTooLarge(len(data), MAX_BYTES).message]
    else:
        try:
            DDO.from_bytes(data)
        except InvalidDDO as error:
            faults = [str(fault)[:300] for fault in error.faults[:MOST_FAULTS]] or [error.message]
    if faults:
        return {**row, "status": "invalid", "faults": json.dumps(faults), "bytes": b""}
    return {**row, "status": "have", "bytes": data}


def _jitter(digest: bytes, wait: int) -> int:
    """Up to a tenth more, so that not all that were lost together come back together."""
    return int.from_bytes(digest[:4], "big") % (wait // 10 + 1)
