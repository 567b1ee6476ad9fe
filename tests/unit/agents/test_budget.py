"""What an agent may spend in a day: never more, whatever fails, and however many servers draw on one home."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import Registry
from registry.agents.budget import DAY, DayBudget
from registry.chain.fees import Cost
from registry.chain.journal import Journal
from registry.errors import BudgetExceeded, ContractError, InputError, InvalidAmount, PriceChanged, UnknownToken

FEE = Cost(100, 10**15, 10**14, 10**15)


@pytest.fixture
def budget(buyer: Registry) -> DayBudget:
    """20 dollars a day for prices, 0.01 coins for fees."""
    return DayBudget(buyer, ["20 USD"], "0.01 ETH")


def test_what_is_spent_is_gone_and_what_was_only_set_aside_comes_back(buyer: Registry, budget: DayBudget) -> None:
    assert budget.left() == {"USD": "20 USD", "fees": "0.01 ETH"}
    with budget.reserved("buy a month", buyer.amount("15 USD"), FEE) as spent:
        assert budget.left() == {"USD": "5 USD", "fees": "0.008 ETH"}
        spent.tell(buyer.amount("12.5 USD"))
    assert budget.left() == {"USD": "7.5 USD", "fees": "0.01 ETH"}
    with pytest.raises(BudgetExceeded, match=r"may take 8 USD, and 7\.5 USD of today's budget for prices is left"):
        budget.check(buyer.amount("8 USD"))


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (PriceChanged("month", "13 USD", "12 USD"), "20 USD"),
        (InputError("no"), "20 USD"),
        (ContractError("LicenceClosed", {}), "8 USD"),
        (KeyboardInterrupt(), "8 USD"),
    ],
)
def test_what_failed_is_free_again_only_if_it_was_certainly_not_paid(
    buyer: Registry, budget: DayBudget, error: BaseException, left: str
) -> None:
    with pytest.raises(type(error)), budget.reserved("buy", buyer.amount("12 USD"), FEE):
        raise error
    assert budget.left() == {"USD": left, "fees": "0.008 ETH"}, "a fee may have been paid for it"


def test_nothing_stays_set_aside_for_what_the_fees_do_not_suffice_for(buyer: Registry, budget: DayBudget) -> None:
    dear = Cost(100, 6 * 10**15, 10**15, 6 * 10**15)
    with pytest.raises(BudgetExceeded, match="for fees"), budget.reserved("buy", buyer.amount("12 USD"), dear):
        raise AssertionError("it began")
    assert budget.left() == {"USD": "20 USD", "fees": "0.01 ETH"}


def test_a_token_without_a_budget_has_none(buyer: Registry, budget: DayBudget) -> None:
    with pytest.raises(BudgetExceeded, match="0 ETH"), budget.reserved("buy", buyer.amount("0.001 ETH"), FEE):
        raise AssertionError("it began")


def test_a_budget_is_given_again_a_day_after_it_was_spent_and_not_before(
    buyer: Registry, budget: DayBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    with budget.reserved("buy", buyer.amount("12 USD"), FEE):
        pass
    real = time.time
    for later, left in ((DAY - 60, "8 USD"), (DAY + 60, "20 USD")):
        monkeypatch.setattr(time, "time", lambda later=later: real() + later)
        assert budget.left()["USD"] == left


def test_servers_of_one_home_share_a_purse(tmp_path: Path) -> None:
    """Each with a connection of its own, as processes have; 40 want one unit each, of 25 that are there."""
    got: list[int] = []
    journals = [Journal.at(tmp_path) for _ in range(8)]

    def spend(journal: Journal) -> None:
        for _ in range(5):
            aside = journal.set_aside("chain", "purse", 1, 25, "one", since=0)
            got.extend(() if aside is None else (aside,))

    servers = [threading.Thread(target=spend, args=[journal]) for journal in journals]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert len(set(got)) == len(got) == 25
    with_more = journals[0]
    assert with_more.spent("chain", "purse", since=0) == 25
    assert with_more.set_aside("chain", "purse", 2**200, 2**201, "more than a word of SQLite", since=0) is not None
    assert with_more.spent("chain", "purse", since=0) == 25 + 2**200
    assert with_more.set_aside("other chain", "purse", 25, 25, "another chain is another purse", since=0) is not None


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda who: DayBudget(who, ["20 USD", "5 USD"], "1 ETH"), InputError, "second budget"),
        (lambda who: DayBudget(who, ["20 USD"], "1 USD"), InputError, "coin of the chain"),
        (lambda who: DayBudget(who, ["20 EUR"], "1 ETH"), UnknownToken, "EUR"),
        (lambda who: DayBudget(who, ["-1 USD"], "1 ETH"), InvalidAmount, "-1"),
    ],
)
def test_a_budget_that_says_two_things_is_refused(
    buyer: Registry, make: Callable[[Registry], DayBudget], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make(buyer)
