"""Buying: what is paid, to whom, and everything that is refused before or on chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selling import CALLS, MONTH, PERMIT, RESEARCH, SEAT, odd_token

from registry import Amount, Licence, Offer, Published, Purchase, Registry
from registry.assets.rights import Rights
from registry.chain import reverts
from registry.chain.sender import Sender
from registry.chain.signers import KeySigner
from registry.errors import (
    AccessDenied,
    ConnectionFailed,
    InputError,
    InsufficientAllowance,
    InsufficientBalance,
    InvalidAddress,
    InvalidAmount,
    LicenceNotFound,
    NoSigner,
    PriceChanged,
    SignerError,
    TransactionReverted,
    UnknownToken,
)
from registry.types import Address, to_address


def allowance(client: Registry, token: str = "USD") -> int:
    """What the market may take from the client's account."""
    contract = client.erc20(client.amount(f"0 {token}").token.address or "")
    return int(client.chain.call(contract.functions.allowance(client.address, client.deployment.marketplace)))


# --- What is paid --------------------------------------------------------------------------------


def test_a_quote_says_who_gets_what(publish: Callable[..., Published], author: Registry, buyer: Registry) -> None:
    quote = buyer.quote(publish(MONTH).did, units=4)
    assert [str(amount) for amount in (quote.total, quote.fee, quote.royalty, quote.revenue)] == [
        "50 USD",
        "0.5 USD",
        "0 USD",
        "49.5 USD",
    ]
    assert quote.payout == author.address
    assert not buyer.quote(publish(RESEARCH).did).total


