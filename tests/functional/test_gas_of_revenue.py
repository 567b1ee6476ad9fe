"""Gas of splitters and of lineage, whole transactions, against `tests/snapshots/gas_revenue.json` and the bars.

Measured on anvil. "First" is the first money of a token: each payee's balance goes from zero. "Steady" is any later
round, when every payee holds some already. Unless it says otherwise, a unit that does not divide stays in the splitter:
where nothing is left, a refund for the emptied balance makes it cheaper.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS

from .support import DOLLAR, NATIVE, PERIOD, UNIT, USD, logs, order, terms, untouched
from .test_snapshots import SNAPSHOTS, check_gas

SIZES = (2, 10, 50, 100)


@pytest.fixture(autouse=True)
def only_on_anvil(networks: Any, system: None) -> None:
    if networks.active_provider.name != "foundry":
        pytest.skip("eth-tester counts some refunds and call data otherwise; the snapshot is anvil's")


@pytest.fixture
def gas(project: Any, factory: Any, dollar: Any, dao: Any) -> dict[str, int]:
    """The gas of making and distributing, by act."""
    found: dict[str, int] = {}

    def make(count: int) -> tuple[Any, int]:
        tx = factory.createSplitter(
            [(payee, i + 1) for i, payee in enumerate(untouched(count, f"one of {count}"))], sender=dao
        )
        return project.RevenueSplitter.at(logs(tx, factory.SplitterCreated)[0]["splitter"]), tx.gas_used

    found["create a splitter for 5"] = make(5)[1]
    fund: dict[str, Callable[[Any], Any]] = {
        "dollars": lambda splitter: dollar.mint(splitter, 1_000 * DOLLAR, sender=dao),
        "native coin": lambda splitter: dao.transfer(splitter, UNIT),
    }
    for size in SIZES:
        splitter, _ = make(size)
        for money, send in fund.items():
            token = dollar.address if money == "dollars" else ZERO_ADDRESS
            for when in ("first", "steady"):
                send(splitter)
                found[f"distribute {money} to {size}, {when}"] = splitter.distribute(token, sender=dao).gas_used
    lean = dao.deploy(project.LeanToken)
    for money, token in (("dollars", dollar), ("a lean token", lean)):
        table = [(payee, 1) for payee in untouched(2, f"halves of {money}")]
        tx = factory.createSplitter(table, sender=dao)
        splitter = project.RevenueSplitter.at(logs(tx, factory.SplitterCreated)[0]["splitter"])
        for _ in range(2):
            token.mint(splitter, 1_000 * DOLLAR, sender=dao)
            tx = splitter.distribute(token, sender=dao)
        found[f"distribute {money} to 2, steady, nothing left"] = tx.gas_used
    return found


def test_gas_of_revenue(
    gas: dict[str, int],
    registry: Any,
    marketplace: Any,
    dollar: Any,
    lineage: Any,
    dao: Any,
    author: Any,
    buyer: Any,
    treasury: Any,
    publish: Any,
    stranger: Any,
    project: Any,
) -> None:
    for receiver in (treasury, author):
        dollar.mint(receiver, DOLLAR, sender=dao)
    parent = publish(derivatives=(True, 1_000), owner=stranger)
    for money, token, price in (("dollars", USD, 10 * DOLLAR), ("native coin", NATIVE, UNIT)):
        offer = terms(price, token=token, kind=PERIOD)
        costs = []
        for parents in ((), (parent,)):
            asset_id = publish(offer, parents=parents)
            value = price if token == NATIVE else 0
            for _ in range(2):
                tx = marketplace.buyAccess(order(asset_id, buyer), sender=buyer, value=value)
            costs.append(tx.gas_used)
        gas[f"sale in {money} without ancestors"] = costs[0]
        gas[f"sale in {money} with ancestors, more"] = costs[1] - costs[0]
        asset_id = publish(offer, parents=(parent,))
        lineage.createSplitter(registry, asset_id, sender=dao)
        for _ in range(2):
            tx = marketplace.buyAccess(order(asset_id, buyer), sender=buyer, value=value)
        gas[f"sale in {money} with ancestors and their splitter made, more"] = tx.gas_used - costs[0]
    tx = lineage.createSplitter(registry, publish(parents=(parent,)), sender=dao)
    gas["create the splitter of a derived asset"] = tx.gas_used

    check_gas("gas_revenue.json", gas)


def per_payee(gas: dict[str, int], money: str) -> float:
    """What one more payee takes in a steady round, between 50 and 100 of them."""
    return (gas[f"distribute {money} to 100, steady"] - gas[f"distribute {money} to 50, steady"]) / 50


BARS: tuple[tuple[str, int, Callable[[dict[str, int]], float]], ...] = (
    ("create a splitter for 5", 125_000, lambda gas: gas["create a splitter for 5"]),
    ("sale with ancestors", 14_000, lambda gas: max(used for act, used in gas.items() if act.endswith(", more"))),
    ("dollars, each payee", 9_400, lambda gas: per_payee(gas, "dollars")),
    # 5 % over what it takes without any computing of the splitter's: 54,742 (docs/benchmarks.md).
    ("dollars, two payees", 57_500, lambda gas: gas["distribute dollars to 2, steady"]),
    # As the prototype was measured that the bar was set from: it pays out all, with a token that does the least.
    (
        "a lean token, two payees, nothing left",
        52_000,
        lambda gas: gas["distribute a lean token to 2, steady, nothing left"],
    ),
    # The transfer alone takes 9,300 of it, so the bar is what was measured of the best of the others.
    ("native coin, each payee", 10_974, lambda gas: per_payee(gas, "native coin")),
    ("native coin, two payees", 52_000, lambda gas: gas["distribute native coin to 2, steady"]),
)


@pytest.mark.parametrize(("name", "bar", "measure"), BARS, ids=[name for name, *_ in BARS])
def test_the_bar_is_kept(name: str, bar: int, measure: Callable[[dict[str, int]], float]) -> None:
    gas = json.loads((SNAPSHOTS / "gas_revenue.json").read_text(encoding="utf-8"))
    assert measure(gas) <= bar, name
