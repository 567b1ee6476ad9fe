"""Jobs that are paid in escrow, from the order to the payment, on a chain in this process: by consumer, host, judge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ward import BROKEN, LATE, Ward, opened_ward, runs, stored

from registry import CID, DataBudget, Licence, Registry
from registry.chain import reverts
from registry.compute.host_escrow import HostBonds
from registry.compute.job_document import JobOrder
from registry.compute.job_escrow import JobStatus
from registry.errors import InputError, JobNotFound, JobRefused, PriceChanged, WrongJobState

JOBS = Licence.run("jobs", price="0.01 USD", minimum="10 seconds")


def bonds(ward: Ward, *amounts: str) -> HostBonds:
    """What the host puts up: half a dollar, if nothing else is named."""
    return HostBonds(tuple(map(ward.owner.amount, amounts or ["0.50 USD"])))


def opened(ward: Ward, order: JobOrder) -> str:
    """The stranger pays in what the host offers it for."""
    signed = ward.desk().offer(order.to_bytes(), bonds(ward))
    return ward.stranger.jobs.escrow.open(signed, max_total="1 USD").id


def moved(ward: Ward, act: Any) -> tuple[str, str]:
    """What an act brings the owner and the stranger, in dollars."""
    before = [one.balance("USD").units for one in (ward.owner, ward.stranger)]
    act()
    after = [one.balance("USD").units for one in (ward.owner, ward.stranger)]
    mine, theirs = (f"{(late - early) / 10**6:+.4f}" for early, late in zip(before, after, strict=True))
    return mine, theirs


@pytest.fixture
def ward(author: Registry, stranger: Registry, name: str, tmp_path: Path) -> Ward:
    return opened_ward(author, stranger, name, tmp_path, JOBS)


def test_a_run_is_paid_when_its_result_is_there(ward: Ward, tmp_path: Path) -> None:
    order, escrow = ward.order(escrow=True), ward.stranger.jobs.escrow
    with pytest.raises(JobRefused, match="nothing is in escrow for it"):
        ward.desk().accept(order.to_bytes())
    id = opened(ward, order)
    assert escrow.find(id).in_words() == "holds 0.2 USD and waits for its host"
    desk = ward.desk()
    entry = desk.work(desk.accept(order.to_bytes()).id)
    assert (entry.state, entry.why) == ("delivered", "")
    found = escrow.find(id)
    assert (found.status, found.result) == (JobStatus.DELIVERED, CID.parse(entry.facts["sealed"]).digest.hex())
    ward.stranger.jobs.open(*desk.result(entry.id), tmp_path / "result")
    assert (tmp_path / "result" / "mean.csv").exists()
    with pytest.raises(reverts.TooEarly):  # type: ignore[attr-defined]
        ward.owner.jobs.escrow.settle(id)
    mine, theirs = moved(ward, lambda: escrow.settle(id))
    assert float(mine) > 0.5 and float(theirs) == 0.1, "ten seconds are paid for at least, and the bond is back"
    assert escrow.find(id).in_words() == "is closed, and holds nothing"
    assert desk.work(entry.id) == entry, "and nothing is delivered twice"


def test_a_host_that_cannot_run_a_job_is_paid_nothing_and_keeps_its_bond(ward: Ward, tmp_path: Path) -> None:
    broken = stored(ward.owner, BROKEN, tmp_path, "broken.py")
    compute = ward.owner.get(ward.offer.did).ddo.compute
    assert compute is not None
    ward.owner.update(ward.offer.did, compute=compute.with_changes(code=(ward.mean, broken)))
    order = ward.order(broken, escrow=True)
    id = opened(ward, order)
    desk = ward.desk()
    entry = desk.accept(order.to_bytes())
    assert moved(ward, lambda: desk.work(entry.id)) == ("+0.0000", "+0.2000")
    assert desk.book.get(entry.id).state == "failed"
    assert ward.stranger.jobs.escrow.find(id).status is JobStatus.CLOSED


@pytest.mark.parametrize("step", ["begun", "run", "delivered"])
def test_a_host_that_is_killed_after_a_step_on_the_chain_does_it_once(
    ward: Ward, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the act on the chain and the line in its journal, or while a run goes on: it goes on, no bond is lost,
    nothing is paid twice."""
    order = ward.order(escrow=True)
    id = opened(ward, order)
    desk = ward.desk()
    entry = desk.accept(order.to_bytes())
    move = desk.book.move

    def killed(entry: Any, state: str, **changes: Any) -> Any:
        if state == {"begun": "running", "run": "ran", "delivered": "delivered"}[step]:
            raise KeyboardInterrupt
        return move(entry, state, **changes)

    with monkeypatch.context() as patch:
        patch.setattr(desk.book, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.work(entry.id)
    assert ward.desk().work(entry.id).state == "delivered"
    assert ward.stranger.jobs.escrow.find(id).status is JobStatus.DELIVERED
    mine, _ = moved(ward, lambda: ward.stranger.jobs.escrow.settle(id))
    assert float(mine) > 0.5


def test_a_consumer_who_ends_it_first_is_told_so_to_the_host(ward: Ward) -> None:
    order = ward.order(escrow=True)
    id = opened(ward, order)
    desk = ward.desk()
    entry = desk.accept(order.to_bytes())
    assert moved(ward, lambda: ward.stranger.jobs.escrow.cancel(id)) == ("+0.0000", "+0.2000")
    ended = desk.work(entry.id)
    assert ended.state == "cancelled" and "nothing is in escrow" in ended.why


def test_a_run_whose_consumer_ends_it_in_escrow_is_stopped_and_its_time_is_paid(
    ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody has it for nothing who asks the host to end it: what is in escrow has to be ended there first. What is
    opened for it meanwhile, and not begun, keeps no host at work."""
    monkeypatch.setattr("registry.compute.job_desk._LOOK_AT_CHAIN", 0.1)
    late = stored(ward.owner, LATE, tmp_path, "late.py")
    ward.with_terms(code=(ward.mean, late))
    order = ward.order(late, escrow=True)
    id = opened(ward, order)
    desk = ward.desk()
    entry = desk.accept(order.to_bytes())
    with ThreadPoolExecutor(1) as pool:
        worked = pool.submit(desk.work, entry.id)
        runs(lambda: desk.book.get(entry.id).state)
        with pytest.raises(JobRefused, match="it is in escrow: end it there"):
            desk.cancel_as_asked(entry.id)
        assert opened(ward, order) != id
        mine, theirs = moved(ward, lambda: ward.stranger.jobs.escrow.cancel(id))
        assert float(mine) > 0.5 and float(theirs) == 0.1, "ten seconds are paid for at least"
        ended = worked.result(60)
    assert ended.state == "cancelled" and "ended it in escrow" in ended.why
    with pytest.raises(WrongJobState):
        desk.cancel_as_asked(entry.id)


def test_a_host_offers_what_it_could_run_against_a_bond_that_it_has(ward: Ward) -> None:
    order = ward.order(escrow=True).to_bytes()
    with pytest.raises(JobRefused, match=r"its bond would be in USD, and this host puts up ETH"):
        ward.desk().offer(order, bonds(ward, "1 ETH"))
    with pytest.raises(JobRefused, match="licence"):
        ward.desk().offer(order, bonds(ward), 7)
    assert ward.desk().offer(order, bonds(ward, "1 ETH", "2 USD"), 0).bond == "2000000"
    ward.with_terms(budget=DataBudget(runs=1, bytes=400))
    first, second = ward.order(escrow=True), ward.order(escrow=True)
    opened(ward, first)
    ward.desk().accept(first.to_bytes())
    with pytest.raises(JobRefused, match="no run left"):
        ward.desk().offer(second.to_bytes(), bonds(ward))


def test_a_dispute_is_decided_between_the_two(ward: Ward) -> None:
    order, escrow = ward.order(escrow=True), ward.stranger.jobs.escrow
    id = opened(ward, order)
    desk = ward.desk()
    desk.work(desk.accept(order.to_bytes()).id)
    with pytest.raises(InputError, match="reason"):
        escrow.dispute(id, " ")
    escrow.dispute(id, "the table is empty")
    assert escrow.find(id).in_words() == "is disputed, and waits for the council"
    with pytest.raises(reverts.AccessManagedUnauthorized):  # type: ignore[attr-defined]
        ward.owner.jobs.escrow.decide(id, 10_000, "mine is right")
    assert [one.id for one in ward.owner.jobs.escrow.jobs()] == [id] == [one.id for one in escrow.jobs()]
    assert str(escrow.waiting("USD")) == "0 USD"


def test_what_an_offer_costs_is_shown_and_bounded(ward: Ward) -> None:
    order, escrow = ward.order(escrow=True), ward.stranger.jobs.escrow
    signed = ward.desk().offer(order.to_bytes(), bonds(ward))
    shown = escrow.open(signed, dry_run=True)
    assert (str(shown.total), str(shown.bond), shown.id, shown.tx) == ("0.2 USD", "0.5 USD", "", None)
    with pytest.raises(PriceChanged):
        escrow.open(signed, max_total="0.1 USD")
    purse = ward.stranger.balance("USD")
    dollar = ward.stranger.erc20(purse.token.address or "").functions
    ward.stranger.act("spend all", dollar.transfer(ward.owner.address, purse.units))
    short = escrow.open(signed, dry_run=True)
    assert str(short.total) == "0.2 USD" and "needs 0.2 USD and holds 0 USD" in str(short)
    ward.owner.act("give it back", dollar.transfer(ward.stranger.address, purse.units))
    with pytest.raises(reverts.InvalidOfferSignature):  # type: ignore[attr-defined]
        escrow.open(signed.model_copy(update={"bond": "1"}))
    with pytest.raises(JobNotFound):
        escrow.find("00" * 32)
    with pytest.raises(InputError, match="is for the host"):
        escrow.offer(order.job, bond="1 USD", run=20)
