"""The registry and its marketplace in plain Python: what the contracts promise, written to be read.

Each action of the contracts is a method here whose first argument is the caller. It either changes the model or raises
`Refused` with the error that the chain must give, values included, and then has changed nothing. Where two errors
apply, the first check counts, so the order of the lines is part of the specification.

Accounts are lower-case hex addresses, amounts the smallest unit of their token, times seconds since 1970.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

ZERO = "0x" + "00" * 20
COIN = ZERO  # the native coin, as a payment token

ACTIVE, SUSPENDED, RETIRED = range(3)
HOLD, PERIOD, USE = range(3)
EDITOR, SELLER, MINTER = 1, 2, 4
ALL_ROLES = EDITOR | SELLER | MINTER

UNIT = 10**18  # datatokens that make one unit of a licence
MAX_LICENCES = 32
MAX_ROYALTY_BPS = 3_000
MAX_ANCESTORS = 8
MAX_FEE_BPS = 500
BPS = 10_000
UNLIMITED = 2**256 - 1  # an allowance that does not shrink


class Refused(Exception):
    """The chain must refuse this, with this error and these values."""

    def __init__(self, name: str, *values: Any) -> None:
        super().__init__(name, *values)
        self.name, self.values = name, values


def up_to(value: int, bits: int) -> int:
    """The value, or the largest one that an unsigned integer of so many bits holds."""
    return min(value, 2**bits - 1)


@dataclass(frozen=True)
class Grant:
    """What an account holds of one licence, tokens apart."""

    expires_at: int = 0
    uses: int = 0
    held: bool = False
    taken: int = 0  # units, against the licence's limit


@dataclass
class Licence:
    """An offer, and all that was issued of it."""

    price: int
    payment: int
    kind: int
    amount: int
    cap: int
    limit: int
    open: bool = True
    issued: int = 0  # units; the chain keeps count for capped licences only
    grants: dict[str, Grant] = field(default_factory=lambda: defaultdict(Grant))
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    minted: int = 0  # units issued as tokens
    redeemed: int = 0  # units of those burned again

    def active(self, account: str, now: int) -> bool:
        """True if the account may open the asset under this licence."""
        grant = self.grants[account]
        if self.kind == HOLD:
            return grant.held or self.tokens[account] >= UNIT
        return grant.expires_at > now if self.kind == PERIOD else grant.uses > 0


@dataclass
class Asset:
    owner: str
    digest: bytes
    royalty_terms: tuple[bool, int]
    licences: list[Licence]
    payout: str | None = None  # None stands for the owner, whoever that is
    parents: dict[int, int] = field(default_factory=dict)  # what each asked of a derivative on the day, in bps
    version: int = 1
    state: int = ACTIVE
    delisted: bool = False
    epoch: int = 0
    roles: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    approved: str = ZERO
    royalty_bps: int = 0  # what the ancestors are owed of each sale

    @property
    def payee(self) -> str:
        return self.payout or self.owner


def ancestors_of(assets: dict[int, Asset], asset: Asset) -> dict[int, int]:
    """What a sale owes each ancestor, in basis points, in the order in which the parents name them.

    Walks every path upwards: an ancestor gets what it asked of its own child on the path, however long the path is, and
    where there are several, the most that it asked of any. The chain instead adds up the tables of the parents.
    """
    found: dict[int, int] = {}
    for parent, asked in asset.parents.items():
        for ancestor, share in [(parent, asked), *ancestors_of(assets, assets[parent]).items()]:
            found[ancestor] = max(found.get(ancestor, 0), share)
    return found


@dataclass(frozen=True)
class Issue:
    """An issue that passed all checks and was not carried out yet."""

    licence: Licence
    account: str
    units: int
    as_tokens: bool
    grant: Grant


@dataclass
class Model:
    admin: str  # the only one whom the access manager lets
    registry: str
    marketplace: str
    sellers: set[str]
    splitter_of: Callable[[int], str]  # where the royalties of an asset go
    contracts: frozenset[str]  # accounts with code; none of them takes native coin or assets
    treasury: str
    fee_bps: int
    now: int
    payments: list[tuple[str, bool]]  # (token, allowed) by index
    money: dict[str, dict[str, int]]  # token -> account -> balance
    allowances: dict[str, dict[str, int]]  # token -> account -> what the marketplace may take
    assets: dict[int, Asset] = field(default_factory=dict)
    next_id: int = 1
    operators: set[tuple[str, str]] = field(default_factory=set)
    nonces: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    permits: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))  # nonces of EIP-2612
    publications_paused_until: int = 0
    sales_paused_until: int = 0

    # Who may

    def asset(self, asset_id: int) -> Asset:
        if asset_id not in self.assets:
            raise Refused("AssetNotFound", asset_id)
        return self.assets[asset_id]

    def licence(self, asset_id: int, number: int) -> Licence:
        licences = self.asset(asset_id).licences
        if number >= len(licences):
            raise Refused("LicenceNotFound", asset_id, number)
        return licences[number]

    def _owned(self, caller: str, asset_id: int) -> Asset:
        asset = self.asset(asset_id)
        if asset.owner != caller:
            raise Refused("NotAssetOwner", asset_id, caller)
        return asset

    def _with_role(self, caller: str, asset_id: int, role: int) -> Asset:
        asset = self.asset(asset_id)
        if asset.owner != caller and not asset.roles[caller] & role:
            raise Refused("MissingAssetRole", asset_id, caller, role)
        return asset

    def _restricted(self, caller: str) -> None:
        if caller != self.admin:
            raise Refused("AccessManagedUnauthorized", caller)

    # Publishing

    def publish(self, caller: str, owner: str, publications: Sequence[tuple[Any, ...]]) -> int:
        """One asset or many, all or none; the id of the first."""
        if not publications:
            raise Refused("NothingToPublish")
        if self.now < self.publications_paused_until:
            raise Refused("PublicationsArePaused", self.publications_paused_until)
        if owner == ZERO:
            raise Refused("ERC721InvalidReceiver", ZERO)
        first = self.next_id
        # Those of one batch may be parents of those after them.
        known = dict(self.assets)
        for asset_id, publication in enumerate(publications, first):
            known[asset_id] = self._new_asset(known, caller, asset_id, owner, publication)
        self.assets = known
        self.next_id += len(publications)
        return first

    def _new_asset(
        self, known: dict[int, Asset], caller: str, asset_id: int, owner: str, publication: tuple[Any, ...]
    ) -> Asset:
        digest, payout, royalty_terms, parents, most, offers = publication
        if len(offers) > MAX_LICENCES:
            raise Refused("TooManyLicences", asset_id, MAX_LICENCES)
        self._check_royalty(royalty_terms)
        if not any(digest):
            raise Refused("EmptyDigest")
        if payout != ZERO and owner != caller:
            raise Refused("NotAssetOwner", asset_id, caller)
        licences = [self._new_licence(terms) for terms in offers]
        asset = Asset(owner, digest, royalty_terms, licences, payout if payout != ZERO else None)
        for registry, parent in parents:
            asset.parents[parent] = self._asked_by({**known, asset_id: asset}, registry, parent)
            if parent == asset_id:
                raise Refused("OwnAncestor", asset_id)
            if len(ancestors_of(known, asset)) > MAX_ANCESTORS:
                raise Refused("TooManyAncestors", asset_id, MAX_ANCESTORS)
        asset.royalty_bps = sum(ancestors_of(known, asset).values())
        if asset.royalty_bps > MAX_ROYALTY_BPS:
            raise Refused("RoyaltiesTooHigh", asset_id, asset.royalty_bps, MAX_ROYALTY_BPS)
        if asset.royalty_bps > most:
            raise Refused("RoyaltyTooHigh", asset.royalty_bps, most)
        if owner != caller and owner in self.contracts:
            raise Refused("ERC721InvalidReceiver", owner)
        return asset

    def _asked_by(self, known: dict[int, Asset], registry: str, parent: int) -> int:
        """The royalty that a parent asks of an asset published now."""
        if parent not in known:
            raise Refused("ParentNotFound", registry, parent)
        allowed, royalty_bps = known[parent].royalty_terms
        if not allowed or known[parent].delisted or known[parent].state != ACTIVE:
            raise Refused("DerivativesNotAllowed", registry, parent)
        return royalty_bps

    def _new_licence(self, terms: tuple[int, ...]) -> Licence:
        # What is for streams alone is zero here; they have a model of their own.
        price, payment, kind, amount, cap, limit, *_ = terms
        if (kind == HOLD) != (amount == 0):
            raise Refused("InvalidLicenceAmount", kind, amount)
        # Only that the token is known: whether it is still allowed is asked when money moves.
        if payment >= len(self.payments):
            raise Refused("PaymentTokenNotAllowed", payment)
        return Licence(price, payment, kind, amount, cap, limit)

    def _check_royalty(self, terms: tuple[bool, int]) -> None:
        if terms[1] > MAX_ROYALTY_BPS:
            raise Refused("RoyaltyTooHigh", terms[1], MAX_ROYALTY_BPS)

    # What the owner and those with a role do

    def transfer(self, caller: str, sender: str, receiver: str, asset_id: int) -> None:
        """The asset goes with its licences; roles, payout and approval do not survive it."""
        if receiver == ZERO:
            raise Refused("ERC721InvalidReceiver", ZERO)
        if asset_id not in self.assets:
            raise Refused("ERC721NonexistentToken", asset_id)
        asset = self.assets[asset_id]
        if caller not in (asset.owner, asset.approved) and (asset.owner, caller) not in self.operators:
            raise Refused("ERC721InsufficientApproval", caller, asset_id)
        if sender != asset.owner:
            raise Refused("ERC721IncorrectOwner", sender, asset_id, asset.owner)
        asset.approved = ZERO
        if receiver != sender:
            asset.owner = receiver
            asset.epoch += 1
            asset.roles.clear()
            asset.payout = None

    def approve(self, caller: str, account: str, asset_id: int) -> None:
        if asset_id not in self.assets:
            raise Refused("ERC721NonexistentToken", asset_id)
        asset = self.assets[asset_id]
        if caller != asset.owner and (asset.owner, caller) not in self.operators:
            raise Refused("ERC721InvalidApprover", caller)
        asset.approved = account

    def set_operator(self, caller: str, operator: str, approved: bool) -> None:
        if operator == ZERO:
            raise Refused("ERC721InvalidOperator", ZERO)
        (self.operators.add if approved else self.operators.discard)((caller, operator))

    def update_metadata(self, caller: str, asset_id: int, digest: bytes, expected: int) -> None:
        asset = self._with_role(caller, asset_id, EDITOR)
        if asset.state == RETIRED:
            raise Refused("AssetIsRetired", asset_id)
        if asset.version != expected:
            raise Refused("VersionConflict", asset_id, expected, asset.version)
        if not any(digest):
            raise Refused("EmptyDigest")
        asset.digest = digest
        asset.version += 1

    def set_state(self, caller: str, asset_id: int, state: int) -> None:
        asset = self._owned(caller, asset_id)
        if state == asset.state or asset.state == RETIRED:
            raise Refused("IllegalStateChange", asset_id, asset.state, state)
        asset.state = state

    def set_roles(self, caller: str, asset_id: int, account: str, roles: int) -> None:
        asset = self._owned(caller, asset_id)
        if roles & ~ALL_ROLES:
            raise Refused("UnknownRoles", roles)
        asset.roles[account] = roles

    def renounce_roles(self, caller: str, asset_id: int) -> None:
        self.asset(asset_id).roles[caller] = 0

    def set_payout(self, caller: str, asset_id: int, payout: str) -> None:
        self._owned(caller, asset_id).payout = payout if payout != ZERO else None

    def set_derivative_terms(self, caller: str, asset_id: int, terms: tuple[bool, int]) -> None:
        asset = self._owned(caller, asset_id)
        self._check_royalty(terms)
        asset.royalty_terms = terms

    def add_licence(self, caller: str, asset_id: int, terms: tuple[int, ...]) -> int:
        asset = self._with_role(caller, asset_id, SELLER)
        if asset.state == RETIRED:
            raise Refused("AssetIsRetired", asset_id)
        if len(asset.licences) == MAX_LICENCES:
            raise Refused("TooManyLicences", asset_id, MAX_LICENCES)
        asset.licences.append(self._new_licence(terms))
        return len(asset.licences) - 1

    def set_price(self, caller: str, asset_id: int, number: int, price: int) -> None:
        self._with_role(caller, asset_id, SELLER)
        self.licence(asset_id, number).price = price

    def set_open(self, caller: str, asset_id: int, number: int, is_open: bool) -> None:
        self._with_role(caller, asset_id, SELLER)
        self.licence(asset_id, number).open = is_open

    # Issuing

    def grant(self, caller: str, asset_id: int, number: int, account: str, units: int, as_tokens: bool) -> None:
        self._with_role(caller, asset_id, MINTER)
        # A gift has no buyer who could use up the limit of another.
        self._carry_out(self._checked(asset_id, number, account, units, as_tokens, buyer=account))

    def sell(self, caller: str) -> None:
        """Nobody but a seller; the marketplace comes in by `buy`."""
        raise Refused("NotSeller", caller)

    def buy(
        self,
        buyer: str,
        order: tuple[int, int, str, int, int, bytes],
        as_tokens: bool,
        *,
        value: int = 0,
        permit: tuple[str, int, bool] | None = None,
    ) -> None:
        """Issue and pay, or neither. `permit` is (token, allowance, whether its signature is good)."""
        asset_id, number, account, units, max_total, digest = order
        allowances = copy.deepcopy(self.allowances)
        permitted = None
        # A bad permit does no harm: what counts is the allowance when the price is taken.
        if permit is not None and permit[0] != COIN and permit[2]:
            allowances[permit[0]][buyer] = permit[1]
            permitted = (permit[0], buyer)
        if self.marketplace not in self.sellers:
            raise Refused("NotSeller", self.marketplace)
        if self.now < self.sales_paused_until:
            raise Refused("SalesArePaused", self.sales_paused_until)
        issue = self._checked(asset_id, number, account, units, as_tokens, buyer=buyer, digest=digest)
        token, total, royalty = self.charge(asset_id, number, units)
        if total > max_total:
            raise Refused("TotalAboveMaximum", total, max_total)
        if token != COIN and value:
            raise Refused("UnexpectedValue", value)
        if token == COIN and value < total:
            raise Refused("ValueTooLow", value, total)
        money = copy.deepcopy(self.money)
        fee = total * self.fee_bps // BPS  # rounded down, in favour of the seller
        self._pay(money, allowances, token, buyer, self.treasury, fee)
        self._pay(money, allowances, token, buyer, self.splitter_of(asset_id), royalty)
        self._pay(money, allowances, token, buyer, self.assets[asset_id].payee, total - fee - royalty)
        self.money, self.allowances = money, allowances
        if permitted is not None:
            self.permits[permitted] += 1
        self._carry_out(issue)

    def _checked(
        self,
        asset_id: int,
        number: int,
        account: str,
        units: int,
        as_tokens: bool,
        *,
        buyer: str,
        digest: bytes = bytes(32),
    ) -> Issue:
        asset = self.asset(asset_id)
        if asset.state != ACTIVE or asset.delisted:
            raise Refused("NotForSale", asset_id)
        licence = self.licence(asset_id, number)
        if not licence.open:
            raise Refused("LicenceClosed", asset_id, number)
        # Whoever names the document that they saw gets that one, or nothing.
        if any(digest) and digest != asset.digest:
            raise Refused("OtherDocument", asset_id, digest, asset.digest)
        if units == 0:
            raise Refused("NoUnits")
        if account == ZERO:
            raise Refused("InvalidAccount", ZERO)
        if licence.cap and units > licence.cap - licence.issued:
            raise Refused("CapExceeded", asset_id, number, units, licence.cap - licence.issued)
        grant = licence.grants[account]
        if licence.limit:
            # Else a stranger could use up the share of another.
            if account != buyer:
                raise Refused("OnlyForOneself", account, buyer)
            left = max(licence.limit - grant.taken, 0)
            if units > left:
                raise Refused("LimitExceeded", asset_id, number, account, units, left)
        # Tokens change hands, so they count only where a limit has to.
        if licence.limit or not as_tokens:
            grant = replace(grant, taken=up_to(grant.taken + units, 32))
        if not as_tokens:
            grant = self._added(grant, licence, asset_id, number, account, units)
        return Issue(licence, account, units, as_tokens, grant)

    def _added(self, grant: Grant, licence: Licence, asset_id: int, number: int, account: str, units: int) -> Grant:
        """The grant with the access of so many units more."""
        if licence.kind == HOLD:
            if grant.held or units > 1:
                raise Refused("AlreadyHeld", asset_id, number, account)
            return replace(grant, held=True)
        if licence.kind == PERIOD:
            # What is left is kept, and time does not end after all: the last second is the largest number.
            end = max(grant.expires_at, self.now) + licence.amount * units
            return replace(grant, expires_at=up_to(end, 48))
        return replace(grant, uses=up_to(grant.uses + licence.amount * units, 64))

    def _carry_out(self, issue: Issue) -> None:
        issue.licence.issued += issue.units
        issue.licence.grants[issue.account] = issue.grant
        if issue.as_tokens:
            issue.licence.minted += issue.units
            issue.licence.tokens[issue.account] += issue.units * UNIT

    def charge(self, asset_id: int, number: int, units: int) -> tuple[str, int, int]:
        """What units cost: (token, total, royalty). What is free asks for no token."""
        licence = self.licence(asset_id, number)
        total = licence.price * units
        if total == 0:
            return COIN, 0, 0
        token, allowed = self.payments[licence.payment]
        if not allowed:
            raise Refused("PaymentTokenNotAllowed", licence.payment)
        return token, total, total * self.assets[asset_id].royalty_bps // BPS

    def _pay(
        self,
        money: dict[str, dict[str, int]],
        allowances: dict[str, dict[str, int]],
        token: str,
        payer: str,
        receiver: str,
        amount: int,
    ) -> None:
        if amount == 0:
            return
        # The marketplace keeps nothing: what it received, nobody could take out again.
        if receiver == self.marketplace or (token == COIN and receiver in self.contracts):
            raise Refused("PaymentRefused", receiver, amount)
        purse = money[token]
        if token != COIN:
            allowance = allowances[token][payer]
            if allowance < amount:
                raise Refused("ERC20InsufficientAllowance", self.marketplace, allowance, amount)
            if allowance != UNLIMITED:
                allowances[token][payer] -= amount
            if purse[payer] < amount:
                raise Refused("ERC20InsufficientBalance", payer, purse[payer], amount)
        purse[payer] -= amount
        purse[receiver] += amount

    def approve_money(self, caller: str, token: str, amount: int) -> None:
        self.allowances[token][caller] = amount

    # Using

    def transfer_tokens(self, caller: str, asset_id: int, number: int, receiver: str, amount: int) -> None:
        licence = self.licence(asset_id, number)
        if receiver == ZERO:
            raise Refused("ERC20InvalidReceiver", ZERO)
        self._check_tokens(licence, caller, amount)
        licence.tokens[caller] -= amount
        licence.tokens[receiver] += amount

    def redeem(self, caller: str, asset_id: int, number: int, units: int, account: str) -> None:
        """Whatever became of the asset: what was bought can be used."""
        licence = self.licence(asset_id, number)
        if licence.kind == HOLD:
            raise Refused("NotRedeemable", asset_id, number)
        if units == 0:
            raise Refused("NoUnits")
        if account == ZERO:
            raise Refused("InvalidAccount", ZERO)
        grant = self._added(licence.grants[account], licence, asset_id, number, account, units)
        self._check_tokens(licence, caller, units * UNIT)
        licence.tokens[caller] -= units * UNIT
        licence.redeemed += units
        licence.grants[account] = grant

    def _check_tokens(self, licence: Licence, account: str, amount: int) -> None:
        if licence.tokens[account] < amount:
            raise Refused("ERC20InsufficientBalance", account, licence.tokens[account], amount)

    def consume(self, caller: str, asset_id: int, number: int, uses: int) -> None:
        self._consume(caller, asset_id, number, uses)

    def consume_with_receipt(self, caller: str, receipt: tuple[Any, ...], signed: bool) -> None:
        """`signed`: whether the holder signed exactly this receipt, for this registry on this chain."""
        asset_id, number, account, uses, service, _, nonce, deadline = receipt
        if self.now > deadline:
            raise Refused("ReceiptExpired", deadline)
        if service not in (ZERO, caller):
            raise Refused("WrongService", service, caller)
        key = nonce >> 64
        if nonce != (key << 64) | self.nonces[account, key]:
            raise Refused("InvalidAccountNonce", account, (key << 64) | self.nonces[account, key])
        if not signed:
            raise Refused("InvalidReceiptSignature", account)
        self._consume(account, asset_id, number, uses)
        self.nonces[account, key] += 1

    def _consume(self, account: str, asset_id: int, number: int, uses: int) -> None:
        licence = self.licence(asset_id, number)
        if licence.kind != USE:
            raise Refused("NotConsumable", asset_id, number)
        if uses == 0:
            raise Refused("NoUnits")
        grant = licence.grants[account]
        if uses > grant.uses:
            raise Refused("NotEnoughUses", asset_id, number, account, uses, grant.uses)
        licence.grants[account] = replace(grant, uses=grant.uses - uses)

    def cancel_receipt(self, caller: str, key: int) -> None:
        self.nonces[caller, key] += 1

    # Settings

    def set_delisted(self, caller: str, asset_id: int, delisted: bool) -> None:
        self._restricted(caller)
        self.asset(asset_id).delisted = delisted

    def set_payment_token(self, caller: str, token: str, allowed: bool) -> int:
        self._restricted(caller)
        known = [address for address, _ in self.payments]
        if token in known:
            self.payments[known.index(token)] = (token, allowed)
            return known.index(token)
        if token not in self.contracts:
            raise Refused("NotAContract", token)
        self.payments.append((token, allowed))
        return len(known)

    def set_seller(self, caller: str, seller: str, allowed: bool) -> None:
        self._restricted(caller)
        if seller not in self.contracts:
            raise Refused("NotAContract", seller)
        if seller == self.treasury:
            raise Refused("InvalidTreasury", seller)
        (self.sellers.add if allowed else self.sellers.discard)(seller)

    def set_fee(self, caller: str, fee_bps: int) -> None:
        self._restricted(caller)
        if fee_bps > MAX_FEE_BPS:
            raise Refused("FeeAboveCap", fee_bps, MAX_FEE_BPS)
        self.fee_bps = fee_bps

    def set_treasury(self, caller: str, treasury: str) -> None:
        self._restricted(caller)
        if treasury == ZERO or treasury in self.sellers:
            raise Refused("InvalidTreasury", treasury)
        self.treasury = treasury

    def pause_publications(self, caller: str, until: int) -> None:
        self._restricted(caller)
        self.publications_paused_until = until

    def pause_sales(self, caller: str, until: int) -> None:
        self._restricted(caller)
        self.sales_paused_until = until

    # Views

    def access_of(self, asset_id: int, number: int, account: str) -> tuple[int, ...]:
        """(active, expires at, uses, held, taken, tokens), as `accessOf` answers."""
        licence = self.licence(asset_id, number)
        grant = licence.grants[account]
        active = licence.active(account, self.now)
        return (active, grant.expires_at, grant.uses, grant.held, grant.taken, licence.tokens[account])

    def has_access(self, asset_id: int, account: str) -> bool:
        return any(licence.active(account, self.now) for licence in self.asset(asset_id).licences)
