"""A dry run tells what a run would do: the same error, or the same that is left to do, also if it was done before.

Every verb that takes `dry_run` is tried in three states: before it was ever run, after it was, and after a run that was
killed between the transaction and its answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from registry import Licence, Registry
from registry.assets.drafting import Draft
from registry.chain.journal import Journal
from registry.errors import RegistryError
from registry.governance import Governance
from registry.revenue.sharing import Revenue
from registry.teams.team import Teams

DAY = 86_400
Verb = Callable[[bool], Any]


class World:
    """A registry with a DAO, an asset of the author's, and people; one state of it for each test."""

    def __init__(self, place: Registry) -> None:
        self.place = place
        self.author, self.buyer, self.curator, self.guardian = (
            place.as_account(name) for name in ("author", "buyer", "curator", "editor")
        )
        self.asset = self.author.publish(
            None,
            name="Model",
            type="model",
            license="MIT",
            licences=[Licence.hold("full", price="1 USD"), Licence.uses("calls", uses=5, price="1 USD")],
        ).did.asset_id
        self.dollar = place.deployment.tokens["USD"]

    def draft(self) -> Draft:
        return Draft(name="Another", type="model", license="MIT", licences=[Licence.hold("x", price="1 USD")])

    def proposal(self, stage: str) -> Any:
        governance = self.author.governance
        made = governance.propose(governance.draft(self.author.assets.functions.setFee(50), title="Halve it"))
        if stage in ("active", "succeeded", "queued"):
            self.place.chain.advance(DAY + 10)
        if stage in ("succeeded", "queued"):
            for person in (self.author, self.curator):
                person.governance.vote(made.id, "for")
            self.place.chain.advance(6 * DAY)
        if stage == "queued":
            governance.queue(made.id)
            self.place.chain.advance(3 * DAY)
        return made.id

    def team(self) -> Any:
        made = self.author.teams.create([self.author.address], threshold=1)
        return self.author.teams.sign(self.author.teams.reject(made))

    def receipt(self) -> Any:
        self.buyer.buy(self.asset, "calls")
        return self.buyer.sign_receipt(self.asset, "calls", uses=1)

    def flagged(self) -> int:
        return int(self.buyer.governance.flag(self.asset, "It is wrong", token="USD").number)

    def split(self) -> Any:
        made = self.author.revenue.create({self.author.address: 1, self.buyer.address: 1})
        self.author.act("pay", self.author.erc20(self.dollar).functions.transfer(made.address, 10_000_000))
        return made


