"""An index built from events alone equals the chain: integrators need no calls to know owners, offers and access."""

# ruff: noqa: N802, N803 - handlers and their arguments bear the names of the ABI.

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from registry.revenue.splits import Book

from .evm import ZERO, Log, artifact
from .machine import RegistryMachine
from .model import HOLD, MAX_ROYALTY_BPS, PERIOD, UNIT, USE, Grant, up_to
from .profile import walk
from .splitter_machine import LineageMachine, SplitterMachine
from .world import AUTHOR, FEE_BPS, PEOPLE, TREASURY, World


@dataclass
class IndexedLicence:
    """What the events tell of a licence."""

    terms: tuple[int, ...]
    price: int
    open: bool = True
    issued: int = 0
    grants: dict[str, Grant] = field(default_factory=lambda: defaultdict(Grant))
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class IndexedAsset:
    """What the events tell of an asset."""

    owner: str
    digest: bytes = b""
    version: int = 0
    state: int = 0
    delisted: bool = False
    epoch: int = 0
    payout: str = ZERO
    derivatives: tuple[bool, int] = (False, 0)
    ancestors: tuple[tuple[str, int, int], ...] = ()
    roles: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    licences: list[IndexedLicence] = field(default_factory=list)


class Index:
    """Reads logs in order and asks the chain nothing. What a log does not say is the time of its block."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, IndexedLicence] = {}
        self.assets: dict[int, IndexedAsset] = {}
        self.payments: list[tuple[str, bool]] = []
        self.fee_bps, self.treasury, self.sellers = FEE_BPS, TREASURY, {world.market.address}
        self.sales_paused_until = self.publications_paused_until = 0

    def read(self, logs: Iterable[Log]) -> None:
        world = self._world
        homes = {
            world.registry.address: "AssetRegistry",
            world.market.address: "Marketplace",
            world.receipts.address: "Receipts",
            world.lineage.address: "Lineage",
        }
        for log in logs:
            if (licence := self._tokens.get(log.address)) is not None:
                self._on_token(licence, log)
            elif (name := homes.get(log.address)) is not None:
                event = artifact(name).events[log.topics[0]]
                handler = getattr(self, f"_on_{event.name}", None)
                if handler is not None:
                    handler(log, **event.decode(log.topics, log.data))

    def _on_token(self, licence: IndexedLicence, log: Log) -> None:
        event = artifact("Datatoken").events[log.topics[0]]
        if event.name == "Transfer":
            values = event.decode(log.topics, log.data)
            licence.tokens[values["from"]] -= values["value"]
            licence.tokens[values["to"]] += values["value"]

    def _on_Transfer(self, log: Log, **values: Any) -> None:
        asset_id = values["tokenId"]
        if values["from"] == ZERO:
            self.assets[asset_id] = IndexedAsset(values["to"])
            return
        # A transfer starts an epoch: no event says again what ends with the old one.
        asset = self.assets[asset_id]
        if values["from"] == values["to"]:
            return
        asset.owner, asset.payout = values["to"], ZERO
        asset.epoch += 1
        asset.roles.clear()

    def _on_MetadataPublished(self, log: Log, assetId: int, version: int, digest: bytes, publisher: str) -> None:
        self.assets[assetId].version, self.assets[assetId].digest = version, digest

    def _on_StateChanged(self, log: Log, assetId: int, state: int) -> None:
        self.assets[assetId].state = state

    def _on_DelistedChanged(self, log: Log, assetId: int, delisted: bool) -> None:
        self.assets[assetId].delisted = delisted

    def _on_RolesChanged(self, log: Log, assetId: int, account: str, epoch: int, roles: int) -> None:
        assert epoch == self.assets[assetId].epoch
        self.assets[assetId].roles[account] = roles

    def _on_PayoutChanged(self, log: Log, assetId: int, payout: str) -> None:
        self.assets[assetId].payout = payout

    def _on_DerivativeTermsChanged(self, log: Log, assetId: int, allowed: bool, royaltyBps: int) -> None:
        self.assets[assetId].derivatives = (allowed, royaltyBps)

    def _on_ParentsDeclared(
        self, log: Log, registry: str, assetId: int, parents: Any, ancestors: tuple[tuple[str, int, int], ...]
    ) -> None:
        # Anybody may declare in his own name; only what this registry declared is about its assets.
        if registry == self._world.registry.address:
            self.assets[assetId].ancestors = ancestors

    def _on_LicenceAdded(self, log: Log, assetId: int, licence: int, terms: tuple[int, ...]) -> None:
        assert licence == len(self.assets[assetId].licences)
        added = IndexedLicence(terms, terms[0])
        self.assets[assetId].licences.append(added)
        # The token's address is the same sum for everybody, long before there is a token.
        self._tokens[self._world.datatoken(assetId, licence).address] = added

    def _on_LicenceChanged(self, log: Log, assetId: int, licence: int, price: int, open: bool) -> None:
        offer = self.assets[assetId].licences[licence]
        offer.price, offer.open = price, open

    def _on_LicenceIssued(self, log: Log, assetId: int, licence: int, account: str, units: int, asTokens: bool) -> None:
        offer = self.assets[assetId].licences[licence]
        *_, cap, limit, _, _ = offer.terms
        offer.issued += units if cap else 0
        grant = offer.grants[account]
        if limit or not asTokens:
            grant = replace(grant, taken=up_to(grant.taken + units, 32))
        offer.grants[account] = grant if asTokens else self._with_access(log, offer, grant, units)

    def _on_TokensRedeemed(self, log: Log, assetId: int, licence: int, account: str, units: int, **_: Any) -> None:
        offer = self.assets[assetId].licences[licence]
        offer.grants[account] = self._with_access(log, offer, offer.grants[account], units)

    def _with_access(self, log: Log, offer: IndexedLicence, grant: Grant, units: int) -> Grant:
        _, _, kind, amount, *_ = offer.terms
        if kind == HOLD:
            return replace(grant, held=True)
        if kind == PERIOD:
            end = max(grant.expires_at, log.timestamp) + amount * units
            return replace(grant, expires_at=up_to(end, 48))
        return replace(grant, uses=up_to(grant.uses + amount * units, 64))

    def _on_UsesConsumed(self, log: Log, assetId: int, licence: int, account: str, uses: int, **_: Any) -> None:
        grants = self.assets[assetId].licences[licence].grants
        grants[account] = replace(grants[account], uses=grants[account].uses - uses)

    def _on_PaymentTokenChanged(self, log: Log, index: int, token: str, allowed: bool) -> None:
        self.payments[index : index + 1] = [(token, allowed)]

    def _on_PublicationsPaused(self, log: Log, until: int) -> None:
        self.publications_paused_until = until

    def _on_SalesPaused(self, log: Log, until: int) -> None:
        self.sales_paused_until = until

    def _on_SellerChanged(self, log: Log, seller: str, allowed: bool) -> None:
        (self.sellers.add if allowed else self.sellers.discard)(seller)

    def _on_FeeChanged(self, log: Log, feeBps: int) -> None:
        self.fee_bps = feeBps

    def _on_TreasuryChanged(self, log: Log, treasury: str) -> None:
        self.treasury = treasury

    def active(self, asset_id: int, number: int, account: str, now: int) -> bool:
        offer = self.assets[asset_id].licences[number]
        grant = offer.grants[account]
        if offer.terms[2] == HOLD:
            return grant.held or offer.tokens[account] >= UNIT
        return grant.expires_at > now if offer.terms[2] == PERIOD else grant.uses > 0


class IndexedMachine(RegistryMachine):
    """Walks, and at the end asks the chain for all that the index believes."""

    def teardown(self) -> None:
        chain, registry, index = self.chain, self.registry, Index(self.world)
        index.payments = [(ZERO, True), (self.world.dollar.address, True)]
        index.read(self.logs)
        assert len(index.assets) == self.model.next_id - 1
        assert chain.call(registry, "paymentTokens") == tuple(index.payments)
        assert chain.call(registry, "publicationsPausedUntil") == index.publications_paused_until
        rules = (index.treasury, index.fee_bps, index.sales_paused_until)
        assert chain.call(registry, "salesRules") == rules
        assert chain.call(registry, "isSeller", self.market.address) == (self.market.address in index.sellers)
        for asset_id, asset in index.assets.items():
            payout = asset.payout if asset.payout != ZERO else asset.owner
            assert chain.call(registry, "assetInfo", asset_id) == (
                asset.owner,
                asset.digest,
                asset.version,
                asset.state,
                asset.delisted,
                len(asset.licences),
                payout,
                asset.epoch,
                bool(asset.ancestors),
                sum(royalty_bps for _, _, royalty_bps in asset.ancestors),
                asset.derivatives,
            )
            ancestors = chain.call(self.world.lineage, "ancestorsOf", registry.address, asset_id)
            assert ancestors == asset.ancestors
            for account in PEOPLE.values():
                assert chain.call(registry, "rolesOf", asset_id, account) == asset.roles[account]
            for number, offer in enumerate(asset.licences):
                _, payment, kind, amount, cap, limit, minimum, _ = offer.terms
                assert chain.call(registry, "licenceOf", asset_id, number) == (
                    offer.price,
                    amount,
                    cap,
                    offer.issued,
                    limit,
                    payment,
                    kind,
                    offer.open,
                    minimum,
                )
                for account in self.holders:
                    grant = offer.grants[account]
                    assert chain.call(registry, "accessOf", asset_id, number, account) == (
                        index.active(asset_id, number, account, chain.timestamp),
                        grant.expires_at,
                        grant.uses,
                        grant.held,
                        grant.taken,
                        offer.tokens[account],
                    )


def test_an_index_of_events_alone_equals_the_chain() -> None:
    walk(IndexedMachine, examples=60, steps=50)


def test_what_a_slot_cannot_hold_is_counted_as_the_chain_counts_it() -> None:
    """Units, uses and times of an account stop at their largest number; an index that adds on would go astray."""
    machine = IndexedMachine()
    free = (0, 0, HOLD, 0, 0, 0), (0, 0, PERIOD, 2**32 - 1, 0, 0), (0, 0, USE, 2**32 - 1, 0, 0)
    machine.start(first=free, second=free)  # type: ignore[call-arg]
    purchase = {"buyer": PEOPLE["buyer"], "account": None, "margin": 0, "surplus": 0, "stray": False}
    for number in range(3):
        for count in (2**32 - 1, 1, 2**32 - 1):
            machine.buy_access(offer=(0, number), purchase={**purchase, "count": count})  # type: ignore[call-arg]
    machine.teardown()


class IndexedSplitter(SplitterMachine):
    """At the end of a walk, its events alone tell what each payee was given and what is parked for whom."""

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            super().teardown()

    def compare(self) -> None:
        if not self.made():
            return
        books = {token.address: Book(self.model.shares) for token in self.tokens}
        chunk: range | None = None
        parked: dict[tuple[str, str], int] = defaultdict(int)
        births = 0
        for log in self.logs:
            name = "LineageSplitter" if log.address == self.splitter else self.maker
            event = artifact(name).events[log.topics[0]]
            values = event.decode(log.topics, log.data)
            if event.name == "ChunkPaid":
                chunk = range(values["first"], values["first"] + values["count"])
            elif event.name == "Distributed":
                assert books[values["token"]].distribute(values["amount"], chunk) is not None
                chunk = None
            elif event.name in ("Parked", "Claimed"):
                sign = 1 if event.name == "Parked" else -1
                parked[values["token"], values["payee"]] += sign * values["amount"]
            else:
                births += values["splitter"] == self.splitter
                assert values.get("shares", tuple(self.table)) == tuple(self.table)
        assert births == 1
        for token in self.tokens:
            assert books[token.address].had == self.model.books[token.address].given
            for account in self.accounts():
                amount = self.chain.call(self.contract, "owedTo", token.address, account)
                assert parked[token.address, account] == amount


class IndexedLineageSplitter(IndexedSplitter, LineageMachine):
    """The same of a lineage splitter."""


@pytest.mark.parametrize("machine", [IndexedSplitter, IndexedLineageSplitter])
def test_what_a_splitter_gave_to_each_and_parked_is_in_its_events(machine: type[SplitterMachine]) -> None:
    walk(machine, examples=50, steps=40)


WORLD = World()
royalty_terms = st.tuples(st.booleans(), st.integers(0, MAX_ROYALTY_BPS))


def test_the_terms_for_derivatives_are_in_the_events() -> None:
    @given(published=royalty_terms, changed=st.none() | royalty_terms)
    @settings(derandomize=True, database=None, deadline=None, max_examples=50)
    def check(published: tuple[bool, int], changed: tuple[bool, int] | None) -> None:
        with WORLD.chain.snapshot():
            index = Index(WORLD)
            publication = WORLD.publication(b"\1" * 32, royalty=published)
            logs = WORLD.do(WORLD.registry, "publish", AUTHOR, publication, sender=AUTHOR).logs
            if changed is not None:
                logs += WORLD.do(WORLD.registry, "setDerivativeTerms", 1, changed, sender=AUTHOR).logs
            index.read(logs)
            assert WORLD.chain.call(WORLD.registry, "assetInfo", 1)[10] == index.assets[1].derivatives

    check()
