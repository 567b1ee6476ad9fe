"""A collection and its items in plain Python: what an item has of its collection, and what is its own.

One collection with a handful of items. As in `model`, each act is a method that changes the model or raises `Refused`
with the error that the chain must give; the order of the lines is part of the specification. Money is left to the
marketplace's own model: here only who would be paid is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from . import merkle
from .model import (
    ACTIVE,
    EDITOR,
    HOLD,
    MAX_LICENCES,
    MINTER,
    PERIOD,
    RETIRED,
    SELLER,
    SUSPENDED,
    UNIT,
    USE,
    ZERO,
    Grant,
    Refused,
)

NO_DIGEST = bytes(32)


def item_id(collection: int, index: int) -> int:
    """The id of an item: fits a signed integer of 64 bits."""
    return 1 << 62 | collection << 32 | index


@dataclass
class Offer:
    """A licence of the collection, and so of each item."""

    price: int
    payment: int
    kind: int
    amount: int
    cap: int
    limit: int
    open: bool = True
    issued: int = 0


@dataclass
class Thing:
    """What can be owned: the collection, or an item that was minted."""

    owner: str
    digest: bytes
    version: int = 1
    state: int = ACTIVE
    epoch: int = 0
    payout: str | None = None
    roles: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def payee(self) -> str:
        return self.payout or self.owner


@dataclass
class Holding:
    """All that was issued of one licence of one item, or of the collection itself."""

    grants: dict[str, Grant] = field(default_factory=lambda: defaultdict(Grant))
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    minted: int = 0


@dataclass
class CollectionModel:
    """`number` is the id of the collection, `digests` the documents of its items."""

    number: int
    digests: Sequence[bytes]
    itself: Thing
    offers: list[Offer]
    now: int
    terms: tuple[bool, int]  # whether others may derive, and at which royalty
    royalty_bps: int
    admin: str
    items: dict[int, Thing] = field(default_factory=dict)  # those that were minted, by index
    delisted: set[int] = field(default_factory=set)  # ids
    holdings: dict[tuple[int, int], Holding] = field(default_factory=lambda: defaultdict(Holding))

    # What is there

    def index(self, asset_id: int) -> int | None:
        """The place of an item; None for the collection itself. AssetNotFound for all else."""
        if asset_id == self.number:
            return None
        for index in range(len(self.digests)):
            if asset_id == item_id(self.number, index):
                return index
        raise Refused("AssetNotFound", asset_id)

    def home(self, asset_id: int) -> Thing:
        """Where owner, payout and roles are kept: an item has those of its collection until it is minted."""
        index = self.index(asset_id)
        return self.itself if index is None else self.items.get(index, self.itself)

    def minted(self, asset_id: int) -> Thing:
        """The asset, which can be written to."""
        index = self.index(asset_id)
        if index is not None and index not in self.items:
            raise Refused("ItemNotMinted", asset_id)
        return self.home(asset_id)

    def state(self, asset_id: int) -> int:
        """An item rests with its collection."""
        return max(self.itself.state, self.home(asset_id).state)

    def is_delisted(self, asset_id: int) -> bool:
        self.index(asset_id)
        return bool({asset_id, self.number} & self.delisted)

    def named(self, asset_id: int) -> bytes:
        """The digest that an order names."""
        index = self.index(asset_id)
        if index is not None and index not in self.items:
            return merkle.root(self.digests)
        return self.home(asset_id).digest

    def offer(self, asset_id: int, number: int) -> Offer:
        self.index(asset_id)
        if number >= len(self.offers):
            raise Refused("LicenceNotFound", asset_id, number)
        return self.offers[number]

    def info(self, asset_id: int) -> tuple[object, ...]:
        """As `assetInfo` answers."""
        home = self.home(asset_id)
        unminted = home is self.itself and asset_id != self.number
        return (
            home.owner,
            self.named(asset_id),
            1 if unminted else home.version,
            self.state(asset_id),
            self.is_delisted(asset_id),
            len(self.offers),
            home.payee,
            home.epoch,
            self.royalty_bps != 0,
            self.royalty_bps,
            self.terms,
        )

    # Who may

    def _owned(self, caller: str, asset_id: int) -> Thing:
        thing = self.minted(asset_id)
        if thing.owner != caller:
            raise Refused("NotAssetOwner", asset_id, caller)
        return thing

    def _with_role(self, caller: str, asset_id: int, role: int) -> Thing:
        thing = self.minted(asset_id)
        if thing.owner != caller and not thing.roles[caller] & role:
            raise Refused("MissingAssetRole", asset_id, caller, role)
        return thing

    def _has_terms(self, asset_id: int) -> None:
        """Terms are the collection's, whoever asks: an item that is not there has none either."""
        if asset_id >> 62 == 1:
            raise Refused("TermsOfCollection", asset_id, asset_id >> 32 & (1 << 30) - 1)

    # Minting

    def mint(self, asset_id: int, digest: bytes, proof: Sequence[bytes]) -> None:
        """Anybody may; it changes nothing but who may write to it."""
        index = self.index(asset_id)
        if index is None or index in self.items:
            raise Refused("ItemIsMinted", asset_id)
        node = merkle.leaf(index, digest)
        for beside in proof:
            node = merkle.pair(node, beside)
        if node != merkle.root(self.digests):
            raise Refused("InvalidItemProof", asset_id, digest)
        if digest == NO_DIGEST:
            raise Refused("EmptyDigest")
        whole = self.itself
        self.items[index] = Thing(whole.owner, digest, epoch=whole.epoch, payout=whole.payout)

    # What owners do

    def transfer(self, caller: str, asset_id: int, receiver: str) -> None:
        index = self.index(asset_id)
        if index is not None and index not in self.items:
            raise Refused("ERC721NonexistentToken", asset_id)
        thing = self.home(asset_id)
        if thing.owner != caller:
            raise Refused("ERC721InsufficientApproval", caller, asset_id)
        if receiver != thing.owner:
            thing.owner, thing.payout = receiver, None
            thing.epoch += 1
            thing.roles.clear()

    def update(self, caller: str, asset_id: int, digest: bytes) -> None:
        thing = self._with_role(caller, asset_id, EDITOR)
        if thing.state == RETIRED:
            raise Refused("AssetIsRetired", asset_id)
        thing.digest = digest
        thing.version += 1

    def set_state(self, caller: str, asset_id: int, state: int) -> None:
        thing = self._owned(caller, asset_id)
        if state == thing.state or thing.state == RETIRED:
            raise Refused("IllegalStateChange", asset_id, thing.state, state)
        thing.state = state

    def set_payout(self, caller: str, asset_id: int, payout: str) -> None:
        self._owned(caller, asset_id).payout = payout if payout != ZERO else None

    def set_roles(self, caller: str, asset_id: int, account: str, roles: int) -> None:
        self._owned(caller, asset_id).roles[account] = roles

    def set_delisted(self, caller: str, asset_id: int, delisted: bool) -> None:
        if caller != self.admin:
            raise Refused("AccessManagedUnauthorized", caller)
        self.index(asset_id)
        (self.delisted.add if delisted else self.delisted.discard)(asset_id)

    # Terms

    def add_licence(self, caller: str, asset_id: int, terms: tuple[int, ...]) -> None:
        self._has_terms(asset_id)
        thing = self._with_role(caller, asset_id, SELLER)
        if thing.state == RETIRED:
            raise Refused("AssetIsRetired", asset_id)
        most = MAX_LICENCES if thing.owner == caller else MAX_LICENCES // 2
        if len(self.offers) >= most:
            raise Refused("TooManyLicences", asset_id, most)
        self.offers.append(Offer(*terms))

    def set_price(self, caller: str, asset_id: int, number: int, price: int) -> None:
        self._has_terms(asset_id)
        self._with_role(caller, asset_id, SELLER)
        self.offer(asset_id, number).price = price

    def set_open(self, caller: str, asset_id: int, number: int, is_open: bool) -> None:
        self._has_terms(asset_id)
        self._with_role(caller, asset_id, SELLER)
        self.offer(asset_id, number).open = is_open

    def set_terms(self, caller: str, asset_id: int, terms: tuple[bool, int]) -> None:
        self._owned(caller, asset_id)
        self._has_terms(asset_id)
        self.terms = terms

    # Issuing and using

    def _check_for_sale(self, asset_id: int, number: int) -> Offer:
        self.index(asset_id)
        if self.state(asset_id) != ACTIVE or self.is_delisted(asset_id):
            raise Refused("NotForSale", asset_id)
        offer = self.offer(asset_id, number)
        if not offer.open:
            raise Refused("LicenceClosed", asset_id, number)
        return offer

    def grant(self, caller: str, asset_id: int, number: int, account: str, units: int, as_tokens: bool) -> None:
        self._with_role(caller, asset_id, MINTER)
        offer = self._check_for_sale(asset_id, number)
        if offer.cap and asset_id != self.number:
            raise Refused("CapOfCollection", asset_id, number)
        self._take(asset_id, number, account, units, as_tokens, account)

    def buy(
        self, buyer: str, asset_id: int, number: int, account: str, units: int, as_tokens: bool, digest: bytes
    ) -> int:
        """What it costs in all."""
        offer = self._check_for_sale(asset_id, number)
        if digest != NO_DIGEST and digest != self.named(asset_id):
            raise Refused("OtherDocument", asset_id, digest, self.named(asset_id))
        self._take(asset_id, number, account, units, as_tokens, buyer)
        return offer.price * units

    def _take(self, asset_id: int, number: int, account: str, units: int, as_tokens: bool, buyer: str) -> None:
        offer, holding = self.offers[number], self.holdings[asset_id, number]
        if units == 0:
            raise Refused("NoUnits")
        if offer.cap and units > offer.cap - offer.issued:
            raise Refused("CapExceeded", asset_id, number, units, offer.cap - offer.issued)
        grant = holding.grants[account]
        if offer.limit:
            if account != buyer:
                raise Refused("OnlyForOneself", account, buyer)
            if units > offer.limit - grant.taken:
                raise Refused("LimitExceeded", asset_id, number, account, units, offer.limit - grant.taken)
        if offer.limit or not as_tokens:
            grant = replace(grant, taken=grant.taken + units)
        if not as_tokens:
            grant = self._added(grant, offer, asset_id, number, account, units)
        holding.grants[account] = grant
        offer.issued += units
        if as_tokens:
            holding.minted += units
            holding.tokens[account] += units * UNIT

    def _added(self, grant: Grant, offer: Offer, asset_id: int, number: int, account: str, units: int) -> Grant:
        if offer.kind == HOLD:
            if grant.held or units > 1:
                raise Refused("AlreadyHeld", asset_id, number, account)
            return replace(grant, held=True)
        if offer.kind == PERIOD:
            return replace(grant, expires_at=max(grant.expires_at, self.now) + offer.amount * units)
        return replace(grant, uses=grant.uses + offer.amount * units)

    def redeem(self, caller: str, asset_id: int, number: int, units: int) -> None:
        offer, holding = self.offer(asset_id, number), self.holdings[asset_id, number]
        if offer.kind == HOLD:
            raise Refused("NotRedeemable", asset_id, number)
        grant = self._added(holding.grants[caller], offer, asset_id, number, caller, units)
        if holding.tokens[caller] < units * UNIT:
            raise Refused("ERC20InsufficientBalance", caller, holding.tokens[caller], units * UNIT)
        holding.tokens[caller] -= units * UNIT
        holding.grants[caller] = grant

    def consume(self, caller: str, asset_id: int, number: int, uses: int) -> None:
        offer, holding = self.offer(asset_id, number), self.holdings[asset_id, number]
        if offer.kind != USE:
            raise Refused("NotConsumable", asset_id, number)
        grant = holding.grants[caller]
        if uses > grant.uses:
            raise Refused("NotEnoughUses", asset_id, number, caller, uses, grant.uses)
        holding.grants[caller] = replace(grant, uses=grant.uses - uses)

    # Views

    def active(self, asset_id: int, number: int, account: str) -> bool:
        holding = self.holdings[asset_id, number]
        grant, kind = holding.grants[account], self.offers[number].kind
        if kind == HOLD:
            return grant.held or holding.tokens[account] >= UNIT
        return grant.expires_at > self.now if kind == PERIOD else grant.uses > 0

    def access_of(self, asset_id: int, number: int, account: str) -> tuple[int, ...]:
        """As `accessOf` answers."""
        holding = self.holdings[asset_id, number]
        grant = holding.grants[account]
        active = self.active(asset_id, number, account)
        return (active, grant.expires_at, grant.uses, grant.held, grant.taken, holding.tokens[account])


__all__ = ["SUSPENDED", "CollectionModel", "Offer", "Thing", "item_id"]
