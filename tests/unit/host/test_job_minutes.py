"""Runs that are prepaid by the minute: a use for each that is begun, and none for what was not used or signed for."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hosting import Hosted
from ward import MEAN, runs, stored

from registry import CID, Registry
from registry.compute import job_desk, job_minutes, ordered_job
from registry.compute.host_client import HostClient
from registry.compute.host_protocol import HostedJob
from registry.compute.job_minutes import next_use
from registry.compute.ordered_job import OrderedJob, wait_for_all
from registry.errors import HostError, JobRefused

SLOW = MEAN + "import time\ntime.sleep(4)\n"
SLOW_CID = CID.raw(SLOW.encode())


@pytest.fixture
def ann(hosted: Hosted, ann: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Ann, who holds twenty minutes, each of three seconds, so that a test takes none."""
    monkeypatch.setattr(job_minutes, "MINUTE", 3.0)
    monkeypatch.setattr(ordered_job, "_LONGEST_PAUSE", 0.5)
    ann.home = hosted.owner.home.parent / "ann"  # type: ignore[union-attr]
    stored(hosted.owner, SLOW, tmp_path, "slow.py")
    terms = hosted.owner.get(hosted.offer).ddo.compute
    assert terms is not None
    code = (SLOW_CID, hosted.late)
    hosted.owner.update(hosted.offer, compute=terms.with_changes(code=code, use="minute", seconds=60))
    ann.buy(hosted.offer, "runs", units=10)
    return ann


@pytest.fixture
def endless(hosted: Hosted, ann: Registry) -> OrderedJob:
    """A job that runs, and does not end by itself."""
    job = ann.compute(hosted.late, on=hosted.offer)
    runs(lambda: job.status().state)
    return job


def held(job: OrderedJob) -> int:
    uses: int = job._registry.holding(job.order.job.offering, "runs").uses  # type: ignore[attr-defined]
    return uses


def signed(job: OrderedJob, minutes: int, **changes: Any) -> Any:
    """A use of so many minutes, as its consumer signs it."""
    first = job.order.receipt()
    assert first is not None and job._registry.signer is not None
    use = replace(next_use(first, minutes), **changes)
    return replace(use, signature=job._registry.signer.sign_typed_data(use.message()))


def test_what_is_paid_is_the_minutes_that_were_used(hosted: Hosted, ann: Registry) -> None:
    plan = ann.compute(SLOW_CID, on=hosted.offer, dry_run=True)
    assert plan.minutes == 20 and "a use for each of at most 20 minutes" in str(plan)
    job = ann.compute(SLOW_CID, on=hosted.offer)
    assert job.wait(120).state == "delivered"
    used = job.receipt().minutes
    assert used >= 2 and held(job) == 20 - used
    assert job.open().read().startswith(b"group,mass,n")


def test_a_job_that_ends_while_its_next_minute_is_signed_is_delivered(
    ann: Registry, hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = HostClient.sign

    def slowly(client: HostClient, order: Any, use: Any) -> HostedJob:
        while use.uses > 2 and not client.status(order).over:
            time.sleep(0.1)
        return sign(client, order, use)

    monkeypatch.setattr(HostClient, "sign", slowly)
    assert ann.compute(SLOW_CID, on=hosted.offer).wait(120).state == "delivered"


def test_each_of_several_jobs_is_signed_for_while_another_is_waited_for(
    ann: Registry, hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_desk, "_GRACE", 3.0)
    first, second = (ann.compute(code, on=hosted.offer) for code in (hosted.late, SLOW_CID))
    ended = wait_for_all([first, second], 15)
    assert isinstance(ended[first.id], HostError) and "after 15 s" in str(ended[first.id])
    assert getattr(ended[second.id], "state", None) == "delivered"


def test_a_run_that_nobody_signs_for_any_more_ends_and_costs_nothing(
    hosted: Hosted, ann: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_desk, "_GRACE", 0.5)
    slow = ann.compute(hosted.late, on=hosted.offer)
    until = time.monotonic() + 60
    while not slow.status().over:  # to look is not to wait
        assert time.monotonic() < until
        time.sleep(0.2)
    entry = hosted.desk.book.get(slow.id)
    assert (entry.state, entry.why, held(slow)) == ("cancelled", "nobody signed for more than 1 minutes", 20)
    with pytest.raises(HostError, match="cannot be signed for"):
        slow._host.sign(slow.order, signed(slow, 2))


def test_a_host_takes_the_next_minute_of_this_job_as_its_consumer_signed_it_and_no_other(
    endless: OrderedJob, hosted: Hosted, stranger: Registry
) -> None:
    """interval_receipt_out_of_order, of_other_job"""
    slow = endless
    for wrong in (
        signed(slow, 3),
        signed(slow, 2, ref=b"\1" * 32),
        signed(slow, 2, nonce=1 << 64),
        signed(slow, 2, service=stranger.address),
        replace(signed(slow, 2), signature=b"\1" * 65),
        replace(signed(slow, 1), signature=b"\1" * 65),  # a stranger would see where the job is
    ):
        with pytest.raises(JobRefused):
            slow._host.sign(slow.order, wrong)
    assert slow._host.sign(slow.order, signed(slow, 2)).minutes == 2
    assert slow._host.sign(slow.order, signed(slow, 2)).minutes == 2, "the same again"
    day = hosted.job(hosted.late)  # under a licence for a day
    day.submit()
    with pytest.raises(JobRefused, match="not paid for by the minute"):
        day._host.sign(day.order, signed(slow, 3))


def test_a_host_that_lies_about_minutes_is_signed_for_no_more_than_the_consumers_clock_says(
    endless: OrderedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for any, where the terms say that a use pays for the whole run."""
    slow, given = endless, list[int]()
    answers = HostedJob(id=slow.id, state="running", over=False, minutes=1)
    monkeypatch.setattr(HostClient, "status", lambda *_: answers)

    def sign(_client: HostClient, _order: Any, use: Any) -> HostedJob:
        given.append(use.uses)
        return answers.model_copy(update={"minutes": use.uses})

    monkeypatch.setattr(HostClient, "sign", sign)
    monkeypatch.setattr(job_minutes, "MINUTE", 1e6)
    monkeypatch.setattr(ordered_job, "most_minutes", lambda _terms: 1000)
    for minutes in (1, 1, 7):
        slow._signed_for(answers.model_copy(update={"minutes": minutes}))
    assert set(given) == {2}, "the one that runs, and the next"
    again = slow._registry.jobs.at(slow.id)  # type: ignore[attr-defined]
    again._signed_for(answers)
    assert set(given) == {2}, "another process knows since when it runs"
    monkeypatch.setattr(ordered_job, "most_minutes", lambda _terms: 0)
    given.clear()
    slow._signed_for(answers)
    assert given == []
