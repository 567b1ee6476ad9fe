"""Random walks over splitters in step with their model, on every token and every payee that may go wrong.

`DEEP_SECONDS` walks further and each time elsewhere (see `profile`).
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import invariant

from .evm import Contract
from .model import COIN
from .profile import may_miss, walk
from .splitter_machine import ALL, BASE, CROWD, LineageMachine, SplitterMachine, share_sizes
from .splitter_model import LIMIT
from .world import AUTHOR, DAO, STRANGER


class Checks(SplitterMachine):
    """After each step, what the splitter holds, paid, parked and tells is what the model has."""

    @invariant()
    def the_chain_is_the_model(self) -> None:
        for token in self.tokens:
            if token.address in self.touched:
                self.money_is_where_the_model_has_it(token.address)
                if self.made():
                    self.each_has_its_share_of_all_that_came(token.address)
        self.touched = set()

    def money_is_where_the_model_has_it(self, address: str) -> None:
        token = next(one for one in self.tokens if one.address == address)
        for account in self.accounts():
            assert self.balance(token, account) == token.balances[account]

    def each_has_its_share_of_all_that_came(self, address: str) -> None:
        token = next(one for one in self.tokens if one.address == address)
        model, books = self.model, self.model.books[address]
        payees = self.payees()
        words = self.chain.words
        assert words(self.contract, "received", address) == (books.counted,)
        parked = 0
        for account in dict.fromkeys([*payees[:16], *payees[-16:], *books.parked, AUTHOR]):
            assert words(self.contract, "owedTo", address, account) == (books.parked[account],)
            assert words(self.contract, "pending", address, account) == (model.pending(token, account),)
            parked += books.parked[account]
        # Nothing comes from nowhere and nothing is lost: what came is out, parked, or waits to be divided.
        held, out = self.balance(token, self.splitter), sum(books.out.values())
        total = held + out
        given = sum(books.given)
        assert held >= parked, "more is parked than there is"
        assert given == out + parked
        # No payee is a unit or more from its ideal share, of what its place in the round has divided.
        open_total, turn = books.round or (books.counted, 0)
        assert max(books.counted, open_total) <= min(total, LIMIT)
        for i, share in enumerate(model.shares if model.sum else ()):
            base = open_total if i < turn else books.counted
            assert base * share - model.sum < books.given[i] * model.sum <= base * share
        if books.round is None and model.sum:
            assert 0 <= books.counted - given < len(model.shares), "dust"
        assert self.chain.call(self.contract, "payees") == (tuple(payees), model.shares)


class CheckedLineage(Checks, LineageMachine):
    pass


# What the walks must have seen, all together, for their silence to mean anything.
SEEN = {
    ("arrive", "done"), ("arrive", "refused"), ("distribute", "done"), ("distributeChunk", "done"),
    ("distributeChunk", "EmptyChunk"), ("distribute with little gas", "done"),
    ("distribute with little gas", "NotEnoughGas"), ("claim", "done"), ("claim", "NothingToClaim"),
    ("claim", "InvalidClaimReceiver"), ("claim", "ClaimRefused"), ("claim", "Blocked"), ("claim", "Paused"),
    ("claim", "SafeERC20FailedOperation"), ("claim", "NotPayee"), ("event", "Distributed"), ("event", "ChunkPaid"),
    ("event", "Parked"), ("event", "Claimed"),
}  # fmt: skip


@pytest.mark.parametrize("machine", [Checks, CheckedLineage])
def test_splitter_and_model_never_disagree(machine: type[SplitterMachine]) -> None:
    SplitterMachine.tally.clear()
    steps = walk(machine, examples=250, steps=40)
    missing = SEEN - set(SplitterMachine.tally)
    assert len(missing) <= may_miss(steps, 4), f"never seen: {missing}"
    if machine is CheckedLineage:
        missing = {("claimFor", "done"), ("claimFor", "NoPayout")} - set(SplitterMachine.tally)
        assert len(missing) <= may_miss(steps, 0), f"never seen: {missing}"


@pytest.mark.parametrize("name", ["coin", "wary"])
def test_no_payment_fails_because_too_little_gas_was_given(name: str) -> None:
    """Both refuse cheaply when they get less than what a splitter promises, so that parking them could be afforded."""
    chain, odd = BASE.chain, BASE.odd
    with chain.snapshot():
        address = "0x" + BASE.do(BASE.factory, "createSplitter", [(odd.wary, 1)]).data[12:].hex()
        splitter = chain.at("RevenueSplitter", address)
        token = COIN if name == "coin" else odd.contracts[name].address
        if name == "coin":
            chain.send(address, b"", sender=DAO, value=100)
        else:
            BASE.do(odd.contracts[name], "mint", address, 100)
        done = 0
        for gas in range(30_000, 600_000, 3_000):
            with chain.snapshot():
                outcome = chain.transact(splitter, "distribute", token, sender=STRANGER, gas=gas)
                assert chain.call(splitter, "owedTo", token, odd.wary) == 0, gas
                done += outcome.failure is None
        assert done > 10


# Not the one that burns a part of each payment: what it burns depends on how many there are.
TOKENS = ["coin", "LocalDollar", "BlockingToken", "MockToken24", "wordy", "endless", "intruder"]
PLAIN = len(CROWD) // 2


@given(
    shares=st.lists(share_sizes, min_size=1, max_size=8),
    name=st.sampled_from(TOKENS),
    money=st.lists(st.integers(1, 2**100) | st.integers(1, 50), min_size=1, max_size=6),
    steps=st.lists(st.sampled_from([0, 1, 1, 2, 3, ALL]), min_size=6, max_size=6),
    blocked=st.lists(st.integers(0, 7), max_size=2),
)
@settings(derandomize=True, database=None, deadline=None, max_examples=120)
def test_the_same_money_in_other_steps_comes_to_the_same(
    shares: list[int], name: str, money: list[int], steps: list[int], blocked: list[int]
) -> None:
    """One splitter is paid and distributes bit by bit, another with the same shares gets all and distributes once."""
    chain, odd = BASE.chain, BASE.odd
    places = range(len(shares))
    with chain.snapshot():
        homes: list[tuple[list[str], Contract]] = []
        for crowd in (CROWD[:PLAIN], CROWD[PLAIN:]):
            payees = sorted(crowd[: len(shares)], key=lambda account: int(account, 16))
            table = list(zip(payees, shares, strict=True))
            address = BASE.do(BASE.factory, "createSplitter", table).data[12:].hex()
            homes.append((payees, chain.at("RevenueSplitter", "0x" + address)))
        token = COIN if name == "coin" else odd.contracts[name].address
        if name == "BlockingToken":
            for place in blocked:
                BASE.do(odd.contracts[name], "setBlocked", homes[0][0][place % len(shares)], True)

        def pay(splitter: Contract, amount: int) -> None:
            if name == "coin":
                assert chain.send(splitter.address, b"", sender=DAO, value=amount).failure is None
            else:
                BASE.do(odd.contracts[name], "mint", splitter.address, amount)

        def result(payees: list[str], splitter: Contract) -> list[int]:
            def has(account: str) -> int:
                if name == "coin":
                    return chain.balance(account)
                return chain.words(odd.contracts[name], "balanceOf", account)[0]

            parked = [chain.call(splitter, "owedTo", token, payee) for payee in payees]
            return [has(payee) + parked[i] for i, payee in enumerate(payees)]

        (few, slow), (many, fast) = homes
        for amount, step in zip(money, steps, strict=False):
            pay(slow, amount)
            if step:
                BASE.do(slow, "distributeChunk", token, step, sender=STRANGER)
        # The first ends a round that may be open, the second divides what came during it.
        for _ in range(2):
            BASE.do(slow, "distribute", token, sender=STRANGER)
        pay(fast, sum(money))
        BASE.do(fast, "distribute", token, sender=STRANGER)
        assert chain.call(slow, "received", token) == chain.call(fast, "received", token) == min(sum(money), LIMIT)
        assert [result(few, slow)[i] for i in places] == [result(many, fast)[i] for i in places]
