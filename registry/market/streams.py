"""Access by the second: subscribe, let it last longer, end it with a refund, and have paid out what was earned."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from registry.assets.catalogue import Catalogue
from registry.did import DID
from registry.documents.licence import Kind, duration, seconds_of
from registry.errors import InputError
from registry.market.buying import agreed, payable_call, paying_at_most, require_payable, was_seen
from registry.money import Amount
from registry.results import AssetRef, Done, Offer
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from registry.chain.fees import Cost
    from registry.chain.logs import TxReceipt
    from registry.session import Session

SETTLED: Final = 100
"""Subscriptions that are settled in one transaction: about a million gas."""


@dataclass(frozen=True, slots=True)
class Subscription(Shown):
    """The stream of an account under one licence, as it is now; times are seconds since 1970, 0 for never begun.

    ============ ==========================================================================
    price        of `per` seconds, frozen when it began
    minimum      seconds of the smallest stay, which are not refunded
    paid         for it in all, less what was refunded
    earned       of that by now; it belongs to those who are paid
    refund       what ending it now would give back
    ============ ==========================================================================
    """

    did: DID
    licence: str
    account: Address
    active: bool
    start: int
    end: int
    price: Amount
    per: int
    minimum: int
    paid: Amount
    earned: Amount
    refund: Amount

    def in_words(self) -> str:
        """Its state as a sentence without its subject."""
        if not self.end:
            return "never had a subscription"
        end = datetime.fromtimestamp(min(self.end, 253402300799), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        if not self.active:
            return f"access ended at {end}"
        return f"access until {end} at {self.price} per {duration(self.per)}; ending it now refunds {self.refund}"


@dataclass(frozen=True, slots=True)
class Subscribed(Shown):
    """Time that was bought, or would be: `tx` is None for a dry run. `approval` let the seller take the price."""

    did: DID
    licence: str
    account: Address
    seconds: int
    total: Amount
    cost: Cost
    tx: TxReceipt | None
    approval: TxReceipt | None = None

    def __str__(self) -> str:
        verb = "would buy" if self.tx is None else "bought"
        return f"{verb} {duration(self.seconds)} of {self.licence!r} of {self.did} for {self.total}"


@dataclass(frozen=True, slots=True)
class Settlement(Shown):
    """What subscriptions had earned, and is paid out or would be: to the treasury, the ancestors and the payout."""

    did: DID
    licence: str
    accounts: tuple[Address, ...]
    fee: Amount
    royalty: Amount
    revenue: Amount
    txs: tuple[TxReceipt, ...]


class Streams:
    """The verbs of subscribers, and of those who are paid; reached as ``registry.streams``."""

    def __init__(self, registry: Session) -> None:
        self._registry = registry
        self._chain = registry.chain

    # --- Asking ----------------------------------------------------------------------------------

    def subscription(
        self, asset: AssetRef, licence: str | int | Offer | None = None, *, account: str | None = None
    ) -> Subscription:
        """The stream of an account (default: the signer). Raises `LicenceNotFound`, and `InputError` for another kind
        of licence."""
        offer = self._offer(asset, licence)
        holder = to_address(account) if account else self._registry.address
        call = self._contract.functions.subscriptionOf(offer.did.asset_id, offer.number, holder)
        stream, terms, active, paid, earned, refund = self._chain.call(call)
        start, end, _settled, price, _fee_bps = stream
        token = offer.price.token if offer.price else self._registry.token_of(terms[0])
        return Subscription(
            did=offer.did,
            licence=offer.name,
            account=holder,
            active=active,
            start=start,
            end=end,
            price=Amount(price, token),
            per=offer.quantity,
            minimum=offer.minimum,
            paid=Amount(paid, token),
            earned=Amount(earned, token),
            refund=Amount(refund, token),
        )

    def quote(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        time: str | int,
        account: str | None = None,
    ) -> Amount:
        """What so much time costs now: for `account`, if it has a stream that lasts, at that stream's own price."""
        offer = self._offer(asset, licence)
        holder = to_address(account) if account else self._registry.address
        seconds = _seconds(offer, time)
        lasts = self._ends(offer, holder) > self._chain.block().timestamp
        return self._total(offer, seconds, extending=holder if lasts else None)

    def subscribers(self, asset: AssetRef, licence: str | int | Offer | None = None) -> tuple[Address, ...]:
        """All accounts that ever subscribed, in the order of their first time, from events."""
        offer = self._offer(asset, licence)
        events = self._chain.events(
            self._contract.events.Subscribed,
            filters={"assetId": offer.did.asset_id},
            from_block=self._registry.deployment.block,
        )
        return tuple(dict.fromkeys(e.args["account"] for e in events if e.args["licence"] == offer.number))

    # --- Buying ----------------------------------------------------------------------------------

    def subscribe(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        time: str | int,
        account: str | None = None,
        max_total: str | Amount | None = None,
        approve: bool = True,
        dry_run: bool = False,
    ) -> Subscribed:
        """Begin a stream of `time` (``"30 days"``, or seconds) for `account` (default: the signer), paid in advance.

        The document is named as it was seen. The most that is paid is `max_total`; without it, the price that was seen
        in the `Offer` or the `Asset` that was passed, or the price now. An interrupted order is finished by running it
        again, not repeated.

        Raises `PriceChanged`, `InsufficientBalance`, `InsufficientAllowance` (without `approve`), and what the
        contracts answer (`StreamRuns`, `TooLittleTime`, `LicenceClosed`, `OtherDocument`, ...).
        """
        return self._buy("subscribe", asset, licence, time, account, max_total, approve, dry_run)

    def extend(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        time: str | int,
        account: str | None = None,
        max_total: str | Amount | None = None,
        approve: bool = True,
        dry_run: bool = False,
    ) -> Subscribed:
        """Let a stream that lasts last longer, at its own price. Anybody may for anybody.

        Raises what `subscribe` raises, and `StreamIsOver`.
        """
        return self._buy("extend", asset, licence, time, account, max_total, approve, dry_run)

    def cancel(
        self, asset: AssetRef, licence: str | int | Offer | None = None, *, dry_run: bool = False
    ) -> tuple[Done, Amount]:
        """End one's own stream, now or after its smallest stay, and get back what it will not earn.

        Raises `StreamIsOver` and `NothingToRefund`.
        """
        offer = self._offer(asset, licence)
        refund = self.subscription(asset, offer).refund
        call = self._contract.functions.cancel(offer.did.asset_id, offer.number)
        done = self._registry.act(f"end {offer.name!r} of {offer.did}", call, dry_run=dry_run)
        for event in done.tx.named("Cancelled") if done.tx else ():
            refund = Amount(event.args["refund"], refund.token)
        return done, refund

    # --- Paying out ------------------------------------------------------------------------------

    def settle(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        accounts: Sequence[str] | None = None,
        dry_run: bool = False,
    ) -> Settlement:
        """Have what subscriptions earned by now paid to treasury, ancestors and payout; for anybody.

        `accounts` are by default all that ever subscribed, a hundred in a transaction. How often it is done changes
        nothing of what each gets. A receiver that cannot be paid now is not lost: it waits (`claim`).
        """
        offer = self._offer(asset, licence)
        chosen = self.subscribers(asset, offer) if accounts is None else tuple(to_address(one) for one in accounts)
        token = self._token(offer)
        sums, txs = [0, 0, 0], []
        outbox = self._registry.actor.outbox("settle")
        for start in range(0, max(len(chosen), 1), SETTLED):
            part = list(chosen[start : start + SETTLED])
            call = self._contract.functions.settle(offer.did.asset_id, offer.number, part)
            if dry_run:
                paid = self._chain.call(call, sender=outbox.address)
            else:
                tx = outbox.send(call).done
                txs.append(tx)
                paid = tx.named("Settled")[-1].args["parts"].values()
            sums = [so_far + int(more) for so_far, more in zip(sums, paid, strict=True)]
            self._registry.progress("settling", start + len(part), len(chosen))
        fee, royalty, revenue = (Amount(units, token) for units in sums)
        return Settlement(offer.did, offer.name, chosen, fee, royalty, revenue, tuple(txs))

    def waiting(self, token: str, *, account: str | None = None) -> Amount:
        """What could not be paid to an account (default: the signer) and waits for it."""
        holder = to_address(account) if account else self._registry.address
        found = self._registry.amount(f"0 {token}").token
        owed = self._contract.functions.owedTo(found.address or ZERO_ADDRESS, holder)
        return Amount(int(self._chain.call(owed)), found)

    def claim(self, token: str, *, account: str | None = None, to: str | None = None, dry_run: bool = False) -> Done:
        """Have what waits for `account` (default: the signer) sent to it; only the account itself says where `to`."""
        payee = to_address(account) if account else self._registry.address
        receiver = to_address(to) if to else payee
        found = self._registry.amount(f"0 {token}").token
        call = self._contract.functions.claim(found.address or ZERO_ADDRESS, payee, receiver)
        return self._registry.act(f"send the {found.symbol} of {payee} to {receiver}", call, dry_run=dry_run)

    # --- Below the verbs -------------------------------------------------------------------------

    @property
    def _contract(self) -> Any:
        return self._registry.stream_contract

    def _offer(self, asset: AssetRef, licence: str | int | Offer | None) -> Offer:
        offer = Catalogue(self._registry).offer(asset, licence)
        if offer.kind is not Kind.STREAM or offer.runs:
            raise InputError(
                f"{offer.name!r} of {offer.did} is not sold by the second.", hint="Buy it with buy instead."
            )
        return offer

    def _token(self, offer: Offer) -> Any:
        index = self._registry.read(
            offer.did, self._registry.assets.functions.licenceOf(offer.did.asset_id, offer.number)
        )
        return self._registry.token_at(index[5])

    def _ends(self, offer: Offer, account: Address) -> int:
        return int(self._chain.call(self._contract.functions.endOf(offer.did.asset_id, offer.number, account)))

    def _total(self, offer: Offer, seconds: int, *, extending: Address | None) -> Amount:
        functions, key = self._contract.functions, (offer.did.asset_id, offer.number)
        asked = functions.quoteExtension(*key, extending, seconds) if extending else functions.quote(*key, seconds)
        token, total = self._chain.call(asked)
        return Amount(total, self._registry.token_of(token))

    def _buy(
        self,
        verb: str,
        asset: AssetRef,
        licence: str | int | Offer | None,
        time: str | int,
        account: str | None,
        max_total: str | Amount | None,
        approve: bool,
        dry_run: bool,
    ) -> Subscribed:
        registry, functions = self._registry, self._contract.functions
        offer = self._offer(asset, licence)
        seconds, holder = _seconds(offer, time), to_address(account) if account else registry.address
        intent = (
            f"{verb}:{self._contract.address}:{registry.address}:{(offer.did.asset_id, offer.number, holder, seconds)}"
        )
        settled = registry.actor.outbox(verb, dry_run=dry_run).settle(intent)
        fresh = verb == "subscribe"
        total = (
            self._total(offer, seconds, extending=None)
            if fresh
            else self.quote(asset, offer, time=seconds, account=holder)
        )
        if settled:
            earlier = settled[-1].done
            bought = [event.args["total"] for name in ("Subscribed", "Extended") for event in earlier.named(name)]
            total = Amount(bought[-1], total.token) if bought else total
            return Subscribed(offer.did, offer.name, holder, seconds, total, earlier.cost, earlier)
        # A stream that lasts keeps its own price, which no offer tells.
        seen = _price(offer, seconds) if fresh and was_seen(asset, licence) else total
        most = agreed(registry, max_total, seen, total.token)
        if short := require_payable(registry, offer, total, most, preview=dry_run):
            return Subscribed(offer.did, offer.name, holder, seconds, total, short, None)
        order = (offer.did.asset_id, offer.number, holder, seconds, most.units, offer.digest)
        what = f"{verb} to {offer.name!r} of {offer.did}"
        with ExitStack() as paid, paying_at_most(offer, most):
            call, value, approval = payable_call(
                registry,
                functions[verb](order),
                lambda permit: functions[f"{verb}WithPermit"](order, permit),
                total,
                self._registry.deployment.streams,
                approve=approve,
                preview=dry_run,
                paid=paid,
            )
            done = registry.act(what, call, value=value, intent=intent, dry_run=dry_run)
        return Subscribed(offer.did, offer.name, holder, seconds, total, done.cost, done.tx, approval)


def _price(offer: Offer, seconds: int) -> Amount | None:
    """What so much time costs by an offer, rounded up as the contract does."""
    return Amount(-(-offer.price.units * seconds // offer.quantity), offer.price.token) if offer.price else None


def _seconds(offer: Offer, time: str | int) -> int:
    """A time in seconds; raises `InputError` for none, and for more than a field of the contract holds."""
    seconds = seconds_of(offer.name, time)
    if not 0 < seconds < 2**32:
        raise InputError(f"{time!r} is not a time to subscribe for.", hint="It is from 1 second to 136 years.")
    return seconds
