"""Odd tokens, hostile payees and stingy callers: the others are paid at once, and nothing that was due is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ape import chain
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak, to_checksum_address

from ..support import UNIT, held_by, logs, refusal, untouched

NATIVE_COIN = ZERO_ADDRESS
MEGABYTE = 1 << 20
GUARDED = keccak(text="ReentrancyGuardReentrantCall()")[:4]
TRANSACTION_GAS = 2**24
NATIVE_GAS, TOKEN_GAS, PARKING_GAS = 100_000, 300_000, 60_000
NEEDED = {True: NATIVE_GAS * 64 // 63 + PARKING_GAS, False: TOKEN_GAS * 64 // 63 + PARKING_GAS}
"""Gas that must be left before each payee: of the native coin, of a token."""

REVERT, SAY_FALSE, SAY_TWO, SAY_SHORT, BURN_GAS, HUGE_RETURN, HUGE_REVERT = range(1, 8)
GOOD = untouched(2, "good payee")

Act = Callable[..., Any]


@pytest.fixture
def deploy(project: Any, dao: Any) -> Act:
    """`deploy("FeeToken", ...)` deploys a mock."""

    def deploy_mock(name: str, *args: Any) -> Any:
        return dao.deploy(getattr(project, name), *args)

    return deploy_mock


# Odd tokens


@pytest.mark.parametrize("manner", range(REVERT, HUGE_REVERT + 1))
def test_a_payee_whom_a_token_does_not_pay_is_parked_and_the_others_are_paid(
    split: Any, deploy: Act, dao: Any, buyer: Any, editor: Any, stranger: Any, manner: int
) -> None:
    token = deploy("OddToken")
    splitter = split({editor: 2, GOOD[0]: 1, GOOD[1]: 1})
    token.mint(splitter, 403, sender=dao)
    token.setManner([editor], manner, sender=dao)
    tx = splitter.distribute(token, sender=stranger, gas=3_000_000)
    assert [token.balanceOf(payee) for payee in GOOD] == [100, 100]
    assert logs(tx, splitter.Parked) == [{"token": token, "payee": editor, "amount": 201}]
    assert (splitter.owedTo(token, editor), token.balanceOf(splitter)) == (201, 203)
    assert tx.gas_used < 200_000 + TOKEN_GAS + 2 * 60_000
    # The next round leaves what is parked alone; then the payee names another account.
    token.mint(splitter, 1, sender=dao)
    splitter.distribute(token, sender=stranger, gas=3_000_000)
    assert splitter.owedTo(token, editor) == 202
    splitter.claim(token, editor, buyer, sender=editor)
    assert (token.balanceOf(buyer), token.balanceOf(splitter)) == (202, 0)


def test_a_blocked_payee_is_parked_and_claims_elsewhere(
    split: Any, deploy: Act, dao: Any, buyer: Any, editor: Any, stranger: Any
) -> None:
    token = deploy("BlockingToken")
    splitter = split({editor: 1, **dict.fromkeys(GOOD, 1)})
    token.mint(splitter, 300, sender=dao)
    token.setBlocked(editor, True, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert [token.balanceOf(payee) for payee in GOOD] == [100, 100]
    assert refusal(splitter.claim, token, editor, editor, sender=editor) == ("Blocked", editor)
    splitter.claim(token, editor, buyer, sender=editor)
    assert (token.balanceOf(buyer), token.balanceOf(splitter)) == (100, 0)


@pytest.mark.parametrize("everybody", [True, False])
def test_a_paused_token_or_a_blocked_splitter_parks_everything_until_it_moves_again(
    split: Any, deploy: Act, dao: Any, editor: Any, seller: Any, stranger: Any, everybody: bool
) -> None:
    token = deploy("BlockingToken")
    splitter = split({editor: 1, seller: 3})
    token.mint(splitter, 401, sender=dao)

    def stop(stopped: bool) -> None:
        if everybody:
            token.setPaused(stopped, sender=dao)
        else:
            token.setBlocked(splitter, stopped, sender=dao)

    stop(True)
    splitter.distribute(token, sender=stranger)
    assert [splitter.owedTo(token, who) for who in (editor, seller)] == [100, 300]
    assert refusal(splitter.claim, token, editor, editor, sender=editor)[0] == ("Paused" if everybody else "Blocked")
    stop(False)
    token.mint(splitter, 399, sender=dao)
    splitter.distribute(token, sender=stranger)
    for who in (editor, seller):
        splitter.claim(token, who, who, sender=who)
    assert [token.balanceOf(who) for who in (editor, seller, splitter)] == [200, 600, 0]


def test_a_token_that_says_false_to_all_is_parked_and_not_claimed(
    split: Any, deploy: Act, dao: Any, editor: Any, stranger: Any
) -> None:
    token = deploy("FalseToken")
    splitter = split({editor: 1, GOOD[0]: 1})
    token.mint(splitter, 200, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert splitter.owedTo(token, editor) == 100
    assert refusal(splitter.claim, token, editor, editor, sender=editor) == ("SafeERC20FailedOperation", token)


def test_a_fee_on_transfer_is_borne_by_each_payee_alone(split: Any, deploy: Act, dao: Any, stranger: Any) -> None:
    token = deploy("FeeToken")
    splitter = split({GOOD[0]: 1, GOOD[1]: 3})
    token.mint(dao, 100_000, sender=dao)
    total = 0
    for amount in (40_000, 999, 1):
        token.transfer(splitter, amount, sender=dao)
        # What arrived counts, not what was sent.
        total += amount - amount // 100
        splitter.distribute(token, sender=stranger)
        assert splitter.received(token) == total
    shares = total // 4, total * 3 // 4
    assert token.balanceOf(splitter) == total - sum(shares)
    first, second = (token.balanceOf(payee) for payee in GOOD)
    assert shares[0] * 99 // 100 <= first <= shares[0] and shares[1] * 99 // 100 <= second <= shares[1]


def test_a_token_without_return_value_pays(split: Any, deploy: Act, dao: Any, stranger: Any) -> None:
    token = deploy("NoReturnToken")
    splitter = split(dict.fromkeys(GOOD, 1))
    token.mint(splitter, 201, sender=dao)
    tx = splitter.distribute(token, sender=stranger)
    assert logs(tx, splitter.Parked) == []
    assert [token.balanceOf(payee) for payee in GOOD] == [100, 100]


def test_a_token_whose_answers_cost_too_much_is_parked_and_claimed_at_the_claimants_cost(
    split: Any, deploy: Act, dao: Any, editor: Any, seller: Any, stranger: Any
) -> None:
    token = deploy("HugeReturnToken")
    splitter = split({editor: 1, seller: 1})
    token.mint(splitter, 200, sender=dao)
    tx = splitter.distribute(token, sender=stranger, gas=2_000_000)
    assert tx.gas_used < 900_000
    assert [splitter.owedTo(token, who) for who in (editor, seller)] == [100, 100]
    for who in (editor, seller):
        splitter.claim(token, who, who, sender=who, gas=5_000_000)
    assert [token.balanceOf(who) for who in (editor, seller, splitter)] == [100, 100, 0]


@pytest.mark.parametrize("index", [0, 10**17, UNIT // 2, UNIT - 1])
def test_a_token_that_shrinks_pays_what_is_left_and_goes_on(
    split: Any, deploy: Act, dao: Any, editor: Any, seller: Any, stranger: Any, index: int
) -> None:
    """What is parked is owed in full, and paid as far as there is something; later income is divided as ever."""
    token = deploy("RebasingToken")
    splitter = split({editor: 1, seller: 1})
    token.mint(splitter, 1_000, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert [token.balanceOf(who) for who in (editor, seller)] == [500, 500]
    token.mint(splitter, 1_000, sender=dao)
    token.rebase(max(index, 1), sender=dao)
    waiting = token.balanceOf(splitter)
    before = [token.balanceOf(who) for who in (editor, seller)]
    splitter.distribute(token, sender=stranger)
    after = [token.balanceOf(who) for who in (editor, seller)]
    # Rounded by the token: a unit each at most.
    assert all(abs(b - a - waiting // 2) <= 1 for a, b in zip(before, after, strict=True))
    assert splitter.received(token) == 1_000 + waiting


def test_parked_money_that_shrank_is_claimed_as_far_as_it_goes_and_new_money_fills_it_up(
    split: Any, deploy: Act, project: Any, dao: Any, editor: Any, seller: Any, buyer: Any, stranger: Any
) -> None:
    token = deploy("RebasingToken")
    splitter = split({editor: 1, seller: 1})
    token.mint(splitter, 1_000, sender=dao)
    token.setBlocked(editor, True, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert (token.balanceOf(seller), splitter.owedTo(token, editor)) == (500, 500)
    token.rebase(UNIT * 4 // 10, sender=dao)
    # 200 are left of 500: that much is paid now, 300 stay owed, and new money makes up for them first.
    assert token.balanceOf(splitter) == 200
    assert logs(splitter.distribute(token, sender=stranger), splitter.Distributed) == []
    splitter.claim(token, editor, buyer, sender=editor)
    assert (token.balanceOf(buyer), splitter.owedTo(token, editor)) == (200, 300)
    # 400 more: 300 cover the debt, 100 are divided; the blocked half of them is parked.
    token.mint(splitter, 400, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert splitter.owedTo(token, editor) == 350
    assert token.balanceOf(splitter) == 350
    splitter.claim(token, editor, buyer, sender=editor)
    assert (token.balanceOf(buyer), token.balanceOf(splitter)) == (550, 0)


def test_a_token_that_shrinks_within_a_round_parks_what_is_missing(
    split: Any, deploy: Act, dao: Any, editor: Any, seller: Any, stranger: Any
) -> None:
    token = deploy("RebasingToken")
    splitter = split({editor: 1, seller: 1})
    token.mint(splitter, 1_000, sender=dao)
    splitter.distributeChunk(token, 1, sender=stranger)
    token.rebase(UNIT // 2, sender=dao)
    splitter.distributeChunk(token, 1, sender=stranger)
    last = seller if splitter.owedTo(token, seller) else editor
    assert (splitter.owedTo(token, last), token.balanceOf(splitter)) == (500, 250)
    splitter.claim(token, last, last, sender=last)
    assert (splitter.owedTo(token, last), token.balanceOf(splitter)) == (250, 0)


def test_one_bad_token_does_not_touch_the_others(split: Any, deploy: Act, dollar: Any, dao: Any, stranger: Any) -> None:
    bad = deploy("OddToken")
    splitter = split(dict.fromkeys(GOOD, 1))
    bad.setManner(GOOD, BURN_GAS, sender=dao)
    for token in (bad, dollar):
        token.mint(splitter, 200, sender=dao)
    dao.transfer(splitter, 200)
    for token in (bad.address, dollar.address, NATIVE_COIN):
        splitter.distribute(token, sender=stranger, gas=5_000_000)
    assert [dollar.balanceOf(payee) for payee in GOOD] == [held_by(payee) for payee in GOOD] == [100, 100]
    assert [splitter.owedTo(bad, payee) for payee in GOOD] == [100, 100]
    assert [splitter.owedTo(dollar, payee) for payee in GOOD] == [0, 0]


# Native payees


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("RefusingReceiver", ()),
        ("BurningReceiver", ()),
        ("BombReceiver", (MEGABYTE, False)),
        ("BombReceiver", (MEGABYTE, True)),
        ("BombReceiver", (150_000, True)),
        ("FalseToken", ()),
    ],
)
def test_a_hostile_payee_is_parked_at_bounded_cost_and_the_others_are_paid(
    split: Any, deploy: Act, dao: Any, stranger: Any, name: str, args: Any
) -> None:
    bad = deploy(name, *args)
    splitter = split({bad: 1, GOOD[0]: 1, GOOD[1]: 1})
    for total in (300, 600):
        dao.transfer(splitter, 300)
        tx = splitter.distribute(NATIVE_COIN, sender=stranger, gas=1_000_000)
        assert [held_by(payee) for payee in GOOD] == [total // 3] * 2
        assert splitter.owedTo(NATIVE_COIN, bad) == total // 3 == held_by(splitter)
        assert tx.gas_used < 100_000 + NATIVE_GAS + 2 * 40_000


def test_a_payee_with_a_long_answer_that_fits_its_gas_is_paid(split: Any, deploy: Act, dao: Any, stranger: Any) -> None:
    talker = deploy("BombReceiver", 190_000, False)
    splitter = split({talker: 1, GOOD[0]: 1})
    dao.transfer(splitter, 200)
    splitter.distribute(NATIVE_COIN, sender=stranger, gas=1_000_000)
    assert (talker.balance, held_by(GOOD[0])) == (100, 100)


# Re-entrancy


@pytest.fixture
def attacker(project: Any, stranger: Any, system: None) -> Any:
    return stranger.deploy(project.Reentrant)


@pytest.mark.parametrize("act", ["distribute", "distributeChunk", "claim"])
@pytest.mark.parametrize("kind", ["native", "hook"])
def test_a_payee_gains_nothing_by_calling_back(
    split: Any, deploy: Act, attacker: Any, dao: Any, stranger: Any, kind: str, act: str
) -> None:
    token = deploy("CallbackToken") if kind == "hook" else None
    address = token.address if token else NATIVE_COIN
    splitter = split({attacker: 1, GOOD[0]: 1, GOOD[1]: 1})
    args = {"distribute": (), "distributeChunk": (1,), "claim": (attacker, attacker)}[act]
    attacker.arm(splitter, 0, getattr(splitter, act).encode_input(address, *args), sender=stranger)
    if token:
        token.mint(splitter, 300, sender=dao)
    else:
        dao.transfer(splitter, 300)
    splitter.distribute(address, sender=stranger, gas=3_000_000)
    assert (attacker.attempts(), attacker.successes(), attacker.answer()) == (1, 0, GUARDED)
    assert [held_by(who, token) for who in (attacker, *GOOD, splitter)] == [100, 100, 100, 0]


@pytest.mark.parametrize("kind", ["native", "hook"])
def test_nobody_is_told_what_is_pending_while_it_is_paid(
    split: Any, deploy: Act, attacker: Any, dao: Any, stranger: Any, kind: str
) -> None:
    """Half of the money would count twice: as paid, and as what is still there."""
    token = deploy("CallbackToken") if kind == "hook" else None
    address = token.address if token else NATIVE_COIN
    splitter = split({attacker: 1, GOOD[0]: 1, GOOD[1]: 1})
    attacker.arm(splitter, 0, splitter.pending.encode_input(address, GOOD[0]), sender=stranger)
    if token:
        token.mint(splitter, 300, sender=dao)
    else:
        dao.transfer(splitter, 300)
    splitter.distribute(address, sender=stranger, gas=3_000_000)
    assert (attacker.attempts(), attacker.successes(), attacker.answer()) == (1, 0, GUARDED)
    assert splitter.pending(address, GOOD[0]) == 0


def test_a_claim_of_native_coin_cannot_be_repeated_within_itself(
    split: Any, attacker: Any, dao: Any, stranger: Any, deploy: Act
) -> None:
    """The attacker is parked while it burns its gas, then claims to itself and tries to claim again."""
    splitter = split({attacker: 1, GOOD[0]: 1})
    dao.transfer(splitter, 200)
    burner = deploy("BurningReceiver")
    # Armed at a contract that burns whatever it is given, the attacker runs out of gas and is parked.
    attacker.arm(burner, 0, b"", sender=stranger)
    splitter.distribute(NATIVE_COIN, sender=stranger, gas=2_000_000)
    assert splitter.owedTo(NATIVE_COIN, attacker) == 100
    claim = splitter.claim.encode_input(NATIVE_COIN, attacker, attacker)
    attacker.arm(splitter, 0, claim, sender=stranger)
    attacker.act(splitter, 0, claim, sender=stranger)
    assert (attacker.attempts(), attacker.successes(), attacker.answer()) == (1, 0, GUARDED)
    assert (attacker.balance, held_by(splitter), held_by(GOOD[0])) == (100, 0, 100)


# Stingy callers


@pytest.mark.parametrize("native", [True, False])
def test_little_gas_makes_no_payment_fail(split: Any, deploy: Act, dao: Any, stranger: Any, native: bool) -> None:
    """The payee needs nearly all of its allowance. Whatever gas a caller gives, it is paid or nothing happens."""
    hungry = deploy("BombReceiver", 190_000, False)
    token = deploy("HungryToken", 270_000) if not native else None
    address = token.address if token else NATIVE_COIN
    splitter = split({hungry: 1, GOOD[0]: 1, GOOD[1]: 1})
    if token:
        token.mint(splitter, 300, sender=dao)
    else:
        dao.transfer(splitter, 300)
    outcomes = set()
    for gas in range(60_000, 1_500_000 if token else 600_000, 35_000 if token else 9_000):
        outcome = _outcome(splitter, address, stranger, gas)
        if outcome != "words":
            outcomes.add(outcome)
            continue
        got = refusal(splitter.distribute, address, sender=stranger, gas=gas)
        if got != ("",):
            name, left, needed = got
            assert (name, needed) == ("NotEnoughGas", NEEDED[native])
            assert left < needed
            outcomes.add("refused")
    assert outcomes == {"refused", "paid"}


def _outcome(splitter: Any, token: str, sender: Any, gas: int) -> str:
    """What would happen with this much gas: refused with words, or all are paid. Nothing may be parked."""
    call = {"from": sender.address, "to": splitter.address, "gas": hex(gas)}
    call["data"] = "0x" + bytes(splitter.distribute.encode_input(token)).hex()
    try:
        chain.provider.web3.eth.call(call)
    except Exception:
        return "words"
    snapshot = chain.snapshot()
    tx = splitter.distribute(token, sender=sender, gas=gas)
    assert logs(tx, splitter.Parked) == []
    chain.restore(snapshot)
    return "paid"


# 256 of the worst


@pytest.mark.parametrize("native", [True, False])
def test_256_payees_who_all_burn_their_gas_are_parked_in_chunks(
    split: Any, deploy: Act, dao: Any, stranger: Any, native: bool
) -> None:
    """The dearest round that there can be: each chunk fits a transaction, and everything is still there after it."""
    swarm = deploy("Swarm")
    # One byte, INVALID, which takes all the gas that there is.
    burner = bytes.fromhex("60fe5f526001601ff3")
    made = logs(swarm.hatchCode(256, burner, sender=stranger, gas=25_000_000), swarm.Hatched)[0]["contracts"]
    payees = [to_checksum_address(address) for address in made]
    splitter = split(dict.fromkeys(payees, 1))
    if native:
        token, chunk = NATIVE_COIN, 100
        dao.transfer(splitter, 256 * 5 + 1)
    else:
        odd = deploy("OddToken")
        for start in range(0, 256, 128):
            odd.setManner(payees[start : start + 128], BURN_GAS, sender=dao, gas=10_000_000)
        odd.mint(splitter, 256 * 5 + 1, sender=dao)
        token, chunk = odd.address, 40
    for _ in range(0, 256, chunk):
        tx = splitter.distributeChunk(token, chunk, sender=stranger, gas=TRANSACTION_GAS)
        assert tx.gas_used < TRANSACTION_GAS
    assert {splitter.owedTo(token, payee) for payee in payees[::15]} == {5}
    assert splitter.received(token) == 256 * 5 + 1


# Arrivals from odd places


def test_nobody_is_paid_for_distributing(split: Any, dollar: Any, dao: Any, stranger: Any) -> None:
    splitter = split(dict.fromkeys(GOOD, 1))
    dollar.mint(splitter, 200, sender=dao)
    before = dollar.balanceOf(stranger)
    splitter.distribute(dollar, sender=stranger)
    assert dollar.balanceOf(stranger) == before
    assert refusal(splitter.distribute, NATIVE_COIN, sender=stranger, value=1) == ("",)


def test_two_splitters_that_pay_each_other_come_to_an_end(
    split: Any, project: Any, factory: Any, dao: Any, editor: Any, stranger: Any
) -> None:
    inner = split({editor: 1, GOOD[0]: 1})
    outer = split({inner: 1, GOOD[1]: 1})
    dao.transfer(outer, 400)
    before = editor.balance
    for splitter in (outer, inner, outer, inner):
        splitter.distribute(NATIVE_COIN, sender=stranger)
    assert (editor.balance - before, held_by(GOOD[0]), held_by(GOOD[1])) == (100, 100, 200)
    assert held_by(inner) == held_by(outer) == 0
