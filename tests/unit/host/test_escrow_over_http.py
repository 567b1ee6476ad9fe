"""Jobs in escrow over HTTP, in one call: offered by the host, paid in once, and what comes back of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hosting import Hosted
from ward import runs

from registry import DataBudget, Registry
from registry.compute.host_client import HostClient
from registry.compute.host_offer import HostOffer
from registry.compute.job_escrow import JobEscrow, JobStatus
from registry.compute.order_folder import OrderFolder
from registry.errors import AccessDenied, ForgedReceipt, HostError, JobNotFound, JobRefused, PriceChanged


@pytest.fixture
def ann(hosted: Hosted, ann: Registry) -> Registry:
    """Ann, who holds nothing of the ward."""
    ann.home = hosted.owner.home.parent / "ann"  # type: ignore[union-attr]
    return ann


def paid(client: Registry) -> int:
    """In cents."""
    return int(100 * (1_000_000 - client.balance("USD").decimal))


def test_a_job_in_escrow_is_ordered_read_and_settled(hosted: Hosted, ann: Registry) -> None:
    plan = ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD", dry_run=True)
    assert (str(plan.escrow), plan.purchase, paid(ann)) == ("0.2 USD", None, 0)
    assert "0.2 USD to be paid into escrow, of which what it does not use comes back" in str(plan)
    job = ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD")
    assert job.wait(60).state == "delivered"
    assert job.open("mean.csv").read().decode().splitlines()[1] == "Adelie,3700.0,20"
    assert job.escrowed().status is JobStatus.DELIVERED and paid(ann) == 20
    job.settle()
    assert (job.escrowed().status, paid(ann)) == (JobStatus.CLOSED, 10)
    assert ann.jobs.at(job.id[:8]).escrowed() == job.escrowed()


def test_nothing_is_paid_in_that_was_not_agreed_to(
    hosted: Hosted, ann: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AccessDenied, match=r'max_total="0\.2 USD"'):
        ann.compute(hosted.mean, on=hosted.offer, escrow=True)
    with pytest.raises(PriceChanged):
        ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="0.1 USD")
    offer = HostClient.offer

    def other(*asked: Any) -> HostOffer:
        return offer(*asked).model_copy(update={"run_time": 10})

    with monkeypatch.context() as patch, pytest.raises(HostError, match="another job"):
        patch.setattr(HostClient, "offer", other)
        ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD")
    compute = hosted.owner.get(hosted.offer).ddo.compute
    assert compute is not None and paid(ann) == 0
    job = ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD")
    job.wait(60)
    hosted.owner.update(hosted.offer, compute=compute.with_changes(budget=DataBudget(runs=1, bytes=400)))
    with pytest.raises(JobRefused, match="no run left"):
        ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD")
    assert paid(ann) == 20, "what is delivered, and nothing of what was refused"
    with pytest.raises(JobNotFound, match="is not in escrow"):
        hosted.job().escrowed()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("where", "name", "calls"),
    [(OrderFolder, "put", 1), (OrderFolder, "put", 2), (JobEscrow, "open", 1), (HostClient, "submit", 1)],
    ids=["ordered", "offered", "paying", "paid"],
)
def test_killed_anywhere_and_run_again_it_is_paid_in_once(
    hosted: Hosted, ann: Registry, where: type, name: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, said, done = hosted.unread(), [], getattr(where, name)

    def killed(*given: object, **named: object) -> object:
        said.append(name)
        if len(said) < calls:
            return done(*given, **named)
        if name != "submit":
            done(*given, **named)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(where, name, killed)
        ann.compute(waits, on=hosted.offer, escrow=True, max_total="1 USD")
    again = ann.as_account("ann")
    job = again.compute(waits, on=hosted.offer, escrow=True, max_total="1 USD")
    assert paid(ann) == 20 and [kept.id for kept in again.jobs.ordered.all()] == [job.id]
    assert len(again.jobs.escrow.jobs()) == 1
    assert (job.cancel().state, paid(ann)) == ("cancelled", 0), "and all comes back of what was not begun"
    other = again.compute(waits, on=hosted.offer, escrow=True, max_total="1 USD")
    assert other.id != job.id and other.cancel().over


def test_what_a_host_refuses_after_it_was_paid_comes_back(
    hosted: Hosted, ann: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.compute.commission._PAUSES", (0.0,))

    def full(*_: object, **__: object) -> None:
        raise JobRefused("00" * 32, ["the last run went to somebody else"])

    monkeypatch.setattr(hosted.desk, "accept", full)
    with pytest.raises(JobRefused, match="somebody else"):
        ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD")
    (job,) = ann.jobs.escrow.jobs()
    assert (job.status, paid(ann)) == (JobStatus.CLOSED, 0)


def test_whoever_ends_a_run_pays_for_its_time_and_its_host_stops(hosted: Hosted, ann: Registry) -> None:
    job = ann.compute(hosted.late, on=hosted.offer, escrow=True, max_total="1 USD")
    runs(lambda: job.status().state)
    with pytest.raises(HostError, match="end it there"):
        HostClient.cancel(job._host, job.order)
    assert job.cancel().state == "cancelled" and paid(ann) == 10
    assert job.escrowed().status is JobStatus.CLOSED


def test_a_consumer_disputes_what_was_delivered(hosted: Hosted, ann: Registry) -> None:
    job = ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD")
    job.wait(60)
    job.dispute("the table is empty")
    assert job.escrowed().status is JobStatus.DISPUTED and paid(ann) == 70


def test_a_result_that_is_not_the_one_that_was_delivered_is_not_opened(
    hosted: Hosted, ann: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sealed_digest_mismatch: of what a host signs, hands out and tells the chain, no two may differ."""
    job = ann.compute(hosted.mean, on=hosted.offer, escrow=True, max_total="1 USD")
    assert job.wait(60).state == "delivered"
    given = HostClient.result
    with monkeypatch.context() as patch, pytest.raises(ForgedReceipt, match="the host signed for"):
        patch.setattr(HostClient, "result", lambda client, order: given(client, order) + b"0")
        job.open()
    with monkeypatch.context() as patch, pytest.raises(ForgedReceipt, match="the host delivered 1111"):
        told = replace(job.escrowed(), result="11" * 32)
        patch.setattr(type(job), "escrowed", lambda _job: told)
        job.open()
    with monkeypatch.context() as patch, pytest.raises(ForgedReceipt, match="61 s are counted in escrow"):
        slow = replace(job.escrowed(), used=61)
        patch.setattr(type(job), "escrowed", lambda _job: slow)
        job.open()
    assert job.open().read().startswith(b"group,mass,n")
