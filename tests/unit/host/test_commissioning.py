"""A job in one line: looked at, paid for once, ordered and handed in; and what is paid when something fails between."""

from __future__ import annotations

import pytest
from hosting import Hosted

from registry import Registry
from registry.compute.host_client import HostClient
from registry.compute.order_folder import OrderFolder
from registry.errors import (
    AccessDenied,
    HostError,
    InputError,
    JobNotFound,
    JobRefused,
    PriceChanged,
)
from registry.system.serving import listen


@pytest.fixture
def ann(hosted: Hosted, ann: Registry) -> Registry:
    """Ann, who holds nothing of the ward."""
    ann.home = hosted.owner.home.parent / "ann"  # type: ignore[union-attr]
    return ann


def paid(client: Registry) -> int:
    return 1_000_000 - int(client.balance("USD").decimal)


def test_a_job_is_bought_run_and_read_in_three_lines(hosted: Hosted, ann: Registry) -> None:
    plan = ann.compute(hosted.mean, on=[hosted.offer], params={"by": "species"}, max_total="3 USD", dry_run=True)
    assert "mean.csv of at most 400 bytes" in str(plan) and "3 USD to be paid" in str(plan)
    assert (plan.tier, plan.seconds, plan.review, paid(ann)) == (2, 20, (), 0)
    job = ann.compute(hosted.mean, on=[hosted.offer], params={"by": "species"}, max_total="3 USD")
    assert job.wait(60).state == "delivered"
    assert job.open("mean.csv").read().decode().splitlines()[1] == "Adelie,3700.0,20"
    assert job.receipt().job.consumer == ann.address
    assert (paid(ann), ann.holding(hosted.offer, "runs").uses) == (3, 1)
    assert ann.jobs.at(job.id[:8]).status().over
    with pytest.raises(JobNotFound):
        ann.jobs.at("ffff")


def test_what_is_held_is_used_before_anything_is_bought(hosted: Hosted, ann: Registry) -> None:
    """Two uses pay for two jobs that are open at the same time, and the third needs new ones."""
    waits = hosted.unread()
    for number, bought in enumerate([3, 3, 6]):
        plan = ann.compute(waits, on=hosted.offer, seed=number, max_total="3 USD", dry_run=True)
        assert (plan.purchase is None) is (number == 1)
        ann.compute(waits, on=hosted.offer, seed=number, max_total="3 USD")
        assert paid(ann) == bought
    assert len(ann.jobs.ordered.all()) == 3
    day = hosted.stranger.compute(waits, on=hosted.offer, dry_run=True)
    assert day.purchase is None and "it is paid for" in str(day)
    for kept in ann.jobs.ordered.all():
        ann.jobs.at(kept.id).cancel()
    assert {(kept.state, kept.over) for kept in ann.jobs.ordered.all()} == {("cancelled", True)}
    assert ann.compute(hosted.mean, on=hosted.offer, dry_run=True).purchase is None, "their uses are free again"


def test_nothing_is_paid_for_what_would_be_refused_or_has_no_host(hosted: Hosted, ann: Registry) -> None:
    with pytest.raises(JobRefused, match="may not be 'mass'"):
        ann.compute(hosted.mean, on=hosted.offer, params={"by": "mass"}, max_total="3 USD")
    with pytest.raises(AccessDenied, match='max_total="3 USD"'):
        ann.compute(hosted.mean, on=hosted.offer)
    with pytest.raises(PriceChanged, match=r"2\.5 USD"):
        ann.compute(hosted.mean, on=hosted.offer, max_total="2.5 USD")
    with pytest.raises(AccessDenied, match="for that money"):
        ann.compute(hosted.mean, on=hosted.offer, max_total="3 ETH")
    with listen("127.0.0.1", 0) as gone:
        nobody = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(HostError, match="is not there"):
        ann.compute(hosted.mean, on=hosted.offer, max_total="3 USD", url=nobody)
    with pytest.raises(HostError, match="it runs jobs as") as caught:
        ann.compute(hosted.mean, on=hosted.offer, max_total="3 USD", host=ann.address)
    assert caught.value.code == "another"
    with pytest.raises(InputError, match="2 were named"):
        ann.compute(hosted.mean, on=[hosted.offer, hosted.offer], max_total="3 USD")
    with pytest.raises(InputError, match="offers no runs"):
        ann.compute(hosted.mean, on=hosted.owner.get(hosted.offer).ddo.compute.data, max_total="3 USD")  # type: ignore[union-attr,arg-type]
    assert paid(ann) == 0 and ann.jobs.ordered.all() == ()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("where", "name"),
    [(OrderFolder, "put"), (HostClient, "submit"), (OrderFolder, "note")],
    ids=["bought", "ordered", "handed in"],
)
def test_killed_anywhere_and_run_again_it_pays_once_for_one_job(
    hosted: Hosted, ann: Registry, where: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise Killed

    waits = hosted.unread()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(where, name, killed)
        ann.compute(waits, on=hosted.offer, max_total="3 USD")
    again = ann.as_account("ann")
    job = again.compute(waits, on=hosted.offer, max_total="3 USD")
    assert paid(ann) == 3 and [kept.id for kept in again.jobs.ordered.all()] == [job.id]
    assert [entry.id for entry in hosted.desk.book.all()] == [job.id]
    assert job.cancel().state == "cancelled"


def test_an_order_that_the_host_refuses_keeps_no_use(hosted: Hosted, ann: Registry) -> None:
    """The budget is the host's to know: what it refuses was paid for, and is good for the next job."""
    waits = hosted.unread()
    job = ann.compute(hosted.mean, on=hosted.offer, max_total="3 USD")
    assert job.wait(60).over
    for seed in range(1, 9):
        try:
            hosted.stranger.compute(waits, on=hosted.offer, seed=seed)
        except JobRefused:
            break
    with pytest.raises(JobRefused, match="budget"):
        ann.compute(waits, on=hosted.offer, max_total="3 USD")
    assert [kept.state for kept in ann.jobs.ordered.all() if kept.over] == ["delivered", "refused"]
    assert ann.compute(hosted.mean, on=hosted.offer, dry_run=True).purchase is None and paid(ann) == 3
