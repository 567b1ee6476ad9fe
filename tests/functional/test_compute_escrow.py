"""ComputeEscrow: runs that are paid for when the result is there, and what its parties can and cannot do to others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ape import chain
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from registry.compute.host_offer import HOST_OFFER

from .support import (
    DAY,
    DOLLAR,
    FEE_BPS,
    NATIVE,
    PERIOD,
    Terms,
    allowed,
    digest,
    domain,
    held_by,
    logs,
    now,
    refusal,
    refused,
    sign,
    sign_permit,
    stream,
    terms,
)

HOUR = 3_600
PRICE = 2 * DOLLAR  # for a hundred seconds
PER, MINIMUM = 100, 50
RUN, GRACE, REVIEW = 600, 300, DAY
BOND = 5 * DOLLAR
TOTAL = 12 * DOLLAR
ROYALTY = 1_000
RESULT = digest("sealed result")
NONE, OPEN, RUNNING, DELIVERED, DISPUTED, CLOSED = range(6)
SETTLED, CANCELLED, EXPIRED, GIVEN_UP, DECIDED, LAPSED = range(6)
GUARDED = keccak(text="ReentrancyGuardReentrantCall()")[:4]


def run(escrow: Any, price: int = PRICE, *, token: int = 1, per: int = PER, minimum: int = MINIMUM) -> Terms:
    """Terms of a licence for runs: `price` for `per` seconds, `minimum` of them at least."""
    return stream(escrow, price, token=token, per=per, minimum=minimum)


class Desk:
    """Writes what hosts sign, and opens jobs with it."""

    def __init__(self, escrow: Any, host: Any, consumer: Any) -> None:
        self.escrow, self.host, self.consumer = escrow, host, consumer

    def offer(self, asset_id: int, **other: Any) -> tuple[Any, ...]:
        """An offer for one job, with other values where they are named."""
        usual = {
            "assetId": asset_id,
            "licence": 0,
            "host": self.host,
            "consumer": self.consumer,
            "job": digest("a job"),
            "bond": BOND,
            "runTime": RUN,
            "graceTime": GRACE,
            "reviewTime": REVIEW,
            "acceptBy": now() + HOUR,
        }
        assert other.keys() <= usual.keys()
        return tuple((usual | other).values())

    def order(
        self, offer: tuple[Any, ...], *, most: int = TOTAL, document: bytes = bytes(32), signature: bytes | None = None
    ) -> tuple[Any, ...]:
        """What the consumer hands in."""
        return offer, self.signed(offer) if signature is None else signature, document, most

    def signed(self, offer: tuple[Any, ...], *, chain_id: int | None = None, contract: Any = None) -> bytes:
        """The host's EIP-712 signature, built from the standard and not from the contract's own hash."""
        message = {name: getattr(value, "address", value) for name, value in zip(HOST_OFFER, offer, strict=True)}
        return sign(
            self.host,
            domain=domain("AI Asset Registry Compute", contract or self.escrow, chain_id=chain_id),
            primary="HostOffer",
            fields=HOST_OFFER,
            message=message,
        )

    def open(self, asset_id: int, *, value: int = 0, **other: Any) -> Any:
        """A job that was opened, as its event has it."""
        most = 2**255
        tx = self.escrow.open(self.order(self.offer(asset_id, **other), most=most), sender=self.consumer, value=value)
        return logs(tx, self.escrow.JobOpened)[0]["job"]

    def running(self, asset_id: int, *, value: int = 0, bond_in_coin: int = 0, **other: Any) -> Any:
        """A job that its host began."""
        job = self.open(asset_id, value=value, **other)
        self.escrow.accept(job, sender=self.host, value=bond_in_coin)
        return job

    def delivered(self, asset_id: int, used: int = RUN, **other: Any) -> Any:
        """A job that was delivered after all the time that it may take."""
        job = self.running(asset_id, **other)
        at(self.record(job).since + RUN)
        self.escrow.deliver(job, RESULT, used, sender=self.host)
        return job

    def disputed(self, asset_id: int, **other: Any) -> Any:
        """A job that its consumer disputes."""
        job = self.delivered(asset_id, **other)
        self.escrow.dispute(job, digest("it is empty"), sender=self.consumer)
        return job

    def record(self, job: Any) -> Any:
        """What changes of a job."""
        return self.escrow.recordOf(self.escrow.idOf(job))


def at(time: int) -> None:
    """The next transaction comes at this second."""
    chain.pending_timestamp = time


@pytest.fixture(scope="module")
def desk(escrow: Any, service: Any, buyer: Any) -> Desk:
    """The host is the service, the consumer the buyer."""
    return Desk(escrow, service, buyer)


@pytest.fixture
def runs(publish: Any, escrow: Any) -> int:
    """An asset that offers runs: two cents a second, fifty seconds at least."""
    return int(publish(run(escrow)))


@pytest.fixture
def derived(publish: Any, escrow: Any, dao: Any) -> int:
    """One that owes its parent a tenth."""
    parent = publish(owner=dao, derivatives=(True, ROYALTY))
    return int(publish(run(escrow), parents=[parent]))


@pytest.fixture
def moves(dollar: Any) -> Callable[..., list[int]]:
    """`moves(act, *accounts)`: what each of them has of dollars after the act beyond what it had."""

    def moves_of(act: Callable[[], Any], *accounts: Any) -> list[int]:
        before = [held_by(account, dollar) for account in accounts]
        act()
        return [held_by(account, dollar) - had for account, had in zip(accounts, before, strict=True)]

    return moves_of


# A whole job


def test_a_job_is_paid_for_when_its_result_is_there(
    registry: Any,
    escrow: Any,
    desk: Desk,
    dollar: Any,
    buyer: Any,
    service: Any,
    author: Any,
    treasury: Any,
    moves: Any,
    derived: int,
) -> None:
    splitter = registry.royaltyInfo(derived, 100)[0]
    offer = desk.offer(derived)
    opened = escrow.open(desk.order(offer, document=digest("first version")), sender=buyer)
    (event,) = logs(opened, escrow.JobOpened)
    job = event["job"]
    assert escrow.idOf(job) == event["id"]
    assert [event[name] for name in ("assetId", "consumer", "host", "total")] == [derived, buyer, service, TOTAL]
    frozen = (dollar, PRICE, PER, MINIMUM, FEE_BPS, ROYALTY, treasury, splitter, author)
    assert [str(value).lower() for value in job[1:]] == [str(getattr(one, "address", one)).lower() for one in frozen]
    assert held_by(escrow, dollar) == TOTAL and desk.record(job).status == OPEN

    began = escrow.accept(job, sender=service)
    start = began.timestamp
    assert logs(began, escrow.JobAccepted) == [{"id": event["id"], "deliverBy": start + RUN + GRACE}]
    assert held_by(escrow, dollar) == TOTAL + BOND and desk.record(job).status == RUNNING

    at(start + 200)
    delivered = escrow.deliver(job, RESULT, 150, sender=service)
    end = delivered.timestamp + REVIEW
    assert logs(delivered, escrow.JobDelivered) == [
        {"id": event["id"], "result": RESULT, "used": 150, "reviewEnd": end}
    ]
    assert tuple(desk.record(job)) == (DELIVERED, delivered.timestamp, 150, RESULT)

    paid = moves(lambda: escrow.settle(job, sender=buyer), treasury, splitter, author, service, buyer, escrow)
    assert paid == [75_000, 300_000, 2_625_000, BOND, TOTAL - 3 * DOLLAR, -TOTAL - BOND]
    assert desk.record(job).status == CLOSED and desk.record(job).result == RESULT
    assert not registry.hasAccess(derived, buyer) and escrow.endOf(derived, 0, buyer) == 0


def test_an_ending_tells_what_everybody_got(escrow: Any, desk: Desk, dollar: Any, buyer: Any, runs: int) -> None:
    job = desk.delivered(runs, used=100)
    (event,) = logs(escrow.settle(job, sender=buyer), escrow.JobClosed)
    assert (event["ending"], event["token"], event["assetId"]) == (SETTLED, dollar, runs)
    assert tuple(event["parts"]) == (50_000, 0, 1_950_000)
    assert (event["toHost"], event["toConsumer"]) == (BOND, TOTAL - 2 * DOLLAR)


def test_silence_pays_after_the_review(escrow: Any, desk: Desk, service: Any, stranger: Any, runs: int) -> None:
    """settle_early: before it is over only the consumer settles."""
    job = desk.delivered(runs)
    end = desk.record(job).since + REVIEW
    for somebody in (service, stranger):
        assert refusal(escrow.settle, job, sender=somebody) == ("TooEarly", end)
    at(end + 1)
    escrow.settle(job, sender=stranger)
    assert desk.record(job).status == CLOSED


def test_the_least_time_is_paid_for_and_no_more_than_was_asked(
    escrow: Any, desk: Desk, author: Any, buyer: Any, moves: Any, runs: int
) -> None:
    job = desk.delivered(runs, used=0)
    assert moves(lambda: escrow.settle(job, sender=buyer), author) == [975_000]
    assert tuple(escrow.quote(runs, 0, 0))[1] == DOLLAR == tuple(escrow.quote(runs, 0, MINIMUM))[1]
    assert tuple(escrow.quote(runs, 0, RUN))[1] == TOTAL


def test_no_more_is_paid_for_than_passed_on_the_chain(
    escrow: Any, desk: Desk, buyer: Any, author: Any, service: Any, moves: Any, runs: int
) -> None:
    """used_over_elapsed: a host that says 9,999 s after 61 s is paid for 61; one that dawdles, for the run."""
    job = desk.running(runs)
    at(desk.record(job).since + 61)
    escrow.deliver(job, RESULT, 9_999, sender=service)
    assert desk.record(job).used == 61
    assert moves(lambda: escrow.settle(job, sender=buyer), author) == [1_220_000 * 9_750 // 10_000]
    job = desk.running(runs, job=digest("another"))
    at(desk.record(job).since + RUN + GRACE)
    escrow.deliver(job, RESULT, 2**32 - 1, sender=service)
    assert desk.record(job).used == RUN
    job = desk.running(runs, job=digest("a long one"), runTime=2 * DAY)
    at(desk.record(job).since + 100_000)
    escrow.deliver(job, RESULT, 2**32 - 1, sender=service)
    assert desk.record(job).used == 100_000


def test_a_job_keeps_within_its_gas(
    registry: Any, escrow: Any, desk: Desk, dollar: Any, dao: Any, networks: Any, buyer: Any, service: Any, derived: int
) -> None:
    """A whole one, with fee and royalty, 330,000; cancelled before it runs 75,000, and while it runs 90,000."""
    if networks.active_provider.name != "foundry":
        pytest.skip("eth-tester counts some refunds and call data otherwise; the bars are for anvil")
    for payee in (
        desk.escrow,
        registry.salesRules()[0],
        registry.royaltyInfo(derived, 1)[0],
        registry.payoutOf(derived),
    ):
        dollar.mint(payee, DOLLAR, sender=dao)
    acts = []
    jobs = [digest(f"job {number}") for number in range(3)]
    for job in jobs:
        order = desk.order(desk.offer(derived, job=job), document=digest("first version"))
        acts.append(escrow.open(order, sender=buyer))
    whole, opened, running = (logs(tx, escrow.JobOpened)[0]["job"] for tx in acts)
    for job in (whole, running):
        acts.append(escrow.accept(job, sender=service))
    at(acts[-1].timestamp + 200)
    acts.append(escrow.deliver(whole, RESULT, 150, sender=service))
    acts.append(escrow.settle(whole, sender=buyer))
    gas = [tx.gas_used for tx in (acts[2], acts[4], acts[5], acts[6])]
    assert sum(gas) <= 330_000, gas
    assert escrow.cancel(opened, sender=buyer).gas_used <= 75_000
    assert escrow.cancel(running, sender=buyer).gas_used <= 90_000


# Opening


def test_an_offer_is_for_one_consumer(escrow: Any, desk: Desk, stranger: Any, buyer: Any, runs: int) -> None:
    got = refusal(escrow.open, desk.order(desk.offer(runs)), sender=stranger)
    assert got == ("NotParty", buyer, stranger)


def test_a_replayed_offer_opens_no_second_job(escrow: Any, desk: Desk, buyer: Any, runs: int) -> None:
    """replayed_offer: neither while the job is open nor when it is over; same_terms_other_salt is another job."""
    order = desk.order(desk.offer(runs))
    (opened,) = logs(escrow.open(order, sender=buyer), escrow.JobOpened)
    assert refusal(escrow.open, order, sender=buyer) == ("JobIs", opened["id"], OPEN)
    escrow.cancel(opened["job"], sender=buyer)
    assert refusal(escrow.open, order, sender=buyer) == ("JobIs", opened["id"], CLOSED)
    other = desk.open(runs, job=digest("the same with another nonce"))
    assert escrow.idOf(other) != opened["id"]


def test_an_offer_at_another_price_is_another_job_which_binds_nobody(
    registry: Any, escrow: Any, desk: Desk, author: Any, buyer: Any, service: Any, moves: Any, runs: int
) -> None:
    """The price is the owner's word and not the host's: what is opened at a new one is begun by the host, or comes back
    whole. The one that runs holds its own bond and its own money."""
    offer = desk.offer(runs)
    first = logs(escrow.open(desk.order(offer), sender=buyer), escrow.JobOpened)[0]["job"]
    escrow.accept(first, sender=service)
    registry.setPrice(runs, 0, PRICE // 2, sender=author)
    second = logs(escrow.open(desk.order(offer), sender=buyer), escrow.JobOpened)[0]["job"]
    assert escrow.idOf(second) != escrow.idOf(first) and desk.record(second).status == OPEN
    assert refusal(escrow.deliver, second, RESULT, RUN, sender=service) == ("JobIs", escrow.idOf(second), OPEN)
    assert moves(lambda: escrow.cancel(second, sender=buyer), buyer, service) == [TOTAL // 2, 0]
    at(desk.record(first).since + RUN)
    escrow.deliver(first, RESULT, RUN, sender=service)
    assert moves(lambda: escrow.settle(first, sender=buyer), service) == [BOND]


def test_an_offer_of_another_chain_contract_or_key_is_worth_nothing(
    registry: Any, escrow: Any, desk: Desk, buyer: Any, service: Any, stranger: Any, runs: int
) -> None:
    """offer_of_other_chain, and all that changes a word of it."""
    offer = desk.offer(runs)
    good = desk.signed(offer)
    bad = [
        desk.signed(offer, chain_id=chain.chain_id + 1),
        desk.signed(offer, contract=registry),
        Desk(escrow, stranger, buyer).signed(offer),
        desk.signed(desk.offer(runs, bond=BOND - 1)),
        good[:-1],
        b"",
    ]
    for signature in bad:
        got = refusal(escrow.open, desk.order(offer, signature=signature), sender=buyer)
        assert got == ("InvalidOfferSignature", service)
    assert allowed(escrow.open, desk.order(offer, signature=good), sender=buyer)


def test_what_a_consumer_agreed_to_is_kept(
    registry: Any, escrow: Any, desk: Desk, buyer: Any, author: Any, runs: int
) -> None:
    """The most that it may cost, and the document with the terms."""
    offer = desk.offer(runs)
    got = refusal(escrow.open, desk.order(offer, most=TOTAL - 1), sender=buyer)
    assert got == ("TotalAboveMaximum", TOTAL, TOTAL - 1)
    registry.updateMetadata(runs, digest("other terms"), 1, sender=author)
    got = refusal(escrow.open, desk.order(offer, document=digest("first version")), sender=buyer)
    assert got == ("OtherDocument", runs, digest("first version"), digest("other terms"))


def test_every_window_has_an_end(escrow: Any, desk: Desk, buyer: Any, runs: int) -> None:
    most = 30 * DAY

    def offered(**other: Any) -> tuple[Any, ...]:
        return refusal(escrow.open, desk.order(desk.offer(runs, **other), most=2**255), sender=buyer)

    assert offered(runTime=MINIMUM - 1) == ("WindowOutOfRange", MINIMUM - 1, MINIMUM, most)
    assert offered(runTime=most + 1) == ("WindowOutOfRange", most + 1, MINIMUM, most)
    assert offered(graceTime=most + 1) == ("WindowOutOfRange", most + 1, 0, most)
    assert offered(reviewTime=HOUR - 1) == ("WindowOutOfRange", HOUR - 1, HOUR, most)
    assert offered(reviewTime=most + 1) == ("WindowOutOfRange", most + 1, HOUR, most)
    assert offered(acceptBy=now() + 31 * DAY)[0] == "WindowOutOfRange"
    assert offered(acceptBy=2 * now() + HOUR)[0] == "WindowOutOfRange", "however far"
    assert offered(acceptBy=now() - 1) == ("TooLate", now() - 1)


def test_a_licence_without_a_minimum_still_sells_a_second_at_least(
    escrow: Any, desk: Desk, buyer: Any, publish: Any
) -> None:
    asset_id = publish(run(escrow, minimum=0))
    got = refusal(escrow.open, desk.order(desk.offer(asset_id, runTime=0)), sender=buyer)
    assert got == ("WindowOutOfRange", 0, 1, 30 * DAY)
    job = desk.delivered(asset_id, used=0)
    (event,) = logs(escrow.settle(job, sender=buyer), escrow.JobClosed)
    assert tuple(event["parts"]) == (0, 0, 0) and event["toConsumer"] == TOTAL


def test_a_host_without_a_bond_gets_no_job(escrow: Any, desk: Desk, buyer: Any, runs: int) -> None:
    """bond_zero_refused"""
    assert refusal(escrow.open, desk.order(desk.offer(runs, bond=0)), sender=buyer) == ("NoBond",)


def test_only_a_licence_for_runs_is_sold_here(
    registry: Any, escrow: Any, streams: Any, desk: Desk, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(PRICE, kind=PERIOD), stream(streams, PRICE))
    assert refusal(escrow.open, desk.order(desk.offer(asset_id)), sender=buyer) == ("NotARun", asset_id, 0)
    assert refusal(escrow.quote, asset_id, 0, RUN, sender=buyer) == ("NotARun", asset_id, 0)
    order = desk.order(desk.offer(asset_id, licence=1, runTime=2 * DAY), most=2**255)
    assert refusal(escrow.open, order, sender=buyer) == ("SoldByTheSecond", asset_id, 1)
    assert not registry.hasAccess(asset_id, buyer)


def test_no_licence_for_runs_is_sold_as_time(registry: Any, escrow: Any, streams: Any, buyer: Any, runs: int) -> None:
    order = (runs, 0, buyer, DAY, 2**255, bytes(32))
    assert refusal(streams.subscribe, order, sender=buyer) == ("SoldByTheSecond", runs, 0)
    assert registry.streamsOf(runs, 0) == escrow


def test_whoever_is_paid_is_not_the_escrow_itself(
    registry: Any, escrow: Any, desk: Desk, buyer: Any, author: Any, runs: int
) -> None:
    """Nothing that it sends itself could be taken out again."""
    registry.setPayout(runs, escrow, sender=author)
    got = refusal(escrow.open, desk.order(desk.offer(runs)), sender=buyer)
    assert got == ("PaymentRefused", escrow, TOTAL)


def test_who_is_paid_is_named_when_the_job_is_opened(
    registry: Any, escrow: Any, desk: Desk, dao: Any, author: Any, treasury: Any, stranger: Any, moves: Any, runs: int
) -> None:
    """Another payout or price of the owner, or fee of the DAO, while the host works takes nothing from anybody."""
    job = desk.delivered(runs)
    registry.setPayout(runs, stranger, sender=author)
    registry.setPrice(runs, 0, 5 * PRICE, sender=author)
    registry.setFee(500, sender=dao)
    paid = moves(lambda: escrow.settle(job, sender=desk.consumer), author, treasury, stranger)
    assert paid == [11_700_000, 300_000, 0]


def test_whatever_stops_new_jobs_stops_no_other(
    registry: Any,
    escrow: Any,
    desk: Desk,
    dollar: Any,
    dao: Any,
    author: Any,
    curator: Any,
    buyer: Any,
    service: Any,
    runs: int,
) -> None:
    jobs = [desk.open(runs, job=digest(f"job {number}")) for number in range(2)]
    stops = {
        "LicenceClosed": (lambda on: registry.setOpen(runs, 0, not on, sender=author)),
        "NotForSale": (lambda on: registry.setDelisted(runs, on, sender=curator)),
        "SalesArePaused": (lambda on: registry.pauseSales(chain.pending_timestamp + DAY if on else 0, sender=dao)),
        "NotSeller": (lambda on: registry.setSeller(escrow, not on, sender=dao)),
        "PaymentTokenNotAllowed": (lambda on: registry.setPaymentToken(dollar, not on, sender=dao)),
    }
    for error, stop in stops.items():
        stop(True)
        assert refusal(escrow.open, desk.order(desk.offer(runs)), sender=buyer)[0] == error
        stop(False)
    for stop in stops.values():
        stop(True)
    for job in jobs:
        escrow.accept(job, sender=service)
    escrow.cancel(jobs[0], sender=buyer)
    escrow.deliver(jobs[1], RESULT, 1, sender=service)
    escrow.settle(jobs[1], sender=buyer)
    assert held_by(escrow, dollar) == 0


def test_a_permit_pays_for_a_job(escrow: Any, desk: Desk, dollar: Any, dao: Any, stranger: Any, runs: int) -> None:
    dollar.mint(stranger, TOTAL, sender=dao)
    theirs = Desk(escrow, desk.host, stranger)
    permit = sign_permit(stranger, dollar, escrow, TOTAL, deadline=now() + 1_000)
    escrow.openWithPermit(theirs.order(theirs.offer(runs)), permit, sender=stranger)
    assert (held_by(stranger, dollar), held_by(escrow, dollar)) == (0, TOTAL)


def test_a_job_is_in_native_coin_too(
    escrow: Any, desk: Desk, buyer: Any, service: Any, author: Any, publish: Any
) -> None:
    asset_id = publish(run(escrow, 10**9, token=NATIVE))
    offer = desk.offer(asset_id, bond=10**9)
    total = 6 * 10**9
    order = desk.order(offer, most=total)
    assert refusal(escrow.open, order, sender=buyer, value=total - 1) == ("ValueTooLow", total - 1, total)
    job = desk.open(asset_id, bond=10**9, value=total + 5, acceptBy=offer[-1])
    assert held_by(escrow) == total
    assert refusal(escrow.accept, job, sender=service, value=1) == ("ValueTooLow", 1, 10**9)
    escrow.accept(job, sender=service, value=10**9 + 5)
    assert held_by(escrow) == total + 10**9
    at(desk.record(job).since + RUN)
    escrow.deliver(job, RESULT, RUN, sender=service)
    escrow.dispute(job, digest("empty"), sender=buyer, value=10**9)
    chain.mine(timestamp=now() + 91 * DAY)
    before = held_by(author)
    escrow.lapse(job, sender=service)
    assert held_by(author) - before == total - total * FEE_BPS // 10_000
    assert held_by(escrow) == 0


def test_coin_for_a_price_in_tokens_is_refused(escrow: Any, desk: Desk, buyer: Any, service: Any, runs: int) -> None:
    order = desk.order(desk.offer(runs))
    assert refusal(escrow.open, order, sender=buyer, value=5) == ("UnexpectedValue", 5)
    job = desk.open(runs)
    assert refusal(escrow.accept, job, sender=service, value=5) == ("UnexpectedValue", 5)


def test_a_run_that_is_free_has_a_bond_all_the_same(
    escrow: Any, desk: Desk, buyer: Any, service: Any, publish: Any, dollar: Any
) -> None:
    """zero_price: the bond is in native coin then."""
    asset_id = publish(run(escrow, 0))
    job = desk.running(asset_id, bond=10**9, bond_in_coin=10**9)
    assert (job[1], held_by(escrow)) == (ZERO_ADDRESS, 10**9)
    at(desk.record(job).since + RUN)
    escrow.deliver(job, RESULT, RUN, sender=service)
    tx = escrow.settle(job, sender=buyer)
    assert logs(tx, dollar.Transfer) == [] and held_by(escrow) == 0


def test_the_dearest_run_there_is_can_be_paid_and_paid_out(
    escrow: Any, desk: Desk, dollar: Any, dao: Any, buyer: Any, service: Any, author: Any, moves: Any, publish: Any
) -> None:
    """max_price_no_overflow"""
    price, time, bond = 2**96 - 1, 30 * DAY, 2**96 - 1
    asset_id = publish(run(escrow, price, per=1))
    for account in (buyer, service):
        dollar.mint(account, 2**120, sender=dao)
    job = desk.running(asset_id, runTime=time, bond=bond)
    at(desk.record(job).since + time)
    escrow.deliver(job, RESULT, time, sender=service)
    escrow.dispute(job, digest("dear"), sender=buyer)
    total = price * time
    paid = moves(lambda: escrow.decide(job, 10_000, digest("right"), sender=dao), author, service, escrow)
    assert paid == [total - total * FEE_BPS // 10_000, 2 * bond, -total - 2 * bond]


def test_a_token_that_keeps_a_part_pays_for_no_job(
    project: Any, registry: Any, escrow: Any, desk: Desk, dao: Any, buyer: Any, publish: Any
) -> None:
    """fee_token: what it keeps would be missing to somebody later."""
    token = dao.deploy(project.FeeToken)
    registry.setPaymentToken(token, True, sender=dao)
    token.mint(buyer, 100 * DOLLAR, sender=dao)
    token.approve(escrow, 2**256 - 1, sender=buyer)
    index = [one.token for one in registry.paymentTokens()].index(token.address)
    asset_id = publish(run(escrow, token=index))
    got = refusal(escrow.open, desk.order(desk.offer(asset_id)), sender=buyer)
    assert got == ("PaymentIncomplete", token, TOTAL - TOTAL // 100, TOTAL)


# Deadlines


def test_a_job_is_not_begun_after_its_time(
    escrow: Any, desk: Desk, buyer: Any, service: Any, stranger: Any, moves: Any, runs: int
) -> None:
    """accept_after_deadline"""
    job = desk.open(runs)
    end = job[0][-1]
    assert refusal(escrow.expire, job, sender=stranger) == ("TooEarly", end)
    chain.mine(timestamp=end)
    assert allowed(escrow.accept, job, sender=service)
    chain.mine(timestamp=end + 1)
    assert refusal(escrow.accept, job, sender=service) == ("TooLate", end)
    assert moves(lambda: escrow.expire(job, sender=stranger), buyer, service) == [TOTAL, 0]


def test_a_host_that_does_not_deliver_loses_its_bond_to_the_consumer(
    escrow: Any, desk: Desk, buyer: Any, service: Any, stranger: Any, moves: Any, runs: int
) -> None:
    """deliver_late, expire_races_deliver: at each second one of the two is possible, and never both."""
    job = desk.running(runs)
    end = desk.record(job).since + RUN + GRACE
    chain.mine(timestamp=end)
    assert allowed(escrow.deliver, job, RESULT, RUN, sender=service)
    assert refusal(escrow.expire, job, sender=stranger) == ("TooEarly", end)
    chain.mine(timestamp=end + 1)
    for act, caller in ((escrow.giveUp, service), (escrow.cancel, buyer)):
        assert refusal(act, job, sender=caller) == ("TooLate", end)
    assert refusal(escrow.deliver, job, RESULT, RUN, sender=service) == ("TooLate", end)
    paid = moves(lambda: escrow.expire(job, sender=stranger), buyer, service, escrow)
    assert paid == [TOTAL + BOND, 0, -TOTAL - BOND]


def test_a_job_is_delivered_once(escrow: Any, desk: Desk, service: Any, runs: int) -> None:
    """deliver_twice"""
    job = desk.delivered(runs, used=10)
    got = refusal(escrow.deliver, job, digest("other"), RUN, sender=service)
    assert got == ("JobIs", escrow.idOf(job), DELIVERED)


# Ending


def test_all_comes_back_of_a_job_that_was_not_begun(escrow: Any, desk: Desk, buyer: Any, moves: Any, runs: int) -> None:
    job = desk.open(runs)
    assert moves(lambda: escrow.cancel(job, sender=buyer), buyer, escrow) == [TOTAL, -TOTAL]
    assert refusal(escrow.cancel, job, sender=buyer) == ("JobIs", escrow.idOf(job), CLOSED)


def test_whoever_cancels_a_run_pays_for_the_time_that_passed(
    escrow: Any, desk: Desk, buyer: Any, service: Any, author: Any, treasury: Any, moves: Any, runs: int
) -> None:
    job = desk.running(runs)
    at(desk.record(job).since + 250)
    paid = moves(lambda: escrow.cancel(job, sender=buyer), treasury, author, service, buyer, escrow)
    assert paid == [125_000, 4_875_000, BOND, TOTAL - 5 * DOLLAR, -TOTAL - BOND]


def test_a_cancellation_and_a_delivery_exclude_each_other(
    escrow: Any, desk: Desk, buyer: Any, service: Any, runs: int
) -> None:
    """cancel_races_deliver: whichever comes second is refused."""
    job = desk.delivered(runs)
    assert refusal(escrow.cancel, job, sender=buyer) == ("JobIs", escrow.idOf(job), DELIVERED)
    job = desk.running(runs, job=digest("another"))
    escrow.cancel(job, sender=buyer)
    got = refusal(escrow.deliver, job, RESULT, RUN, sender=service)
    assert got == ("JobIs", escrow.idOf(job), CLOSED)


def test_nothing_is_paid_for_what_the_host_gives_up(
    escrow: Any, desk: Desk, buyer: Any, service: Any, author: Any, moves: Any, runs: int
) -> None:
    """Data that could not be fetched, a sandbox that did not start: the host says so, and keeps its bond."""
    job = desk.running(runs)
    paid = moves(lambda: escrow.giveUp(job, sender=service), buyer, service, author, escrow)
    assert paid == [TOTAL, BOND, 0, -TOTAL - BOND]
    job = desk.open(runs, job=digest("another"))
    (event,) = logs(escrow.giveUp(job, sender=service), escrow.JobClosed)
    assert (event["ending"], event["toHost"], event["toConsumer"]) == (GIVEN_UP, 0, TOTAL)


def test_each_act_is_for_one_party(
    escrow: Any, desk: Desk, buyer: Any, service: Any, author: Any, dao: Any, runs: int
) -> None:
    """Neither the owner of the asset nor the DAO comes between the two."""
    job = desk.open(runs)
    for somebody in (author, dao):
        assert refusal(escrow.accept, job, sender=somebody) == ("NotParty", service, somebody)
        assert refusal(escrow.giveUp, job, sender=somebody) == ("NotParty", service, somebody)
        assert refusal(escrow.deliver, job, RESULT, 1, sender=somebody) == ("NotParty", service, somebody)
        assert refusal(escrow.cancel, job, sender=somebody) == ("NotParty", buyer, somebody)
        assert refusal(escrow.dispute, job, RESULT, sender=somebody) == ("NotParty", buyer, somebody)


def test_no_job_is_what_nobody_opened(escrow: Any, desk: Desk, buyer: Any, service: Any, runs: int) -> None:
    """A word of it changed, and it is another, of which there is none."""
    job = desk.running(runs)
    other = (*tuple(job)[:2], 1, *tuple(job)[3:])
    name = escrow.idOf(other)
    assert refusal(escrow.deliver, other, RESULT, 1, sender=service) == ("JobIs", name, NONE)
    assert refusal(escrow.cancel, other, sender=buyer) == ("JobIs", name, NONE)
    for act in (escrow.settle, escrow.expire, escrow.lapse, escrow.giveUp, escrow.accept):
        assert refusal(act, other, sender=service) == ("JobIs", name, NONE)


# Disputes


def test_a_dispute_is_possible_while_the_result_may_be_looked_at(
    escrow: Any, desk: Desk, dollar: Any, buyer: Any, runs: int
) -> None:
    """dispute_after_window"""
    job = desk.delivered(runs)
    end = desk.record(job).since + REVIEW
    assert refusal(escrow.dispute, job, bytes(32), sender=buyer) == ("EmptyReason",)
    chain.mine(timestamp=end + 1)
    assert refusal(escrow.dispute, job, RESULT, sender=buyer) == ("TooLate", end)
    job = desk.delivered(runs, job=digest("another"))
    tx = escrow.dispute(job, RESULT, sender=buyer)
    assert logs(tx, escrow.JobDisputed) == [{"id": escrow.idOf(job), "reason": RESULT}]
    assert desk.record(job).status == DISPUTED
    assert refusal(escrow.settle, job, sender=buyer) == ("JobIs", escrow.idOf(job), DISPUTED)


@pytest.mark.parametrize(
    ("share", "paid"),
    [
        (10_000, [300_000, 11_700_000, 2 * BOND, 0]),
        (0, [0, 0, 0, TOTAL + 2 * BOND]),
        (5_000, [150_000, 5_850_000, BOND, TOTAL // 2 + BOND]),
        (3_333, [99_990, 3_899_610, 3_333_000, TOTAL - 3_999_600 + 2 * BOND - 3_333_000]),
    ],
)
def test_a_council_divides_what_the_two_put_up_and_no_more(
    escrow: Any,
    desk: Desk,
    dao: Any,
    curator: Any,
    buyer: Any,
    service: Any,
    author: Any,
    treasury: Any,
    moves: Any,
    runs: int,
    share: int,
    paid: list[int],
) -> None:
    escrow.nameCouncil(curator, now() + DAY * 100, sender=dao)
    beside = desk.running(runs, job=digest("beside"))
    job = desk.disputed(runs)
    decide = escrow.decide
    assert moves(lambda: decide(job, share, RESULT, sender=curator), treasury, author, service, buyer) == paid
    assert desk.record(beside).status == RUNNING


def test_a_decision_has_a_reason_and_a_judge(
    escrow: Any, desk: Desk, dao: Any, curator: Any, stranger: Any, runs: int
) -> None:
    job = desk.disputed(runs)
    assert refusal(escrow.decide, job, 0, RESULT, sender=curator) == ("AccessManagedUnauthorized", curator)
    assert refusal(escrow.decide, job, 10_001, RESULT, sender=dao) == ("InvalidShare", 10_001)
    assert refusal(escrow.decide, job, 0, bytes(32), sender=dao) == ("EmptyReason",)
    tx = escrow.decide(job, 10_000, RESULT, sender=dao)
    assert logs(tx, escrow.JobDecided) == [{"id": escrow.idOf(job), "judge": dao, "payBps": 10_000, "reason": RESULT}]
    assert logs(tx, escrow.JobClosed)[0]["ending"] == DECIDED


def test_a_council_has_its_time(escrow: Any, dao: Any, curator: Any, stranger: Any) -> None:
    until = now() + DAY
    assert refusal(escrow.nameCouncil, curator, until, sender=curator)[0] == "AccessManagedUnauthorized"
    assert refusal(escrow.nameCouncil, curator, now() + 366 * DAY, sender=dao)[0] == "CouncilTooLong"
    tx = escrow.nameCouncil(curator, until, sender=dao)
    assert logs(tx, escrow.CouncilNamed) == [{"council": curator, "until": until}]
    chain.mine(timestamp=until)
    assert escrow.council() == curator
    chain.mine(timestamp=until + 1)
    assert escrow.council() == ZERO_ADDRESS


def test_a_judge_decides_no_job_but_a_disputed_one(escrow: Any, desk: Desk, dao: Any, runs: int) -> None:
    """judge_other_job: open, running, delivered and closed ones are nobody's but the parties'."""
    for make, status in (
        (desk.open, OPEN),
        (desk.running, RUNNING),
        (desk.delivered, DELIVERED),
    ):
        job = make(runs, job=digest(f"job {status}"))
        assert refusal(escrow.decide, job, 0, RESULT, sender=dao) == ("JobIs", escrow.idOf(job), status)
    job = desk.disputed(runs)
    escrow.decide(job, 0, RESULT, sender=dao)
    assert refusal(escrow.decide, job, 0, RESULT, sender=dao) == ("JobIs", escrow.idOf(job), CLOSED)


def test_nobody_is_judge_in_their_own_case(
    escrow: Any, desk: Desk, dao: Any, buyer: Any, service: Any, runs: int
) -> None:
    job = desk.disputed(runs)
    for party in (buyer, service):
        escrow.nameCouncil(party, now() + DAY, sender=dao)
        assert refusal(escrow.decide, job, 10_000, RESULT, sender=party) == ("JudgeIsParty", party)


def test_a_dispute_that_nobody_decides_lapses(
    escrow: Any, desk: Desk, buyer: Any, service: Any, author: Any, stranger: Any, moves: Any, runs: int
) -> None:
    """lapse: as it was delivered, and each takes back what it put up."""
    job = desk.disputed(runs)
    end = desk.record(job).since + 90 * DAY
    assert refusal(escrow.lapse, job, sender=stranger) == ("TooEarly", end)
    chain.mine(timestamp=end + 1)
    paid = moves(lambda: escrow.lapse(job, sender=stranger), author, service, buyer, escrow)
    assert paid == [11_700_000, BOND, BOND, -TOTAL - 2 * BOND]


# Payees and tokens that misbehave


def test_a_payee_who_cannot_be_paid_holds_up_nobody(
    project: Any,
    registry: Any,
    escrow: Any,
    desk: Desk,
    dao: Any,
    buyer: Any,
    service: Any,
    author: Any,
    treasury: Any,
    stranger: Any,
    publish: Any,
) -> None:
    """blocked_payee: it waits in the ledger, and anybody may have it sent once that is possible."""
    token = dao.deploy(project.BlockingToken)
    registry.setPaymentToken(token, True, sender=dao)
    for account in (buyer, service):
        token.mint(account, 100 * DOLLAR, sender=dao)
        token.approve(escrow, 2**256 - 1, sender=account)
    index = [one.token for one in registry.paymentTokens()].index(token.address)
    job = desk.delivered(publish(run(escrow, token=index)))
    for account in (author, service):
        token.setBlocked(account, True, sender=dao)
    tx = escrow.settle(job, sender=buyer)
    assert [(log["payee"], log["amount"]) for log in logs(tx, escrow.Parked)] == [(author, 11_700_000), (service, BOND)]
    assert held_by(treasury, token) == 300_000
    token.setBlocked(service, False, sender=dao)
    escrow.claim(token, service, service, sender=stranger)
    assert held_by(service, token) == 100 * DOLLAR and escrow.owedTo(token, author) == 11_700_000


def test_an_ending_without_gas_for_its_payments_is_undone(escrow: Any, desk: Desk, buyer: Any, runs: int) -> None:
    job = desk.open(runs)
    assert refusal(escrow.cancel, job, sender=buyer, gas=300_000)[0] == "NotEnoughGas"


def test_a_payee_cannot_come_back_in(project: Any, escrow: Any, desk: Desk, dao: Any, buyer: Any, publish: Any) -> None:
    """hook_token_reenters: while one job is paid out, no other act on it or its neighbour goes through."""
    thief = dao.deploy(project.Reentrant)
    asset_id = publish(run(escrow, 10**9, token=NATIVE), payout=thief)
    first, second = (
        desk.running(asset_id, value=6 * 10**9, bond=10**9, bond_in_coin=10**9, job=digest(f"job {number}"))
        for number in range(2)
    )
    at(desk.record(second).since + RUN)
    escrow.deliver(first, RESULT, RUN, sender=desk.host)
    for call in (
        escrow.settle.encode_input(first),
        escrow.expire.encode_input(second),
        escrow.lapse.encode_input(first),
        escrow.claim.encode_input(ZERO_ADDRESS, thief, thief),
    ):
        thief.arm(escrow, 0, call, sender=dao)
        snapshot = chain.snapshot()
        escrow.settle(first, sender=buyer)
        assert (thief.attempts(), thief.successes(), thief.answer()) == (1, 0, GUARDED)
        assert held_by(escrow) == 7 * 10**9
        chain.restore(snapshot)


def test_a_contract_hosts_by_the_word_of_its_code(
    project: Any, escrow: Any, desk: Desk, dao: Any, buyer: Any, runs: int
) -> None:
    """A host that is a Safe signs by ERC-1271."""
    wallet = dao.deploy(project.MockWallet, desk.host)
    offer = desk.offer(runs, host=wallet)
    signature = desk.signed(offer)
    assert allowed(escrow.open, desk.order(offer, signature=signature), sender=buyer)
    assert escrow.hashOffer(offer) != escrow.hashOffer(desk.offer(runs))


def test_what_a_contract_does_is_its_own(
    project: Any, escrow: Any, desk: Desk, dollar: Any, dao: Any, buyer: Any, service: Any, runs: int
) -> None:
    """A party is whom the job names, not whoever gets a party to call; and a contract orders and judges itself."""
    machine = dao.deploy(project.Reentrant)
    job = desk.delivered(runs)
    end = desk.record(job).since + REVIEW
    assert refused(machine, escrow, escrow.settle.encode_input(job), buyer) == ("TooEarly", end)
    dispute = escrow.dispute.encode_input(job, RESULT)
    assert refused(machine, escrow, dispute, buyer) == ("NotParty", buyer, machine)
    escrow.dispute(job, RESULT, sender=buyer)
    escrow.nameCouncil(machine, now() + DAY, sender=dao)
    tx = machine.act(escrow, 0, escrow.decide.encode_input(job, 10_000, RESULT), sender=service)
    assert logs(tx, escrow.JobDecided)[0]["judge"] == machine

    dollar.mint(machine, TOTAL, sender=dao)
    machine.act(dollar, 0, dollar.approve.encode_input(escrow, TOTAL), sender=buyer)
    theirs = Desk(escrow, service, machine)
    order = escrow.open.encode_input(theirs.order(theirs.offer(runs)))
    before = held_by(buyer, dollar)
    tx = machine.act(escrow, 0, order, sender=buyer)
    job = logs(tx, escrow.JobOpened)[0]["job"]
    assert (held_by(machine, dollar), held_by(buyer, dollar)) == (0, before)
    machine.act(escrow, 0, escrow.cancel.encode_input(job), sender=buyer)
    assert (held_by(machine, dollar), held_by(buyer, dollar)) == (TOTAL, before)