def test_an_asset_in_hand_goes_where_its_did_does_and_is_not_loaded_again(
    publish: Callable[..., Published], author: Registry, buyer: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, asked, call = buyer.get(publish(MONTH).did), [], buyer.chain.call

    def counted(fn: Any, **options: Any) -> Any:
        asked.append(fn.fn_name)
        return call(fn, **options)

    with monkeypatch.context() as patch:
        patch.setattr(buyer.chain, "call", counted)
        assert buyer.buy(seen, "month", dry_run=True).price == buyer.quote(seen)
        assert not {"assetInfo", "licencesOf"} & set(asked)
    author.reprice(seen, "month", "20 USD")
    with pytest.raises(PriceChanged):
        buyer.buy(seen, "month")
    assert str(buyer.licences(seen)[0].price) == "20 USD"
    buyer.buy(buyer.get(seen), "month")
    assert buyer.has_access(seen) and buyer.holdings(seen)[0].active


def test_a_purchase_that_has_a_name_is_made_once(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH).did
    first = buyer.buy(did, "month", once="order 17")
    before, again = buyer.balance("USD"), buyer.buy(did, "month", once="order 17")
    assert (again.tx, again.price, again.holding) == (first.tx, first.price, first.holding)
    assert buyer.balance("USD") == before
    # Another order, or one without a name, is another purchase.
    assert buyer.buy(did, "month", once="order 18").holding.taken == 2
    assert buyer.buy(did, "month").holding.taken == 3


def test_a_purchase_that_has_a_name_is_found_without_the_money_for_another(
    publish: Callable[..., Published], buyer: Registry
) -> None:
    did = publish(MONTH).did
    first = buyer.buy(did, "month", once="order 17")
    token = buyer.erc20(buyer.amount("1 USD").token.address or "")
    buyer.act("give all away", token.functions.transfer(to_address("0x" + "dd" * 20), buyer.balance("USD").units))
    assert buyer.buy(did, "month", once="order 17").tx == first.tx


def test_a_purchase_whose_last_question_fails_is_found_again(
    publish: Callable[..., Published], buyer: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    did = publish(MONTH).did

    def cut(*_: Any, **__: Any) -> Any:
        raise ConnectionFailed("http://node", "it is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Rights, "holding", cut)
        with pytest.raises(ConnectionFailed):
            buyer.buy(did, "month")
    assert buyer.buy(did, "month").holding.taken == 1
    assert buyer.buy(did, "month").holding.taken == 2


def test_a_token_whose_symbol_cannot_be_asked_for_is_not_taken_for_one_without(
    publish: Callable[..., Published], buyer: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    did = publish(MONTH).did
    fresh, call = buyer.signed_by(buyer.signer), buyer.chain.call

    def cut(fn: Any, **options: Any) -> Any:
        if fn.fn_name == "symbol":
            raise ConnectionFailed("http://node", "it is gone")
        return call(fn, **options)

    with monkeypatch.context() as patch:
        patch.setattr(fresh.chain, "call", cut)
        with pytest.raises(ConnectionFailed):
            fresh.buy(did, "month", max_total="12.5 USD")
    assert fresh.buy(did, "month", max_total="12.5 USD").holding.active


def test_a_purchase_by_permit_is_one_transaction(
    publish: Callable[..., Published], author: Registry, buyer: Registry, treasury: Address
) -> None:
    did = publish(MONTH).did
    people = {"buyer": buyer.address, "author": author.address, "treasury": treasury}
    before = {who: buyer.balance("USD", account=address).units for who, address in people.items()}
    block = buyer.chain.block().number
    done = buyer.buy(did, "month", units=2)
    after = {who: buyer.balance("USD", account=address).units for who, address in people.items()}
    assert buyer.chain.block().number == block + 1
    assert {who: after[who] - before[who] for who in people} == {
        "buyer": -25_000_000,
        "author": 24_750_000,
        "treasury": 250_000,
    }
    assert allowance(buyer) == 0 and done.approval is None
    assert buyer.units(done.price.total.token, buyer.deployment.marketplace) == 0
    assert (done.account, done.units, str(done.price.total), done.as_tokens) == (buyer.address, 2, "25 USD", False)
    sold_at = buyer.chain.block().timestamp
    assert done.holding.expires_at == sold_at + 60 * 86_400 and done.holding.taken == 2
    assert str(done) == f"bought 2 x 'month' of {did} for 25 USD: {done.holding.in_words()}"


def test_the_native_coin_travels_with_the_purchase(
    publish: Callable[..., Published], author: Registry, buyer: Registry, treasury: Address
) -> None:
    did = publish(CALLS).did
    before = [author.balance(), buyer.balance(), author.balance(account=treasury)]
    done = buyer.buy(did, "calls", units=3)
    assert done.tx is not None and done.tx.value_wei == 6 * 10**15
    assert author.balance() - before[0] == author.amount("0.00594 ETH")
    assert before[1] - buyer.balance() == Amount(6 * 10**15 + done.tx.fee_wei, before[1].token)
    assert author.balance(account=treasury) - before[2] == author.amount("0.00006 ETH")
    assert done.holding.uses == 30 and done.holding.in_words() == "30 uses left"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(price=st.integers(1, 10**6), units=st.integers(1, 50), native=st.booleans())
def test_every_unit_of_a_price_arrives(
    publish: Callable[..., Published],
    author: Registry,
    buyer: Registry,
    treasury: Address,
    price: int,
    units: int,
    native: bool,
) -> None:
    token = author.amount("0 ETH" if native else "0 USD").token
    did = publish(Licence.uses("use", uses=1, price=Amount(price, token)), path=None).did
    quote = buyer.quote(did, units=units)
    before = [author.units(token, who) for who in (author.address, treasury)]
    paid = buyer.buy(did, units=units).price
    after = [author.units(token, who) for who in (author.address, treasury)]
    author_got, treasury_got = (b - a for a, b in zip(before, after, strict=True))
    assert paid == quote and quote.total.units == price * units == author_got + treasury_got
    assert treasury_got == quote.fee.units == price * units // 100
    assert buyer.units(token, buyer.deployment.marketplace) == 0


def test_a_dry_run_shows_price_and_cost_and_sends_nothing(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH, CALLS).did
    block, money = buyer.chain.block().number, buyer.balance("USD")
    for name, price in (("month", "12.5 USD"), ("calls", "0.002 ETH")):
        tried = buyer.buy(did, name, dry_run=True)
        assert (str(tried.price.total), tried.tx) == (price, None)
        assert tried.cost.gas > 60_000 and not tried.holding.active
        assert str(tried).startswith("would buy")
    assert (buyer.chain.block().number, buyer.balance("USD")) == (block, money)


def test_access_can_be_bought_for_somebody_else(
    publish: Callable[..., Published], buyer: Registry, market_place: Registry
) -> None:
    did, ann = publish(MONTH).did, market_place.as_account("ann")
    done = buyer.buy(did, account=ann.address.lower())
    assert done.account == ann.address and ann.has_access(did) and not buyer.has_access(did)
    with pytest.raises(InvalidAddress):
        buyer.buy(did, account="ann")


def test_a_free_licence_is_taken_once_by_oneself(
    publish: Callable[..., Published], buyer: Registry, stranger: Registry
) -> None:
    did = publish(RESEARCH).did
    assert not buyer.buy(did).price.total
    with pytest.raises((reverts.LimitExceeded, reverts.AlreadyHeld)):
        buyer.buy(did)
    with pytest.raises(reverts.OnlyForOneself):
        buyer.buy(did, account=stranger.address)


# --- Approval ------------------------------------------------------------------------------------


def test_an_allowance_that_is_there_is_used(publish: Callable[..., Published], market_place: Registry) -> None:
    did, cleo = publish(MONTH).did, market_place.as_account("cleo")
    assert "let the market take 12.5 USD" in str(cleo.approve("12.5 USD"))
    nonce = cleo.chain.call(cleo.erc20(cleo.deployment.tokens["USD"]).functions.nonces(cleo.address))
    done = cleo.buy(did, approve=False)
    assert done.approval is None and allowance(cleo) == 0
    assert cleo.chain.call(cleo.erc20(cleo.deployment.tokens["USD"]).functions.nonces(cleo.address)) == nonce


def test_without_leave_to_approve_nothing_is_approved(
    publish: Callable[..., Published], market_place: Registry
) -> None:
    did, cleo = publish(MONTH).did, market_place.as_account("cleo")
    cleo.approve("12.499999 USD")
    block = cleo.chain.block().number
    with pytest.raises(InsufficientAllowance) as caught:
        cleo.buy(did, approve=False)
    assert (caught.value.needed, caught.value.allowed) == ("12.5 USD", "12.499999 USD")
    assert caught.value.spender == cleo.deployment.marketplace and cleo.chain.block().number == block
    cleo.buy(did)
    assert allowance(cleo) == 0


def test_the_native_coin_needs_no_approval(buyer: Registry) -> None:
    with pytest.raises(InputError, match="needs no approval"):
        buyer.approve("1 ETH")
    with pytest.raises(UnknownToken):
        buyer.approve("1 EUR")


def test_a_token_without_permit_is_approved_in_a_transaction(
    publish: Callable[..., Published], dao: Registry, author: Registry, buyer: Registry
) -> None:
    token = odd_token(dao, author.deployment.tokens["USD"], symbol=b"OLD")
    assert "OLD" in [known.symbol for known in author.tokens], "a token that came later is known"
    did = publish(Licence.period("month", days=30, price="5 OLD")).did
    buyer.act("mint", buyer.erc20(token).functions.mint(buyer.address, 7_000_000))
    block = buyer.chain.block().number
    assert buyer.buy(did, dry_run=True).cost.gas > 21_000 and allowance(buyer, "OLD") == 0
    with pytest.raises(InsufficientAllowance):
        buyer.buy(did, approve=False)
    done = buyer.buy(did)
    assert done.approval is not None and done.tx is not None
    assert [done.approval.block, done.tx.block] == [block + 1, block + 2]
    assert (str(buyer.balance("OLD")), allowance(buyer, "OLD")) == ("2 OLD", 0)


def test_an_allowance_that_is_left_over_is_taken_back_where_the_token_wants_it(
    publish: Callable[..., Published], dao: Registry, author: Registry, buyer: Registry
) -> None:
    token = odd_token(dao, author.deployment.tokens["USD"], symbol=b"USDT", resets=True)
    did = publish(Licence.period("month", days=30, price="5 USDT")).did
    buyer.act("mint", buyer.erc20(token).functions.mint(buyer.address, 17_000_000))
    buyer.approve("2 USDT")
    with pytest.raises(TransactionReverted):
        buyer.act("more", buyer.erc20(token).functions.approve(buyer.deployment.marketplace, 5_000_000))
    assert buyer.buy(did, dry_run=True).cost.gas > 21_000 and allowance(buyer, "USDT") == 2_000_000
    assert buyer.buy(did).tx is not None and allowance(buyer, "USDT") == 0
    for amount in ("2 USDT", "3 USDT", "0 USDT"):
        assert buyer.approve(amount, dry_run=True).tx is None
        assert buyer.approve(amount).tx is not None
    assert allowance(buyer, "USDT") == 0


def test_a_permit_that_only_looks_like_one_is_not_counted_on(
    publish: Callable[..., Published], dao: Registry, author: Registry, buyer: Registry
) -> None:
    token = odd_token(dao, author.deployment.tokens["USD"], symbol=b"VOTE", lacks=(PERMIT,))
    did = publish(Licence.period("month", days=30, price="5 VOTE")).did
    buyer.act("mint", buyer.erc20(token).functions.mint(buyer.address, 7_000_000))
    assert buyer.erc20(token).functions.eip712Domain().call()
    done = buyer.buy(did)
    assert done.approval is not None and done.tx is not None and str(buyer.balance("VOTE")) == "2 VOTE"


@pytest.mark.parametrize("wallet", ["knows none", "declines"])
def test_a_wallet_that_signs_no_permit_approves_or_is_told_how(
    publish: Callable[..., Published], buyer: Registry, wallet: str
) -> None:
    class Old(KeySigner):
        def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
            raise NotImplementedError if wallet == "knows none" else SignerError("It did not sign.")

    old = buyer.as_account(Old(buyer.signer._account.key))  # type: ignore[union-attr]
    did = publish(Licence.period("month", days=30, price="5 USD")).did
    if wallet == "declines":
        with pytest.raises(SignerError, match="registry approve"):
            old.buy(did)
        old.approve("5 USD")
    assert (old.buy(did).approval is not None) is (wallet == "knows none")
    assert allowance(old) == 0


def test_a_token_without_a_usable_symbol_does_no_harm(
    publish: Callable[..., Published], dao: Registry, author: Registry, buyer: Registry
) -> None:
    for symbol in (None, b"two words", b""):
        token = odd_token(dao, author.deployment.tokens["USD"], symbol=symbol)
        known = next(known for known in author.tokens if known.address == token)
        assert known.symbol == f"token{known.index}"
    did = publish(MONTH, Licence.hold("odd", price=Amount(5_000_000, known))).did
    assert buyer.buy(did, "month").tx is not None
    assert str(buyer.quote(did, "odd").total) == f"5 {known.symbol}"


def test_a_token_that_is_taken_no_more_is_unknown_but_can_be_read(
    publish: Callable[..., Published], dao: Registry, author: Registry, buyer: Registry
) -> None:
    token = odd_token(dao, author.deployment.tokens["USD"], symbol=b"END")
    licence = Licence.hold("seat", price="1 END")
    did = publish(licence).did
    buyer.act("mint", buyer.erc20(token).functions.mint(buyer.address, 7_000_000))
    dao.act("disallow", dao.assets.functions.setPaymentToken(token, False))
    assert str(buyer.offer(did, "seat").price) == "1 END"
    with pytest.raises(reverts.PaymentTokenNotAllowed):
        buyer.buy(did)
    with pytest.raises(UnknownToken):
        publish(licence)


# --- The price -----------------------------------------------------------------------------------


def test_no_more_is_paid_than_was_agreed_to(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH).did
    block = buyer.chain.block().number
    with pytest.raises(PriceChanged) as caught:
        buyer.buy(did, max_total="12.499999 USD")
    assert (caught.value.price, caught.value.maximum) == ("12.5 USD", "12.499999 USD")
    assert buyer.chain.block().number == block
    assert str(buyer.buy(did, max_total="99 USD").price.total) == "12.5 USD"
    for wrong in ("1 ETH", "1 EUR", "-1 USD"):
        with pytest.raises((InvalidAmount, UnknownToken)):
            buyer.buy(did, max_total=wrong)


def test_an_offer_that_was_seen_is_a_promise_of_its_price(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    did = publish(MONTH).did
    seen = buyer.offer(did, "month")
    author.reprice(did, "month", "12.500001 USD")
    with pytest.raises(PriceChanged, match=r"12\.500001 USD now, more than the 12\.5 USD"):
        buyer.buy(did, seen)
    assert str(buyer.buy(did, seen, max_total="13 USD").price.total) == "12.500001 USD"
    author.reprice(did, "month", "1 USD")
    assert str(buyer.buy(did, seen, units=2).price.total) == "2 USD"


def test_a_licence_that_was_free_when_it_was_seen_costs_nothing(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    did = publish(Licence.hold("seat", price="3 USD")).did
    author.reprice(did, "seat", "0")
    seen = buyer.offer(did, "seat")
    author.reprice(did, "seat", "3 USD")
    with pytest.raises(PriceChanged):
        buyer.buy(did, seen)


@pytest.mark.parametrize(("licence", "higher"), [(MONTH, "13 USD"), (CALLS, "0.003 ETH")])
def test_a_price_that_rises_after_it_was_read_is_refused_on_chain(
    publish: Callable[..., Published], author: Registry, buyer: Registry, licence: Licence, higher: str
) -> None:
    did = publish(licence).did

    class Slow(Registry):
        """Takes so long to sign that the seller is faster."""

        def _purchase(self, *order: Any) -> Any:
            call = super()._purchase(*order)
            author.reprice(did, licence.name, higher)
            return call

    slow = Slow(buyer.chain, buyer.deployment, signer=buyer.signer, store=buyer.store, journal=buyer.journal)
    before = buyer.balance(higher.split()[1])
    with pytest.raises(PriceChanged) as caught:
        slow.buy(did)
    assert caught.value.price == higher and caught.value.maximum == licence.price_text
    assert isinstance(caught.value.__cause__, reverts.TotalAboveMaximum)
    assert buyer.balance(higher.split()[1]) == before and not buyer.has_access(did)


def test_a_price_that_falls_meanwhile_is_what_is_reported(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    did = publish(MONTH).did

    class Slow(Registry):
        def _purchase(self, *order: Any) -> Any:
            author.reprice(did, "month", "1 USD")
            return super()._purchase(*order)

    slow = Slow(buyer.chain, buyer.deployment, signer=buyer.signer, store=buyer.store, journal=buyer.journal)
    before = buyer.balance("USD")
    assert slow.buy(did).price.total == before - buyer.balance("USD") == buyer.amount("1 USD")
    with pytest.raises(PriceChanged):
        buyer.buy(did, max_total="0.9 USD")


def test_who_has_too_little_is_told_before_anything_is_sent(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    did = publish(Licence.hold("usd", price="100_000_000 USD"), Licence.hold("eth", price="100_000_000 ETH")).did
    block = buyer.chain.block().number
    for name in ("usd", "eth"):
        with pytest.raises(InsufficientBalance) as caught:
            buyer.buy(did, name)
        assert caught.value.needed == f"100000000 {name.upper()}" and caught.value.account == buyer.address
        # A dry run says so beside the price, and refuses what is no matter of money.
        shown = buyer.buy(did, name, dry_run=True)
        assert str(shown.price.total) == caught.value.needed and shown.tx is None and not shown.before
        assert str(shown.cost.short) == str(caught.value) and caught.value.held in str(shown.cost)
        with pytest.raises(PriceChanged):
            buyer.buy(did, name, max_total=f"1 {name.upper()}", dry_run=True)
    assert buyer.chain.block().number == block


# --- Refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [0, -1, 1.0, True, 2**32, None])
def test_units_are_whole_numbers_from_one(publish: Callable[..., Published], buyer: Registry, units: Any) -> None:
    did = publish(MONTH).did
    for act in (buyer.buy, buyer.quote, buyer.redeem):
        with pytest.raises(InputError, match="not a number of units"):
            act(did, units=units)  # type: ignore[operator]
    with pytest.raises(InputError, match="not a number of units"):
        buyer.grant(did, to=buyer.address, units=units)


def test_caps_and_limits_hold(publish: Callable[..., Published], buyer: Registry, stranger: Registry) -> None:
    capped = Licence.uses("capped", uses=1, price="0.001 ETH", cap=3)
    limited = Licence.uses("limited", uses=1, price="0.001 ETH", limit=2)
    did = publish(capped, limited).did
    buyer.buy(did, "capped", units=2)
    with pytest.raises(reverts.CapExceeded) as over_cap:
        stranger.buy(did, "capped", units=2)
    assert over_cap.value.values["left"] == 1
    assert buyer.offer(did, "capped").issued == 2
    with pytest.raises(reverts.LimitExceeded) as over_limit:
        buyer.buy(did, "limited", units=3)
    assert over_limit.value.values["left"] == 2
    buyer.buy(did, "limited", units=2)
    with pytest.raises(reverts.LimitExceeded):
        buyer.buy(did, "limited")
    stranger.buy(did, "limited", units=2)


def test_what_is_held_already_is_not_sold_twice(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(SEAT).did
    buyer.buy(did)
    with pytest.raises(reverts.AlreadyHeld):
        buyer.buy(did)


def test_what_was_delisted_or_paused_is_not_sold(
    publish: Callable[..., Published], dao: Registry, buyer: Registry
) -> None:
    did = publish(MONTH).did
    dao.act("delist", dao.assets.functions.setDelisted(did.asset_id, True))
    with pytest.raises(reverts.NotForSale):
        buyer.buy(did)
    dao.act("list", dao.assets.functions.setDelisted(did.asset_id, False))
    dao.act("pause", dao.assets.functions.pauseSales(2**47))
    try:
        with pytest.raises(reverts.SalesArePaused):
            buyer.buy(did)
    finally:
        dao.act("go on", dao.assets.functions.pauseSales(0))


def test_a_licence_that_is_not_there_is_not_sold(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH).did
    with pytest.raises(LicenceNotFound) as caught:
        buyer.buy(did, "year")
    assert caught.value.known == ("month",)
    with pytest.raises(NoSigner):
        buyer.as_account(None).buy(did, "month")


# --- Datatokens and gifts ------------------------------------------------------------------------


def test_datatokens_are_bought_passed_on_and_redeemed(
    publish: Callable[..., Published], buyer: Registry, market_place: Registry
) -> None:
    did, ann = publish(MONTH).did, market_place.as_account("ann")
    done = buyer.buy(did, "month", units=3, as_tokens=True)
    assert done.as_tokens and done.holding.tokens == 3 * 10**18 and not buyer.has_access(did)
    assert done.holding.in_words() == "has no access, 3 datatokens to redeem"
    with pytest.raises(AccessDenied, match="3 datatokens to redeem"):
        buyer.open(did, "penguins.csv")
    token = buyer.erc20(buyer.chain.call(buyer.assets.functions.datatokenOf(did.asset_id, 0)))
    buyer.act("give one away", token.functions.transfer(ann.address, 10**18))
    ann.redeem(did)
    assert ann.has_access(did) and ann.holding(did).tokens == 0
    buyer.redeem(did, units=2, account=ann.address)
    assert ann.holding(did).expires_at - ann.chain.block().timestamp > 89 * 86_400
    with pytest.raises(reverts.ERC20InsufficientBalance):
        buyer.redeem(did)


def test_a_seat_goes_with_its_token(publish: Callable[..., Published], buyer: Registry, market_place: Registry) -> None:
    did, ann = publish(SEAT).did, market_place.as_account("ann")
    assert buyer.buy(did, as_tokens=True).holding.in_words() == "holds 1 datatoken"
    assert buyer.has_access(did)
    with pytest.raises(reverts.NotRedeemable):
        buyer.redeem(did)
    token = buyer.erc20(buyer.chain.call(buyer.assets.functions.datatokenOf(did.asset_id, 0)))
    buyer.act("give it away", token.functions.transfer(ann.address, 10**18))
    assert ann.has_access(did) and not buyer.has_access(did)


def test_the_native_coin_buys_datatokens_too(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(CALLS).did
    assert buyer.buy(did, as_tokens=True, units=2).holding.in_words() == "0 uses left, 2 datatokens to redeem"
    assert "redeem 2 x 'calls'" in str(buyer.redeem(did, units=2))
    assert buyer.holding(did).uses == 20


def test_an_owner_gives_licences_away(publish: Callable[..., Published], author: Registry, buyer: Registry) -> None:
    did = publish(Licence.uses("calls", uses=10, price="1 ETH", cap=3)).did
    author.grant(did, to=buyer.address, units=2)
    assert buyer.holding(did).uses == 20
    author.grant(did, to=buyer.address, as_tokens=True)
    assert buyer.holding(did).tokens == 10**18
    with pytest.raises(reverts.CapExceeded):
        author.grant(did, to=buyer.address)
    with pytest.raises(InvalidAddress):
        author.grant(did, to="buyer")


# --- Interrupted ---------------------------------------------------------------------------------


def test_an_interrupted_purchase_is_finished_and_not_repeated(
    publish: Callable[..., Published], market_place: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = market_place.as_account("bob")
    did = publish(Licence.uses("all", uses=1, price=bob.balance("USD"))).did

    class Interrupted(Exception):
        pass

    def wait(*_: Any) -> Any:
        """Break off when the transaction was sent and its outcome is not recorded yet."""
        raise Interrupted

    with monkeypatch.context() as unplugged, pytest.raises(Interrupted):
        unplugged.setattr(Sender, "_wait", wait)
        bob.buy(did)
    assert not bob.balance("USD"), "the money is spent, so a balance check would refuse to finish"
    done: Purchase = bob.buy(did)
    assert done.tx is not None and done.price.total.units > 0 and done.holding.uses == 1
    with pytest.raises(InsufficientBalance):
        bob.buy(did)
    bob.fund("1_000_000 USD")


def test_offers_are_what_the_purchase_names(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH, CALLS).did
    offers: tuple[Offer, ...] = buyer.licences(did)
    assert [buyer.buy(did, offer).licence for offer in offers] == ["month", "calls"]


def test_another_document_than_the_buyer_saw_is_not_bought(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    did = publish(MONTH).did
    seen = buyer.get(did).licences[0]
    author.update(did, description="something else")
    with pytest.raises(reverts.OtherDocument) as caught:
        buyer.buy(did, seen)
    assert caught.value.named == seen.digest and caught.value.actual == author.get(did).digest
    assert not buyer.has_access(did)
    buyer.buy(did, buyer.get(did).licences[0])
    assert buyer.has_access(did)
