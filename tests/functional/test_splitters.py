"""SplitterFactory and RevenueSplitter: exact shares, in any order, in one go or in chunks, and nothing is ever lost."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_utils import to_checksum_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .support import DOLLAR, UNIT, decode_error, held_by, logs, refusal, share_table, untouched

MOST_PAYEES = 256
MOST_SHARE = 2**32 - 1
MOST_MONEY = 2**120 - 1
TRANSACTION_GAS = 2**24
"""What one transaction may use (EIP-7825)."""

RELAXED = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
NATIVE_COIN = ZERO_ADDRESS

fresh = count()


def payees(number: int) -> list[str]:
    """Accounts that no other splitter knows."""
    return untouched(number, f"group {next(fresh)}, member")


@pytest.fixture(params=["native", "dollars"])
def money(request: Any, dollar: Any) -> Any:
    """None for the native coin, or the dollar."""
    return None if request.param == "native" else dollar


@pytest.fixture
def send(dollar: Any, dao: Any) -> Any:
    """`send(money, receiver, amount)` brings new money."""

    def bring(money: Any, receiver: Any, amount: int) -> None:
        if money is None:
            dao.transfer(receiver, amount)
        else:
            money.mint(receiver, amount, sender=dao)

    return bring


def address_of(money: Any) -> str:
    return str(money.address) if money is not None else str(NATIVE_COIN)


def owed(shares: dict[Any, int], total: int) -> list[int]:
    """What each payee has had when `total` has been divided, in the order of `shares`."""
    return [total * share // sum(shares.values()) for share in shares.values()]


# The factory


def test_a_splitter_is_made_at_the_address_that_was_foretold(project: Any, factory: Any, stranger: Any) -> None:
    table = share_table(dict(zip(payees(3), (5, 1, MOST_SHARE), strict=True)))
    address = factory.splitterOf(table)
    assert not project.provider.get_code(address)
    tx = factory.createSplitter(table, sender=stranger)
    event = logs(tx, factory.SplitterCreated)[0]
    assert event["splitter"] == address
    rows = [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in event["shares"]]
    assert [(to_checksum_address(payee), share) for payee, share in rows] == table
    assert factory.splitterOf(table) == address
    splitter = project.RevenueSplitter.at(address)
    accounts, shares = splitter.payees()
    assert list(zip(accounts, shares, strict=True)) == table


def test_a_splitter_made_twice_is_the_same_one(factory: Any, stranger: Any, buyer: Any) -> None:
    table = share_table(dict.fromkeys(payees(2), 1))
    factory.createSplitter(table, sender=stranger)
    address = factory.splitterOf(table)
    again = factory.createSplitter(table, sender=buyer)
    assert logs(again, factory.SplitterCreated) == []
    assert again.return_value in (address, None)
    assert factory.splitterOf(table) == address


def test_any_other_payee_or_share_is_another_splitter(factory: Any) -> None:
    one, two, three = payees(3)
    tables = [
        [(one, 1), (two, 1)],
        [(one, 1), (two, 2)],
        [(one, 2), (two, 2)],
        [(one, 1), (three, 1)],
        [(one, 1)],
        [(one, 1), (two, 1), (three, 1)],
    ]
    assert len({factory.splitterOf(table) for table in tables}) == len(tables)


@pytest.mark.parametrize("method", ["createSplitter", "splitterOf"])
def test_a_splitter_has_1_to_256_payees(factory: Any, stranger: Any, method: str) -> None:
    call = getattr(factory, method)
    assert refusal(call, [], sender=stranger) == ("InvalidPayeeCount", 0, MOST_PAYEES)
    many = [(payee, 1) for payee in payees(MOST_PAYEES + 1)]
    assert refusal(call, many, sender=stranger) == ("InvalidPayeeCount", MOST_PAYEES + 1, MOST_PAYEES)
    assert factory.splitterOf(many[:1]) != factory.splitterOf(many[:MOST_PAYEES])


@pytest.mark.parametrize("method", ["createSplitter", "splitterOf"])
def test_payees_ascend_and_shares_are_more_than_zero(factory: Any, stranger: Any, method: str) -> None:
    call = getattr(factory, method)
    one, two, three = payees(3)
    for table, expected in (
        ([(two, 1), (one, 1)], ("PayeesNotAscending", two, one)),
        ([(one, 1), (one, 1)], ("PayeesNotAscending", one, one)),
        ([(one, 1), (three, 1), (two, 1)], ("PayeesNotAscending", three, two)),
        ([(ZERO_ADDRESS, 1), (one, 1)], ("PayeesNotAscending", ZERO_ADDRESS, ZERO_ADDRESS)),
        ([(one, 1), (two, 0)], ("EmptyShare", two)),
        ([(one, 0)], ("EmptyShare", one)),
    ):
        assert refusal(call, table, sender=stranger) == expected


def test_nothing_of_a_splitter_can_be_set(project: Any, factory: Any) -> None:
    """Nobody owns it: besides receiving, it can distribute and be claimed from, and that is all."""
    acts = {method.name for method in project.RevenueSplitter.contract_type.mutable_methods}
    assert acts == {"distribute", "distributeChunk", "claim"}
    assert {method.name for method in project.LineageSplitter.contract_type.mutable_methods} == acts | {"claimFor"}
    assert {method.name for method in factory.contract_type.mutable_methods} == {"createSplitter"}


# Paying


def test_each_payee_gets_its_share(split: Any, send: Any, stranger: Any, money: Any) -> None:
    token = address_of(money)
    shares = dict(zip(payees(4), (1, 2, 3, 4), strict=True))
    splitter = split(shares)
    send(money, splitter, 1_000)
    assert [splitter.pending(token, payee) for payee in shares] == [100, 200, 300, 400]
    tx = splitter.distribute(token, sender=stranger)
    assert logs(tx, splitter.Distributed) == [{"token": token, "amount": 1_000}]
    assert logs(tx, splitter.Parked) == []
    assert [held_by(payee, money) for payee in shares] == [100, 200, 300, 400]
    assert (held_by(splitter, money), splitter.received(token)) == (0, 1_000)
    assert [splitter.pending(token, payee) for payee in shares] == [0, 0, 0, 0]


def test_when_nothing_has_come_nothing_is_said(split: Any, send: Any, stranger: Any, money: Any) -> None:
    token = address_of(money)
    splitter = split(dict.fromkeys(payees(2), 1))
    for amount in (0, 10):
        send(money, splitter, amount)
        splitter.distribute(token, sender=stranger)
        for again in (splitter.distribute(token, sender=stranger), splitter.distributeChunk(token, 1, sender=stranger)):
            assert logs(again, splitter.Distributed) == []


def test_less_than_a_unit_for_each_waits_until_it_makes_one(split: Any, send: Any, stranger: Any, money: Any) -> None:
    token = address_of(money)
    shares = dict.fromkeys(payees(3), 1)
    splitter = split(shares)
    for total in range(1, 10):
        send(money, splitter, 1)
        splitter.distribute(token, sender=stranger)
        assert [held_by(payee, money) for payee in shares] == [total // 3] * 3
        assert (held_by(splitter, money), splitter.received(token)) == (total % 3, total)


def test_the_smallest_beside_the_largest_share_gets_its_due(split: Any, send: Any, stranger: Any) -> None:
    small, large = payees(2)
    shares = {small: 1, large: MOST_SHARE}
    splitter = split(shares)
    for total in (2**32 - 1, 2**32, 2**33):
        send(None, splitter, total - splitter.received(NATIVE_COIN))
        splitter.distribute(NATIVE_COIN, sender=stranger)
        assert [held_by(payee) for payee in shares] == owed(shares, total)
    assert held_by(small) == 2


@RELAXED
@given(
    weights=st.lists(st.integers(1, MOST_SHARE) | st.integers(1, 9), min_size=1, max_size=9),
    steps=st.lists(st.tuples(st.integers(0, 3) | st.integers(0, 10**30), st.integers(0, 4)), min_size=1, max_size=6),
)
def test_neither_order_nor_frequency_matters(
    project: Any, split: Any, send: Any, stranger: Any, dollar: Any, weights: list[int], steps: list[tuple[int, int]]
) -> None:
    """Money comes, and the whole, a chunk or nothing is distributed; in the end each has the floor of its share."""
    shares = dict(zip(payees(len(weights)), weights, strict=True))
    splitter = split(shares)
    # What came, what has been divided, and the round: up to which total, and who is next.
    total = divided = goal = following = 0
    for amount, chunk in steps:
        send(dollar, splitter, amount)
        total += amount
        if chunk:
            goal = goal if following else total
            size = len(shares) if chunk == 1 else chunk
            if chunk == 1:
                splitter.distribute(dollar, sender=stranger)
            else:
                splitter.distributeChunk(dollar, size, sender=stranger)
            if goal > divided:
                following += size
            if following >= len(shares):
                divided, following = goal, 0
        done, open_ = owed(shares, goal if following else divided), owed(shares, divided)
        had = [dollar.balanceOf(payee) for payee in shares]
        assert had == [*done[:following], *open_[following:]]
        assert sum(had) + dollar.balanceOf(splitter) == total
        assert splitter.received(dollar) == divided
        waiting = [splitter.pending(dollar, payee) for payee in shares]
        assert [a + b for a, b in zip(had, waiting, strict=True)] == owed(shares, total)
    # A round that was begun is finished first; what came meanwhile goes with the next.
    for _ in range(2):
        splitter.distribute(dollar, sender=stranger)
    assert [dollar.balanceOf(payee) for payee in shares] == owed(shares, total)
    assert dollar.balanceOf(splitter) == total - sum(owed(shares, total)) < len(shares)
    assert splitter.received(dollar) == total


@pytest.mark.parametrize("chunks", [[1] * 5, [2, 2, 2], [4, 1], [5], [3, 2**256 - 1], [MOST_PAYEES]])
def test_a_round_in_chunks_of_any_size_pays_what_one_payment_does(
    split: Any, send: Any, stranger: Any, money: Any, chunks: list[int]
) -> None:
    token = address_of(money)
    shares = dict(zip(payees(5), (7, 1, 1, 3, 5), strict=True))
    splitter = split(shares)
    send(money, splitter, 1_003)
    paid = first = 0
    for chunk in chunks:
        tx = splitter.distributeChunk(token, chunk, sender=stranger)
        amount = logs(tx, splitter.Distributed)[0]["amount"]
        paid += amount
        # Whose turn it was is told, unless it was everybody's.
        turn = min(chunk, 5 - first)
        told = [{"token": token, "first": first, "count": turn}] if turn < 5 else []
        assert logs(tx, splitter.ChunkPaid) == told
        first += turn
    assert paid == sum(owed(shares, 1_003))
    assert [held_by(payee, money) for payee in shares] == owed(shares, 1_003)
    assert logs(splitter.distributeChunk(token, 1, sender=stranger), splitter.Distributed) == []


def test_money_that_comes_within_a_round_waits_for_the_next(split: Any, send: Any, stranger: Any, money: Any) -> None:
    token = address_of(money)
    shares = dict.fromkeys(payees(3), 1)
    splitter = split(shares)
    send(money, splitter, 300)
    splitter.distributeChunk(token, 1, sender=stranger)
    send(money, splitter, 30)
    assert splitter.received(token) == 0
    splitter.distributeChunk(token, 1, sender=stranger)
    splitter.distribute(token, sender=stranger)
    assert [held_by(payee, money) for payee in shares] == [100, 100, 100]
    assert splitter.received(token) == 300
    splitter.distribute(token, sender=stranger)
    assert [held_by(payee, money) for payee in shares] == [110, 110, 110]


def test_what_is_pending_within_a_round_is_what_a_payee_will_get(
    split: Any, send: Any, stranger: Any, money: Any
) -> None:
    token = address_of(money)
    shares = dict.fromkeys(payees(3), 1)
    splitter = split(shares)
    send(money, splitter, 300)
    splitter.distributeChunk(token, 1, sender=stranger)
    assert [splitter.pending(token, payee) for payee in shares] == [0, 100, 100]
    send(money, splitter, 30)
    assert [splitter.pending(token, payee) for payee in shares] == [10, 110, 110]


def test_rounds_of_two_tokens_do_not_meet(project: Any, split: Any, send: Any, dollar: Any, stranger: Any) -> None:
    shares = dict.fromkeys(payees(3), 1)
    splitter = split(shares)
    for money in (None, dollar):
        send(money, splitter, 300)
    splitter.distributeChunk(NATIVE_COIN, 2, sender=stranger)
    splitter.distribute(dollar, sender=stranger)
    assert [dollar.balanceOf(payee) for payee in shares] == [100, 100, 100]
    assert [held_by(payee) for payee in shares] == [100, 100, 0]
    splitter.distribute(NATIVE_COIN, sender=stranger)
    assert [held_by(payee) for payee in shares] == [100, 100, 100]


def test_a_chunk_is_one_payee_or_more(split: Any, stranger: Any) -> None:
    splitter = split(dict.fromkeys(payees(2), 1))
    assert refusal(splitter.distributeChunk, NATIVE_COIN, 0, sender=stranger) == ("EmptyChunk",)


def test_money_may_come_before_the_splitter(project: Any, factory: Any, send: Any, stranger: Any, money: Any) -> None:
    token = address_of(money)
    shares = dict.fromkeys(payees(2), 1)
    table = share_table(shares)
    address = factory.splitterOf(table)
    for _ in range(2):
        send(money, address, 500)
    factory.createSplitter(table, sender=stranger)
    project.RevenueSplitter.at(address).distribute(token, sender=stranger)
    assert [held_by(payee, money) for payee in shares] == [500, 500]


@pytest.mark.parametrize("decimals", [0, 2, 6, 24])
def test_any_number_of_decimals_is_divided_exactly(
    project: Any, split: Any, dao: Any, stranger: Any, decimals: int
) -> None:
    token = dao.deploy(project.MockToken, decimals)
    shares = dict(zip(payees(3), (3, 3, 1), strict=True))
    splitter = split(shares)
    total = 12_345 * 10**decimals + 6
    token.mint(splitter, total, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert [token.balanceOf(payee) for payee in shares] == owed(shares, total)


def test_one_payee_gets_everything(split: Any, send: Any, stranger: Any, money: Any) -> None:
    (payee,) = payees(1)
    splitter = split({payee: MOST_SHARE})
    send(money, splitter, 7 * DOLLAR + 1)
    splitter.distribute(address_of(money), sender=stranger)
    assert (held_by(payee, money), held_by(splitter, money)) == (7 * DOLLAR + 1, 0)


def test_more_than_fits_waits_and_blocks_nothing(project: Any, split: Any, dao: Any, stranger: Any) -> None:
    token = dao.deploy(project.MockToken, 18)
    shares = dict(zip(payees(2), (1, MOST_SHARE), strict=True))
    splitter = split(shares)
    token.mint(splitter, 2**255, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert [token.balanceOf(payee) for payee in shares] == owed(shares, MOST_MONEY)
    assert splitter.received(token) == MOST_MONEY
    assert token.balanceOf(splitter) == 2**255 - sum(owed(shares, MOST_MONEY))
    assert logs(splitter.distribute(token, sender=stranger), splitter.Distributed) == []


def test_what_is_no_token_is_not_distributed(split: Any, stranger: Any, factory: Any) -> None:
    splitter = split(dict.fromkeys(payees(2), 1))
    for nothing in (stranger, factory):
        assert refusal(splitter.distribute, nothing, sender=stranger) == ("NotAToken", nothing)


def test_the_implementation_of_splitters_pays_nobody_and_takes_no_coins(
    project: Any, factory: Any, lineage: Any, dollar: Any, dao: Any, stranger: Any
) -> None:
    for implementation in (factory.implementation(), lineage.splitterImplementation()):
        splitter = project.RevenueSplitter.at(implementation)
        assert tuple(map(list, splitter.payees())) == ([], [])
        coins = SimpleNamespace(contract=splitter, encode_input=bytes)
        assert refusal(coins, sender=dao, value=1) == ("NotASplitter",)
        dollar.mint(implementation, DOLLAR, sender=dao)
        assert splitter.pending(dollar, ZERO_ADDRESS) == 0
        tx = splitter.distribute(dollar, sender=stranger)
        assert (logs(tx, splitter.Distributed), dollar.balanceOf(implementation)) == ([], DOLLAR)


# Claims, of those whom a payment did not reach


@pytest.fixture
def refused(project: Any, split: Any, dao: Any, stranger: Any) -> tuple[Any, Any]:
    """A splitter where 100 of the native coin are parked for a contract that takes none, and the contract."""
    wallet = dao.deploy(project.RefusingReceiver)
    splitter = split({wallet: 1, payees(1)[0]: 1})
    dao.transfer(splitter, 200)
    splitter.distribute(NATIVE_COIN, sender=stranger)
    return splitter, wallet


def test_what_is_parked_is_told_and_claimed_elsewhere(
    project: Any, split: Any, dao: Any, buyer: Any, stranger: Any
) -> None:
    wallet = dao.deploy(project.RefusingReceiver)
    (other,) = payees(1)
    splitter = split({wallet: 1, other: 1})
    dao.transfer(splitter, 200)
    tx = splitter.distribute(NATIVE_COIN, sender=stranger)
    assert logs(tx, splitter.Parked) == [{"token": NATIVE_COIN, "payee": wallet, "amount": 100}]
    assert logs(tx, splitter.Distributed) == [{"token": NATIVE_COIN, "amount": 200}]
    assert (held_by(other), splitter.owedTo(NATIVE_COIN, wallet)) == (100, 100)
    assert splitter.pending(NATIVE_COIN, wallet) == 100
    before = buyer.balance
    tx = wallet.act(splitter, splitter.claim.encode_input(NATIVE_COIN, wallet, buyer), sender=stranger)
    assert logs(tx, splitter.Claimed) == [{"token": NATIVE_COIN, "payee": wallet, "to": buyer, "amount": 100}]
    assert (buyer.balance - before, splitter.owedTo(NATIVE_COIN, wallet), held_by(splitter)) == (100, 0, 0)


def test_what_is_parked_is_not_distributed_again(refused: tuple[Any, Any], dao: Any, stranger: Any) -> None:
    splitter, wallet = refused
    assert logs(splitter.distribute(NATIVE_COIN, sender=stranger), splitter.Distributed) == []
    dao.transfer(splitter, 20)
    splitter.distribute(NATIVE_COIN, sender=stranger)
    assert (splitter.owedTo(NATIVE_COIN, wallet), held_by(splitter)) == (110, 110)


def test_only_the_payee_has_it_sent_elsewhere_and_only_what_is_parked(
    refused: tuple[Any, Any], dollar: Any, buyer: Any, stranger: Any
) -> None:
    splitter, wallet = refused
    for thief, to in ((stranger, stranger), (stranger, buyer), (buyer, stranger)):
        got = refusal(splitter.claim, NATIVE_COIN, wallet, to, sender=thief)
        assert got == ("NotPayee", wallet, thief)
    got = refusal(splitter.claim, NATIVE_COIN, stranger, stranger, sender=stranger)
    assert got == ("NothingToClaim", NATIVE_COIN, stranger)
    claim = splitter.claim.encode_input(dollar, wallet, stranger)
    _, _, reason = refusal(wallet.act, splitter, claim, sender=stranger)
    assert decode_error(reason) == ("NothingToClaim", dollar, wallet)


def test_anybody_has_what_is_parked_sent_to_its_payee(
    project: Any, split: Any, dao: Any, editor: Any, seller: Any, stranger: Any
) -> None:
    """A splitter, a vesting wallet and a vault cannot claim: what a token's pause parked for them would never leave."""
    token = dao.deploy(project.BlockingToken)
    team = split({editor: 3, seller: 1})
    vesting = dao.deploy(project.TokenVesting, editor, 1, 1, 1)
    splitter = split({team: 1, vesting: 1})
    token.mint(splitter, 800, sender=dao)
    token.setPaused(True, sender=dao)
    splitter.distribute(token, sender=stranger)
    token.setPaused(False, sender=dao)
    for payee in (team, vesting):
        assert splitter.owedTo(token, payee) == 400
        tx = splitter.claim(token, payee, payee, sender=stranger)
        assert logs(tx, splitter.Claimed) == [{"token": token, "payee": payee, "to": payee, "amount": 400}]
        assert (token.balanceOf(payee), splitter.owedTo(token, payee)) == (400, 0)
    team.distribute(token, sender=stranger)
    assert (token.balanceOf(editor), token.balanceOf(seller), token.balanceOf(splitter)) == (300, 100, 0)