VERBS: dict[str, Callable[[World], Verb]] = {
    "Registry.add_licence": lambda w: (
        lambda dry: w.author.add_licence(w.asset, Licence.hold("more", price="2 USD"), dry_run=dry)
    ),
    "Registry.approve": lambda w: lambda dry: w.buyer.approve("5 USD", dry_run=dry),
    "Registry.buy": lambda w: lambda dry: w.buyer.buy(w.asset, "full", dry_run=dry),
    "Registry.buy once": lambda w: lambda dry: w.buyer.buy(w.asset, "full", once="order 17", dry_run=dry),
    "Registry.close_licence": lambda w: lambda dry: w.author.close_licence(w.asset, "full", dry_run=dry),
    "Registry.consume": lambda w: (
        w.buyer.buy(w.asset, "calls"),
        lambda dry: w.buyer.consume(w.asset, "calls", dry_run=dry),
    )[1],
    "Registry.grant": lambda w: lambda dry: w.author.grant(w.asset, "full", to=w.buyer.address, dry_run=dry),
    "Registry.open_licence": lambda w: lambda dry: w.author.open_licence(w.asset, "full", dry_run=dry),
    "Registry.publish": lambda w: (
        lambda dry: w.author.publish(None, name="New", type="model", license="MIT", dry_run=dry)
    ),
    "Registry.publish again": lambda w: (
        lambda dry: w.author.publish(None, name="New", type="model", license="MIT", again=True, dry_run=dry)
    ),
    "Registry.publish_collection": lambda w: (
        lambda dry: w.author.publish_collection(
            [Draft(name="Tile", type="model", license="MIT")], name="Tiles", dry_run=dry
        )
    ),
    "Registry.mint": lambda w: (lambda made: lambda dry: w.author.mint(made.item(0), dry_run=dry))(
        w.author.publish_collection([Draft(name="Tile", type="model", license="MIT")], name="Tiles")
    ),
    "Registry.publish_many": lambda w: lambda dry: w.author.publish_many([w.draft()], dry_run=dry),
    "Registry.redeem": lambda w: (
        w.buyer.buy(w.asset, "full", as_tokens=True),
        lambda dry: w.buyer.redeem(w.asset, "full", dry_run=dry),
    )[1],
    "Registry.reprice": lambda w: lambda dry: w.author.reprice(w.asset, "full", "3 USD", dry_run=dry),
    "Registry.resume": lambda w: lambda dry: w.author.resume(w.asset, dry_run=dry),
    "Registry.retire": lambda w: lambda dry: w.author.retire(w.asset, dry_run=dry),
    "Registry.set_derivative_terms": lambda w: lambda dry: w.author.set_derivative_terms(w.asset, 500, dry_run=dry),
    "Registry.set_payout": lambda w: lambda dry: w.author.set_payout(w.asset, w.buyer.address, dry_run=dry),
    "Registry.set_roles": lambda w: lambda dry: w.author.set_roles(w.asset, w.buyer.address, ["seller"], dry_run=dry),
    "Registry.submit_receipt": lambda w: (lambda signed: lambda dry: w.author.submit_receipt(signed, dry_run=dry))(
        w.receipt()
    ),
    "Registry.suspend": lambda w: lambda dry: w.author.suspend(w.asset, dry_run=dry),
    "Registry.transfer": lambda w: lambda dry: w.author.transfer(w.asset, w.buyer.address, dry_run=dry),
    "Registry.update": lambda w: lambda dry: w.author.update(w.asset, description="Better", dry_run=dry),
    "Teams.create": lambda w: lambda dry: w.author.teams.create([w.author.address], threshold=1, dry_run=dry),
    "Teams.create published": lambda w: (
        lambda dry: w.author.teams.create([w.author.address], threshold=1, publish=w.draft(), dry_run=dry)
    ),
    "Teams.execute": lambda w: (lambda signed: lambda dry: w.author.teams.execute(signed, dry_run=dry))(w.team()),
    "Revenue.create": lambda w: (
        lambda dry: w.author.revenue.create({w.author.address: 1, w.buyer.address: 1}, dry_run=dry)
    ),
    "Revenue.distribute": lambda w: (lambda made: lambda dry: w.author.revenue.distribute(made.address, dry_run=dry))(
        w.split()
    ),
    "Revenue.claim": lambda w: (lambda made: lambda dry: w.author.revenue.claim(made.address, "USD", dry_run=dry))(
        w.split()
    ),
    "Governance.propose": lambda w: (lambda draft: lambda dry: w.author.governance.propose(draft, dry_run=dry))(
        w.author.governance.draft(w.author.assets.functions.setFee(50), title="Halve it")
    ),
    "Governance.vote": lambda w: (lambda it: lambda dry: w.author.governance.vote(it, "for", dry_run=dry))(
        w.proposal("active")
    ),
    "Governance.relay": lambda w: (
        lambda it: (lambda ballot: lambda dry: w.buyer.governance.relay(it, [ballot], dry_run=dry))(
            w.author.governance.ballot(it, "for")
        )
    )(w.proposal("active")),
    "Governance.queue": lambda w: (lambda it: lambda dry: w.buyer.governance.queue(it, dry_run=dry))(
        w.proposal("succeeded")
    ),
    "Governance.execute": lambda w: (lambda it: lambda dry: w.buyer.governance.execute(it, dry_run=dry))(
        w.proposal("queued")
    ),
    "Governance.cancel": lambda w: (lambda it: lambda dry: w.author.governance.cancel(it, dry_run=dry))(w.proposal("")),
    "Governance.delegate": lambda w: lambda dry: w.author.governance.delegate(w.buyer.address, dry_run=dry),
    "Governance.brake": lambda w: lambda dry: w.guardian.governance.brake(3600, sales=True, dry_run=dry),
    "Governance.release": lambda w: (
        w.guardian.governance.brake(3600, sales=True),
        lambda dry: w.guardian.governance.release(dry_run=dry),
    )[1],
    "Governance.flag": lambda w: lambda dry: w.buyer.governance.flag(w.asset, "It is wrong", token="USD", dry_run=dry),
    "Governance.answer": lambda w: (
        lambda case: lambda dry: w.author.governance.answer(case, "It is fine", dry_run=dry)
    )(w.flagged()),
    "Governance.withdraw_bonds": lambda w: lambda dry: w.buyer.governance.withdraw_bonds("USD", dry_run=dry),
    "Governance.lapse": lambda w: (lambda case: lambda dry: w.buyer.governance.lapse(case, dry_run=dry))(w.flagged()),
    "Governance.propose_standard": lambda w: (
        lambda dry: w.author.governance.propose_standard("card", "What it says", kind="metadata", dry_run=dry)
    ),
}

