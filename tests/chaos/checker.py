"""After a run: the chain, the store, the home and the gateways are held against each other and against what was wanted.

Nothing here goes through the faulty line, and nothing believes what the script said of itself.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chaos.plan import Plan
from chaos.script import drafts, items, out
from chaos.stage import CALLS, GATEWAYS, HOUR, LIVE, MONTH, SHARES, THRESHOLD, VOTES, Stage, open_keys, reader
from chaos.stage import PERSON as PERSON_NUMBER
from registry import Registry
from registry.chain.journal import Journal
from registry.chain.signers import dev_signer
from registry.compute.job_escrow import JobStatus
from registry.errors import RegistryError
from registry.gated.shares import combine
from registry.gateway.audit_log import AuditLog
from registry.gateway.database import FILE as DATABASE
from registry.gateway.database import Database
from registry.governance.standing import Choice
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
from registry.ipfs.traverse import traverse
from registry.results import Asset
from registry.revenue.splits import divide
from registry.system.disk import drop_parts
from registry.types import item_id

_MONTH_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Places:
    """Where a run kept what it kept."""

    home: Path
    gateways: Path
    source: Path
    scratch: Path


class Checker:
    """Finds what was lost, doubled or left lying around, each as a sentence."""

    def __init__(self, stage: Stage, plan: Plan, places: Places) -> None:
        self._stage, self._plan, self._places = stage, plan, places
        self._registry: Registry = reader(stage, places.home)
        self._chain = self._registry.chain
        self._person = dev_signer(PERSON_NUMBER).address
        self._usd = next(token for token in self._registry.tokens if token.symbol == "USD")

    def findings(self) -> list[str]:
        """All of them."""
        found: list[str] = []
        parts = (
            self.publications,
            self.collections,
            self.purchases,
            self.streams,
            self.jobs,
            self.money,
            self.vote,
            self.uses,
            self.journals,
            self.gateways,
            self.files,
        )
        for part in parts:
            try:
                found += part()
            except (RegistryError, sqlite3.Error, OSError, AssertionError, LookupError) as error:
                found.append(f"{part.__name__} cannot be checked: {type(error).__name__}: {error}")
        return found

    # --- The chain -------------------------------------------------------------------------------

    @cached_property
    def transactions(self) -> list[dict[str, Any]]:
        """All that were mined since the run began, each with its receipt."""
        found = []
        eth: Any = self._chain.w3.eth
        for number in range(self._stage.head + 1, self._chain.block().number + 1):
            for tx in eth.get_block(number, True)["transactions"]:
                found.append({"tx": tx, "receipt": eth.get_transaction_receipt(tx["hash"])})
        return found

    def _events(self, event: Any, **filters: Any) -> list[Any]:
        return list(self._chain.events(event, filters=filters or None, from_block=self._stage.head + 1))

    def publications(self) -> list[str]:
        """Each draft is one asset, with the document, the content and the terms that were wanted."""
        registry, wanted = self._registry, drafts(self._stage, self._plan, self._places.source)
        minted = {
            int(event.args["tokenId"]) for event in self._events(registry.assets.events.Transfer, to=self._person)
        }
        made = {number: registry.get(number) for number in minted - self._collected}
        names = Counter(asset.name for asset in made.values())
        found = [
            f"{draft.name!r} was published {names[draft.name]} times" for draft in wanted if names[draft.name] != 1
        ]
        found += [f"{name!r} was published, and nobody asked" for name in names if name not in {d.name for d in wanted}]
        pinned = self._pinned()
        for asset in made.values():
            try:
                found += self._published(asset, pinned)
            except RegistryError as error:
                found.append(f"{asset.name!r} is not what was published: {error}")
        return found

    def _pinned(self) -> set[CID]:
        """What the person's store keeps."""
        return {pin.cid for pin in LocalStore(self._places.home / "blocks").pins()}

    @cached_property
    def _collected(self) -> set[int]:
        """The numbers of the collections that were published."""
        return {int(one.args["collection"]) for one in self._events(self._registry.assets.events.CollectionPublished)}

    def collections(self) -> list[str]:
        """One collection, all of whose documents are what its root stands for."""
        registry, wanted = self._registry, [one.name for one in items(self._plan)]
        if len(self._collected) != 1:
            return [f"a collection was published {len(self._collected)} times"]
        [number] = self._collected
        size = registry.collections.verify(number).size
        names = [registry.get(registry.did(item_id(number, index))).name for index in range(size)]
        found = [] if names == wanted else [f"the collection has {names}"]
        ddo, pinned = registry.get(number).ddo, self._pinned()
        if ddo.cid not in pinned or ddo.content is None or ddo.content.cid not in pinned:
            found.append("the collection is not pinned")
        return found

    def _published(self, asset: Asset, pinned: set[CID]) -> list[str]:
        registry, content = self._registry, asset.ddo.content
        found = [] if asset.ddo.cid in pinned else [f"the document of {asset.name!r} is not pinned"]
        registry.verify(asset.did)
        if content is None:
            return found
        if content.cid not in pinned:
            found.append(f"the content of {asset.name!r} is not pinned")
        if asset.payout != self._stage.splitter or [offer.name for offer in asset.licences] != ["month", "trial"]:
            found.append(f"{asset.name!r} has other terms than were asked for")
        copy = self._places.scratch / f"copy of {asset.did.asset_id}"
        registry.download(asset.did, copy)
        if read(copy) != read(self._places.source):
            found.append(f"the content of {asset.name!r} is not what was published")
        if content.encryption is not None:
            found += self._shares(str(asset.did), content.encryption.recipient)
        return found

    def _shares(self, did: str, recipient: str) -> list[str]:
        shares = {}
        for name in GATEWAYS:
            database = Database(self._places.gateways / name / DATABASE)
            kept = database.shares_of(did, 1)
            if kept:
                keys = open_keys(self._stage.folder, self._places.gateways, name)
                shares[name] = [keys.open_share(one.sealed).decode() for one in kept]
            database.close()
        return (
            [] if combine(shares, THRESHOLD, recipient) else [f"the shares of {did} at {', '.join(shares)} make no key"]
        )

    def purchases(self) -> list[str]:
        """Each licence was bought once."""
        registry = self._registry
        found = []
        for did, licence in ((self._stage.shop, MONTH), (self._stage.secret, CALLS)):
            number = registry.did(did).asset_id
            sales = self._events(registry.market.events.Sale, assetId=number)
            if len(sales) != 1:
                found.append(f"{licence.name!r} was bought {len(sales)} times")
                continue
            holding = registry.holding(did, licence.name)
            if licence is MONTH and holding.expires_at != self._chain.block(sales[0].block).timestamp + _MONTH_SECONDS:
                found.append(f"'month' ends at {holding.expires_at}, which is not 30 days after its sale")
        return found

    def streams(self) -> list[str]:
        """One stream, from the second of its block for an hour."""
        events = self._registry.stream_contract.events
        begun, extended = self._events(events.Subscribed), self._events(events.Extended)
        if len(begun) != 1 or extended:
            return [f"a stream was begun {len(begun)} times and extended {len(extended)} times"]
        ends = self._registry.streams.subscription(self._stage.wire, LIVE.name).end
        wanted = self._chain.block(begun[0].block).timestamp + HOUR
        return [] if ends == wanted else [f"the stream ends at {ends} instead of {wanted}"]

    def jobs(self) -> list[str]:
        """One job, which waits for its host."""
        found = self._registry.jobs.escrow.jobs()
        return [] if [one.status for one in found] == [JobStatus.OPEN] else [f"the jobs in escrow are {found}"]

    def money(self) -> list[str]:
        """Every unit and every wei is where it belongs."""
        registry, stage = self._registry, self._stage
        price, coins = registry.amount("12.5 USD").units, registry.amount("0.002 ETH").units
        treasury, fee_bps, _until = registry.sales_rules
        fee = price * fee_bps // 10_000
        splitter = self._chain.contract("RevenueSplitter", stage.splitter)
        zero = self._usd.address
        arrived = stage.dollars[stage.splitter] + price - fee
        parts = dict(zip(SHARES, divide(arrived, list(SHARES.values())), strict=True))
        held = {stage.deployment.streams: "3.6 USD", stage.deployment.escrow: "1.2 USD"}
        ahead = {place: registry.amount(total).units for place, total in held.items()}
        wanted = {self._person: -price - sum(ahead.values()), treasury: fee, **ahead, **parts}
        wanted[stage.splitter] = price - fee - sum(parts.values())
        found = []
        for account, units in wanted.items():
            had, has = stage.dollars[account], self._units(account)
            if has - had != units:
                found.append(f"{account} has {has - had:+,} units of USD, and should have {units:+,}")
        if int(self._chain.call(splitter.functions.received(zero))) != arrived:
            found.append("the splitter has not distributed all that arrived")
        spent = sum(
            one["receipt"]["gasUsed"] * one["receipt"]["effectiveGasPrice"]
            for one in self.transactions
            if str(one["tx"]["from"]) == self._person
        )
        gone = stage.coins - self._chain.balance(self._person)
        if gone != spent + coins:
            found.append(f"{gone:,} wei are gone, and {spent + coins:,} were spent")
        return found

    def _units(self, account: str) -> int:
        return self._registry.units(self._usd, account)

    def vote(self) -> list[str]:
        """One vote, with the right weight and choice."""
        governance = self._registry.governance
        cast = self._events(governance.governor.events.VoteCast)
        wanted = (self._person, self._stage.proposal, Choice.parse(self._plan.choice), VOTES[PERSON_NUMBER] * 10**18)
        got = [tuple(event.args[name] for name in ("voter", "proposalId", "support", "weight")) for event in cast]
        if got != [wanted]:
            return [f"the votes are {got}, and should be {[wanted]}"]
        tally = self._chain.call(governance.governor.functions.proposalVotes(self._stage.proposal))
        if sum(tally) != wanted[3] or tally[wanted[2]] != wanted[3]:
            return [f"the tally is {tally}"]
        return []

    def uses(self) -> list[str]:
        """One use was consumed, and what it was for is on the disk."""
        registry = self._registry
        found = []
        consumed = self._events(registry.assets.events.UsesConsumed, account=self._person)
        if len(consumed) != 1 or registry.holding(self._stage.secret, CALLS.name).uses != 9:
            found.append(f"{len(consumed)} uses were consumed instead of one")
        if read(out(self._places.home)) != self._stage.content:
            found.append("what was opened is not what was published")
        return found

    # --- What is kept ----------------------------------------------------------------------------

    def journals(self) -> list[str]:
        """Every intent took effect once, and every transaction is on record."""
        found = []
        status = {"0x" + bytes(one["tx"]["hash"]).hex(): one["receipt"]["status"] for one in self.transactions}
        people = {"the person": (self._places.home, self._person)}
        for name in GATEWAYS:
            keys = open_keys(self._stage.folder, self._places.gateways, name)
            people[name] = self._places.gateways / name, keys.address
        for who, (folder, address) in people.items():
            Journal.at(folder).open().close()
            rows = list(_rows(folder / "journal.sqlite"))
            hashes = {row["hash"] for row in rows}
            unknown = [
                h
                for one in self.transactions
                if str(one["tx"]["from"]) == address and (h := "0x" + bytes(one["tx"]["hash"]).hex()) not in hashes
            ]
            found += [f"{who} has sent {one}, which is not in the journal" for one in unknown]
            intents: dict[str, list[sqlite3.Row]] = {}
            for row in rows:
                if row["intent"] is not None:
                    intents.setdefault(row["intent"], []).append(row)
            for intent, entries in intents.items():
                good = [row for row in entries if status.get(row["hash"]) == 1]
                if len(good) > 1:
                    found.append(f"{who}: {intent} took effect {len(good)} times")
                if who != "the person":
                    continue  # where a branch lost what one gateway has handed in, another one has
                if any(row["settled"] for row in entries) and not good:
                    found.append(f"{who}: {intent} is settled, and is not on the chain")
                if good and not good[0]["settled"]:
                    found.append(f"{who}: {intent} is on the chain, and was never settled")
        return found

    def gateways(self) -> list[str]:
        """Their files are sound, and no receipt was taken for two."""
        found = []
        receipts = set()
        for name in GATEWAYS:
            database = Database(self._places.gateways / name / DATABASE)
            found += [f"the file of {name}: {fault}" for fault in database.faults()]
            AuditLog(database).verify()
            uses = database.rows("SELECT nonce, state FROM uses WHERE account = ?", self._person)
            receipts |= {nonce for nonce, state in uses if state in ("consumed", "released")}
            database.close()
        if len(receipts) != 1:
            found.append(f"the gateways released for {len(receipts)} receipts instead of one")
        return found

    def files(self) -> list[str]:
        """The store is whole, nothing lies around, and clearing leaves what is pinned and no more."""
        keys = self._places.home / "keys"
        for left in keys.glob(".*"):
            os.utime(left, (0, 0))
        drop_parts(keys)  # as the next key that is written does, an hour later
        found = [f"{path} lies around" for path in strays(self._places.home.parent)]
        store = LocalStore(self._places.home / "blocks")
        health = store.fsck()
        if not health.sound:
            return [*found, f"the store has damaged {health.damaged} and missing {health.missing}"]
        store.gc(grace=0)
        if left := [path.name for path in (store.path / "tmp").iterdir()]:
            found.append(f"clearing left {left}")
        reached = {cid for pin in store.pins() for cid, _ in traverse(pin.cid, store)}
        found += [f"clearing left {cid}, which no pin reaches" for cid in store if cid not in reached]
        return found


def read(place: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def strays(disk: Path) -> Iterator[str]:
    """Files on the person's disk that have no name that is meant to stay."""
    for path in sorted(disk.rglob("*")):
        name = path.relative_to(disk).as_posix()
        if path.is_file() and (os.path.basename(name).startswith(".") or name.endswith((".part", ".tmp", ".new"))):
            yield name


def _rows(path: Path) -> list[sqlite3.Row]:
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    rows = database.execute("SELECT * FROM transactions ORDER BY id").fetchall()
    database.close()
    return rows