def test_a_claim_goes_to_somebody_who_takes_it(refused: tuple[Any, Any], project: Any, dao: Any, stranger: Any) -> None:
    splitter, wallet = refused
    for to, expected in (
        (ZERO_ADDRESS, ("InvalidClaimReceiver", ZERO_ADDRESS)),
        (splitter, ("InvalidClaimReceiver", splitter)),
        (wallet, ("ClaimRefused", wallet, 100)),
    ):
        _, _, reason = refusal(
            wallet.act, splitter, splitter.claim.encode_input(NATIVE_COIN, wallet, to), sender=stranger
        )
        assert decode_error(reason) == expected
    assert splitter.owedTo(NATIVE_COIN, wallet) == 100


def test_a_claim_within_a_round_takes_nothing_from_the_round(
    project: Any, split: Any, dao: Any, buyer: Any, stranger: Any
) -> None:
    wallet = dao.deploy(project.RefusingReceiver)
    others = payees(4)
    splitter = split(dict.fromkeys([wallet, *others], 1))
    dao.transfer(splitter, 503)
    claim = splitter.claim.encode_input(NATIVE_COIN, wallet, buyer)
    before = buyer.balance
    for _ in range(5):
        splitter.distributeChunk(NATIVE_COIN, 1, sender=stranger)
        if splitter.owedTo(NATIVE_COIN, wallet):
            wallet.act(splitter, claim, sender=stranger)
    assert buyer.balance - before == 100
    assert [held_by(payee) for payee in others] == [100] * 4
    assert (held_by(splitter), splitter.received(NATIVE_COIN)) == (3, 503)


