"""Buying licences: what they cost, how the payment is approved, and giving them away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from registry.assets.catalogue import Catalogue
from registry.assets.rights import Rights
from registry.chain import reverts
from registry.chain.acting import CallOutcome
from registry.chain.connection import LAST_BLOCK
from registry.chain.fees import NOTHING, Cost
from registry.documents.typed_data import typed_data
from registry.errors import (
    ConnectionFailed,
    ContractError,
    InputError,
    InsufficientAllowance,
    InsufficientBalance,
    NotDeployed,
    PriceChanged,
    SignerError,
    TransactionReverted,
)
from registry.money import Amount, Token
from registry.results import Asset, AssetRef, Done, Offer, Purchase, Quote
from registry.session import Session, whole
from registry.types import Address, Digest, to_address

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction

    from registry.chain.logs import TxReceipt
    from registry.chain.node_line import Question

Permit = tuple[Address, int, int, int, bytes, bytes]
"""An EIP-2612 approval as sellers take it: token, value, deadline, v, r, s."""

PERMIT_SECONDS: Final = 3600
"""How long a signed approval is good for: one transaction needs minutes."""


class Buying(Session):
    """The verbs of buyers, and of owners who give licences away."""

    def quote(self, asset: AssetRef, licence: str | int | Offer | None = None, *, units: int = 1) -> Quote:
        """What `units` of a licence cost now, and how the price is split.

        Raises `LicenceNotFound` and what `get` raises.
        """
        offer = Catalogue(self).offer(asset, licence)
        call = self.market.functions.quote(offer.did.asset_id, offer.number, whole(units, "units"))
        address, total, fee, _treasury, royalty, _royalty_to, payout = self.read(offer.did, call)
        token = self.token_of(address)
        return Quote(Amount(total, token), Amount(fee, token), Amount(royalty, token), to_address(payout))

    def buy(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        units: int = 1,
        account: str | None = None,
        as_tokens: bool = False,
        max_total: str | Amount | None = None,
        approve: bool = True,
        once: str | None = None,
        dry_run: bool = False,
    ) -> Purchase:
        """Buy `units` of a licence for `account` (default: the signer), as access or as transferable datatokens.

        The most that is paid is `max_total`; without it, the price that was seen in the `Offer` or the `Asset` that was
        passed, or the price now. With `approve` the market is let take the price by a signed permit, or by a
        transaction of its own where the token knows no permit. An interrupted purchase is finished by running it again,
        not repeated. With `once`, a name of your own for this purchase (an order number, say), it is made once and
        never again: whoever runs it later gets what was bought, also from a dry run. Without it, buying what was bought
        buys more. A dry run for which the account has too little says so in its cost (`Cost.short`).

        Raises `PriceChanged`, `InsufficientBalance`, `InsufficientAllowance` (without `approve`) before anything is
        sent, `LicenceNotFound`, `UnknownToken`, and what the contracts answer (`LicenceClosed`, `NotForSale`,
        `CapExceeded`, `LimitExceeded`, `AlreadyHeld`, ...).
        """
        offer = Catalogue(self).offer(asset, licence)
        receiver = to_address(account) if account else self.address
        wanted = (offer.did.asset_id, offer.number, receiver, units)
        with ExitStack() as paid:
            with self.chain.ahead(*self._about(offer, units)):
                price = self.quote(offer.did, offer, units=units)
                intent = self._intent(wanted, as_tokens, once)
                outbox = self.actor.outbox("buy a licence", dry_run=dry_run)
                # First of all: a purchase that went through is not to fail for the money that it has spent.
                earlier = outbox.found(intent, once=once is not None)
                settled = outbox.settle(intent, once=once is not None, hold=True)
                done, approval = settled[-1] if settled else None, None
                if done is None:
                    maximum = self._agreed(offer, price, units, max_total, was_seen(asset, licence))
                    order = (*wanted, maximum.units, offer.digest)
                    call, value, approval, done = self._purchase(offer, order, price, as_tokens, approve, dry_run, paid)
            if done is None:
                with paying_at_most(offer, maximum):
                    done = outbox.send(call, value=value, intent=intent, once=once is not None, hold=True)
        tx = done.receipt
        bought = Purchase(
            did=offer.did,
            licence=offer.name,
            account=receiver,
            units=units,
            as_tokens=as_tokens,
            price=price if tx is None else _paid(tx, price),
            cost=NOTHING if earlier else done.cost,
            holding=Rights(self).holding(offer.did, offer, account=receiver),
            tx=tx,
            approval=approval,
            before=bool(earlier),
        )
        # Only now: had one of these questions failed, the same purchase would have to be found again.
        if tx is not None:
            outbox.conclude(intent, tx)
        return bought

    def approve(self, amount: str | Amount, *, dry_run: bool = False) -> Done:
        """Let the market take up to `amount` of a token from the signer, in a transaction of its own.

        Raises `UnknownToken`, `InvalidAmount`, and `InputError` for the native coin, which needs no approval.
        """
        allowed = self.amount(amount)
        if allowed.token.address is None:
            raise InputError(f"{allowed} needs no approval.", hint="The native coin travels with the purchase.")
        *before, call = _approvals(self, allowed.token.address, self.deployment.marketplace, allowed.units)
        for first in before:
            done = self.act("take back what the market may take", first, dry_run=dry_run)
            if dry_run:
                return done  # the rest cannot be tried before
        return self.act(f"let the market take {allowed}", call, dry_run=dry_run)

    def grant(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        to: str,
        units: int = 1,
        as_tokens: bool = False,
        dry_run: bool = False,
    ) -> Done:
        """Give units of a licence for nothing. For the owner and minters; caps and limits count as for a sale."""
        offer = Catalogue(self).offer(asset, licence)
        account = to_address(to)
        call = self.assets.functions.grant(offer.did.asset_id, offer.number, account, whole(units, "units"), as_tokens)
        return self.act(f"give {units} x {offer.name!r} of {offer.did} to {account}", call, dry_run=dry_run)

    # --- Below the verbs -------------------------------------------------------------------------

    def _intent(self, wanted: tuple[int, int, Address, int], as_tokens: bool, once: str | None) -> str:
        """Under which name the journal has a purchase."""
        name = "" if once is None else f":{once}"
        return f"buy:{self.deployment.marketplace}:{self.address}:{wanted}:{as_tokens}{name}"

    def _agreed(self, offer: Offer, price: Quote, units: int, wanted: str | Amount | None, seen: bool) -> Amount:
        """The most that is paid."""
        known = (offer.price * units if offer.price else None) if seen else price.total
        return agreed(self, wanted, known, price.total.token)

    def _about(self, offer: Offer, units: int) -> list[ContractFunction | Question]:
        """What is asked before a purchase, whatever becomes of it."""
        quoted = self.market.functions.quote(offer.did.asset_id, offer.number, whole(units, "units"))
        asked: list[ContractFunction | Question] = [quoted, LAST_BLOCK, self.assets.functions.paymentTokens()]
        token = offer.price.token.address if offer.price else None
        if token is not None and self.actor.written is None:
            erc20 = self.erc20(token).functions
            asked += [erc20.balanceOf(self.address), erc20.allowance(self.address, self.deployment.marketplace)]
        return asked

    def _purchase(
        self,
        offer: Offer,
        order: tuple[int, int, Address, int, int, Digest],
        price: Quote,
        as_tokens: bool,
        approve: bool,
        dry_run: bool,
        paid: ExitStack,
    ) -> tuple[ContractFunction, int, TxReceipt | None, CallOutcome | None]:
        """The call that buys, the native coin it carries, the approval that had to be sent for it, and the outcome of
        what cannot be tried, since a preview is short of its price."""
        market = self.market.functions
        plain = market.buyTokens(order) if as_tokens else market.buyAccess(order)
        signed = market.buyTokensWithPermit if as_tokens else market.buyAccessWithPermit
        seller = self.deployment.marketplace
        maximum = Amount(order[4], price.total.token)
        if short := require_payable(self, offer, price.total, maximum, preview=dry_run):
            return plain, 0, None, CallOutcome(short, None)
        call, value, approval = payable_call(
            self,
            plain,
            lambda permit: signed(order, permit),
            price.total,
            seller,
            approve=approve,
            preview=dry_run,
            paid=paid,
        )
        return call, value, approval, None


def was_seen(asset: AssetRef, licence: str | int | Offer | None) -> bool:
    """If what is bought was passed as it was seen, so that its price is one that the buyer knows."""
    return isinstance(licence, Offer) or isinstance(asset, Asset)


def agreed(session: Session, wanted: str | Amount | None, seen: Amount | None, token: Token) -> Amount:
    """The most that a buyer agrees to: what they said, or else what they saw, which is None for nothing to pay."""
    if wanted is not None:
        return session.amount(wanted, token=token)
    return seen or Amount(0, token)


def require_payable(
    session: Session, offer: Offer, total: Amount, maximum: Amount, *, preview: bool = False
) -> Cost | None:
    """Raise `PriceChanged` for more than was agreed to, `InsufficientBalance` for more than the account has. For a
    `preview` the latter is no error: it is what the cost tells of what cannot be tried."""
    if total.units > maximum.units:
        raise PriceChanged(offer.name, str(total), str(maximum))
    return short_of(session, total, preview)


def short_of(session: Session, total: Amount, preview: bool) -> Cost | None:
    """Raise `InsufficientBalance` for more than the account has, of a `preview` return it as what the cost tells."""
    held = session.units(total.token, session.address)
    if held >= total.units:
        return None
    short = InsufficientBalance(session.address, str(total), str(Amount(held, total.token)))
    if not preview:
        raise short
    return Cost(0, 0, 0, 0, short)


@contextmanager
def paying_at_most(offer: Offer, maximum: Amount) -> Iterator[None]:
    """Raise `PriceChanged` for a seller that asks for more by the time that the order reaches it."""
    try:
        yield
    except reverts.TotalAboveMaximum as error:
        now = Amount(error.values["total"], maximum.token)
        raise PriceChanged(offer.name, str(now), str(maximum)) from error


def payable_call(
    session: Session,
    plain: ContractFunction,
    signed: Callable[[Permit], ContractFunction] | None,
    price: Amount,
    seller: Address,
    *,
    approve: bool,
    preview: bool,
    paid: ExitStack,
) -> tuple[ContractFunction, int, TxReceipt | None]:
    """How a price is paid to a seller: the call that buys, the native coin it carries, and the approval that had to
    be sent for it; a `preview` sends none. `signed` makes the call that carries a permit, where there is one. Until
    `paid` is left nobody else of this account approves the same token: two permits of one number, or one approval,
    would pay for one of two.

    Raises `InsufficientAllowance` without `approve`.
    """
    token, total = price.token, price.units
    if total == 0:
        return plain, 0, None
    if token.address is None:
        return plain, total, None
    contract = session.erc20(token.address)
    allowed = int(session.chain.call(contract.functions.allowance(session.address, seller)))
    if allowed >= total:
        return plain, 0, None
    if not approve:
        raise InsufficientAllowance(session.address, str(price), str(Amount(allowed, token)), seller)
    if not preview:
        paid.enter_context(session.actor.outbox("approve the price").alone(f"approves {token.address} to {seller}"))
    if signed is not None and (permit := _permit(session, token, total, seller)) is not None:
        return signed(permit), 0, None
    calls = _approvals(session, token.address, seller, total)
    if preview:
        # The purchase itself cannot be tried before the approval is there: the approval is what is estimated.
        return calls[0], 0, None
    return plain, 0, [session.actor.outbox("approve the price").send(call).done for call in calls][-1]


def _approvals(session: Session, token: Address, seller: Address, units: int) -> list[ContractFunction]:
    """The calls that let a seller take so much: of tokens which change no allowance but from or to 0, two."""
    contract = session.erc20(token).functions
    call = contract.approve(seller, units)
    if units == 0 or session.chain.call(contract.allowance(session.address, seller)) == 0:
        return [call]
    try:
        session.chain.call(call, sender=session.address)
    except NotDeployed:
        pass  # it answers nothing, which is no refusal
    except (ContractError, TransactionReverted):
        return [contract.approve(seller, 0), call]
    return [call]


def _permit(session: Session, token: Token, value: int, seller: Address) -> Permit | None:
    """An EIP-2612 approval of a seller signed by the signer, None where the token or the signer knows none, or the
    token does not take it. Raises `SignerError` for a signer who declines."""
    assert token.address is not None
    if session.actor.written is not None:
        return None
    contract = session.erc20(token.address)
    domain, number = contract.functions.eip712Domain(), contract.functions.nonces(session.address)
    try:
        with session.chain.ahead(domain, number, LAST_BLOCK):
            _fields, name, version, chain_id, verifier, _salt, _extensions = session.chain.call(domain)
            nonce, now = int(session.chain.call(number)), session.chain.block().timestamp
    except ConnectionFailed:
        raise
    except Exception:  # whatever a token without permit answers
        return None
    # A domain that is not the token's own could make the signature good for something else.
    if chain_id != session.chain.chain_id or to_address(verifier) != token.address:
        return None
    deadline = max(now, int(time.time())) + PERMIT_SECONDS
    fields = (session.address, seller, value, nonce, deadline)
    message = typed_data(
        "Permit",
        _PERMIT,
        dict(zip(_PERMIT, fields, strict=True)),
        name=name,
        version=version,
        chain_id=chain_id,
        contract=token.address,
    )
    try:
        signature = session.actor.signing("sign a permit").sign_typed_data(message)
    except NotImplementedError:
        return None
    except SignerError as error:
        hint = f"{error.hint} If it cannot sign such messages, run 'registry approve' first, which needs none."
        raise SignerError(error.message, hint=hint) from error
    parts = signature[64], signature[:32], signature[32:64]
    try:
        # Of a token that knows domains and nonces for something else, this alone says so.
        session.chain.call(contract.functions.permit(session.address, seller, value, deadline, *parts))
    except NotDeployed:
        pass  # a permit answers nothing
    except (ContractError, TransactionReverted):
        return None
    return token.address, value, deadline, *parts


def _paid(tx: TxReceipt, quoted: Quote) -> Quote:
    """What the sale in `tx` took: it may have been less than was quoted before."""
    for sale in tx.named("Sale"):
        total, fee, royalty = (Amount(sale.args[part], quoted.total.token) for part in ("total", "fee", "royalty"))
        return Quote(total, fee, royalty, quoted.payout)
    return quoted


_PERMIT: Final = {
    "owner": "address",
    "spender": "address",
    "value": "uint256",
    "nonce": "uint256",
    "deadline": "uint256",
}
"""The fields of an EIP-2612 permit."""