REFUSED_TO_ALL_BUT_THE_DAO = {
    *(
        "adopt_standard",
        "deprecate_standard",
        "declare",
        "withdraw_declaration",
        "appeal",
        "decide_appeal",
        "decide_flag",
    ),
    *("delist", "relist", "endorse", "unendorse", "name_council", "set_bond", "rearm", "sweep", "claim"),
    *("delegate_vested", "release_vested"),
}
"""Verbs that are one `Session.act` without memory, for people and states that this world has not; so are those above
that need no more than one line."""


def test_every_verb_with_a_dry_run_is_tried() -> None:
    there = {
        f"{cls.__name__}.{name}"
        for cls in (Registry, Teams, Revenue, Governance)
        for name, verb in inspect.getmembers(cls, callable)
        if not name.startswith("_") and "dry_run" in inspect.signature(verb).parameters
    }
    tried = {name.split(" ")[0] for name in VERBS} | {f"Governance.{name}" for name in REFUSED_TO_ALL_BUT_THE_DAO}
    with_a_host = "Registry.compute"  # tried where there is one: tests/unit/host/test_commissioning.py
    assert there - {"Registry.act", with_a_host} == tried


@pytest.fixture(scope="module")
def founded() -> Registry:
    place = Registry.local(dao=True)
    for _ in range(64):  # what was done in a late block counts as little as in an early one
        place.chain.advance(1)
    return place


@pytest.fixture
def world(founded: Registry, rewound: Callable[[Registry], AbstractContextManager[Registry]]) -> Iterator[World]:
    with rewound(founded) as place:
        yield World(place)


def outcome(world: World, verb: Verb, dry: bool) -> tuple[str, bool]:
    """The kind of its error, and whether there is (or was) something to send."""
    count = world.place.chain.w3.eth.get_transaction_count
    people = [person.address for person in (world.author, world.buyer, world.curator, world.guardian)]
    before = sum(count(person) for person in people)
    try:
        found = verb(dry)
    except RegistryError as error:
        sent = sum(count(person) for person in people) - before
        assert not sent
        return type(error).__name__, False
    sent = sum(count(person) for person in people) - before
    assert not (dry and sent)
    return "", _costs(found) if dry else sent > 0


def _costs(found: Any) -> bool:
    if isinstance(found, tuple):
        return any(map(_costs, found))
    cost = found.cost
    return cost is not None and bool(cost.gas)


REMEMBERED = (
    *("Registry.buy", "Registry.buy once", "Registry.publish", "Registry.publish again", "Registry.publish_many"),
    "Registry.publish_collection",
    *("Teams.create", "Teams.create published", "Teams.execute", "Revenue.create", "Governance.propose"),
    *("Governance.vote", "Governance.relay", "Governance.queue", "Governance.execute", "Governance.cancel"),
)
"""Verbs that finish what an interrupted run of theirs has left."""


@pytest.mark.parametrize(
    ("name", "killed"), [*((name, False) for name in VERBS), *((name, True) for name in REMEMBERED)], ids=str
)
def test_a_dry_run_and_a_run_agree_at_any_time(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, killed: bool
) -> None:
    verb = VERBS[name](world)
    with monkeypatch.context() as patched:
        if killed:
            # What was sent is on the chain, and its outcome was never told.
            patched.setattr(Journal, "settle", lambda *_: None)
        assert outcome(world, verb, True) == outcome(world, verb, False)
    for _ in range(2):
        assert outcome(world, verb, True) == outcome(world, verb, False)


def test_a_purchase_that_was_made_is_told_for_nothing_though_the_money_is_gone(world: World) -> None:
    first = world.buyer.buy(world.asset, "full", once="order 17")
    everything = world.buyer.balance("USD")
    dollar = world.buyer.erc20(world.dollar).functions
    world.buyer.act("spend it all", dollar.transfer(world.author.address, everything.units))
    for dry in (True, False):
        again = world.buyer.buy(world.asset, "full", once="order 17", dry_run=dry)
        assert (again.before, again.cost.gas, again.tx) == (True, 0, first.tx)
        assert again.price == first.price and "bought before" in str(again)
    assert not first.before