# Many payees


@pytest.mark.parametrize("number", [1, 2, 16, 128, MOST_PAYEES])
def test_any_number_of_payees_is_paid_in_one_transaction(
    split: Any, send: Any, stranger: Any, money: Any, number: int
) -> None:
    token = address_of(money)
    shares = {payee: i + 1 for i, payee in enumerate(payees(number))}
    splitter = split(shares)
    for total in (UNIT + 1, 2 * UNIT + 3):
        send(money, splitter, total - splitter.received(token))
        tx = splitter.distribute(token, sender=stranger)
        assert tx.gas_used < TRANSACTION_GAS
        assert [held_by(payee, money) for payee in shares] == owed(shares, total)


def test_256_payees_are_paid_in_chunks(split: Any, send: Any, stranger: Any, money: Any) -> None:
    token = address_of(money)
    shares = {payee: i + 1 for i, payee in enumerate(payees(MOST_PAYEES))}
    splitter = split(shares)
    send(money, splitter, UNIT + 1)
    for chunk in (100, 100, 100):
        assert splitter.distributeChunk(token, chunk, sender=stranger).gas_used < TRANSACTION_GAS / 2
    assert [held_by(payee, money) for payee in shares] == owed(shares, UNIT + 1)
    assert held_by(splitter, money) == UNIT + 1 - sum(owed(shares, UNIT + 1)) < MOST_PAYEES
