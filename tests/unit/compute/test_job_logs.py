"""What programs write about data that stay: kept, or let out within bounds; and what receipts tell besides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ward import FLOOD, MEAN, Ward, stored

from registry import CID, DataBudget
from registry.compute.job_desk import JobDesk
from registry.compute.job_log import JobLog, opened_log
from registry.compute.job_receipt import JobReceipt, read_receipt, told_memory
from registry.errors import ForgedReceipt, JobRefused, LimitExceeded, WrongJobState, WrongKey

SECRET = "patient 7 is ill\n"
TELLING = MEAN + f"print({SECRET[:-1]!r})\n"


def read(ward: Ward, desk: JobDesk, id: str) -> JobLog:
    """The log of a job, as its consumer opens it."""
    entry = desk.book.get(id)
    identity = ward.stranger.keys.get(ward.stranger.address, entry.job.recipient)
    assert identity is not None
    return opened_log(desk.sealed_log(id), identity, None)


def receipt_of(entry: Any) -> JobReceipt:
    assert entry.receipt is not None
    return read_receipt(entry.receipt)


def test_no_log_goes_out_by_itself_and_its_root_betrays_nothing(ward: Ward, tmp_path: Path) -> None:
    telling = stored(ward.owner, TELLING, tmp_path)
    ward.with_terms(code=(telling,))
    desk = ward.desk()
    waits = desk.accept(ward.order(telling).to_bytes())
    for ask in (desk.sealed_log, desk.let_log_out):
        with pytest.raises(WrongJobState, match="is queued, and cannot be asked for its log"):
            ask(waits.id)
    first = desk.work(waits.id)
    second = desk.work(desk.accept(ward.order(telling).to_bytes()).id)
    with pytest.raises(JobRefused, match="kept for the owner"):
        desk.sealed_log(first.id)
    roots = {receipt_of(one).log for one in (first, second)} | {CID.raw(SECRET.encode())}
    assert len(roots) == 3, "whoever guesses what was written does not learn that the guess is right"

    taken = desk.book.spent(str(ward.data), 1)[1]
    assert desk.let_log_out(first.id) == desk.let_log_out(first.id)
    log = read(ward, desk, first.id)
    assert (log.text.decode(), log.root) == (SECRET, receipt_of(first).log)
    assert desk.book.spent(str(ward.data), 1)[1] == taken + len(SECRET), "counted, and once"
    with pytest.raises(JobRefused, match="kept for the owner"):
        desk.sealed_log(second.id)


def test_logs_that_the_terms_let_out_have_a_size_and_count_in_the_budget(ward: Ward, tmp_path: Path) -> None:
    """log_flood, bytes_over_total_by_many_jobs: by failing again and again no more goes out than the budget has."""
    flood = stored(ward.owner, FLOOD, tmp_path)
    ward.with_terms(code=(flood,), log=300, budget=DataBudget(runs=5, bytes=1000))
    desk = ward.desk()
    entry = desk.work(desk.accept(ward.order(flood).to_bytes()).id)
    text = read(ward, desk, entry.id).text
    assert entry.state == "failed" and b"bytes are left out" in text and 200 < len(text) <= 300
    assert desk.book.spent(str(ward.data), 1) == (1, len(text))
    desk.accept(ward.order(flood).to_bytes())
    with pytest.raises(JobRefused, match="the job may take 700"):
        desk.accept(ward.order(flood).to_bytes())


def test_the_log_of_code_that_the_owner_had_to_read_waits_for_the_owner(ward: Ward, tmp_path: Path) -> None:
    ward.with_terms(review=True, log=300)
    other = stored(ward.owner, TELLING, tmp_path)
    desk = ward.desk()
    id = desk.accept(ward.order(other).to_bytes()).id
    desk.approve(id)
    assert desk.work(id).state == "delivered"
    with pytest.raises(JobRefused, match="kept for the owner"):
        desk.sealed_log(id)
    desk.let_log_out(id)
    assert read(ward, desk, id).text.decode() == SECRET


def test_who_does_not_pay_for_a_result_gets_no_log_of_it(ward: Ward, tmp_path: Path) -> None:
    telling = stored(ward.owner, TELLING, tmp_path)
    ward.with_terms(code=(telling,), log=300)
    desk = ward.desk()
    id = desk.accept(ward.order(telling).to_bytes()).id
    ward.stranger.consume(ward.offer.did, "runs", uses=3)
    assert desk.work(id).state == "unpaid"
    with pytest.raises(JobRefused, match="kept for the owner"):
        desk.sealed_log(id)
    with pytest.raises(WrongJobState):
        desk.let_log_out(id)


def test_a_sealed_log_is_opened_by_its_consumer_alone_and_is_the_one_that_was_signed_for(ward: Ward) -> None:
    log = JobLog(b"s" * 32, b"\x1b[2Jit went well")
    order = ward.order()
    keys = ward.stranger.keys
    mine = keys.get(ward.stranger.address, order.job.recipient)
    other = keys.get(ward.stranger.address, ward.order().job.recipient)
    assert mine is not None and other is not None
    sealed = log.sealed(order.job.recipient)
    assert opened_log(sealed, mine, log.root) == log
    with pytest.raises(WrongKey):
        opened_log(sealed, other, None)
    with pytest.raises(ForgedReceipt, match="the host signed for"):
        opened_log(sealed, mine, JobLog(b"s" * 32, b"it went wrong").root)
    with pytest.raises(LimitExceeded):
        opened_log(sealed * 1000, mine, None)
    assert "it went" not in repr(sealed)


def test_the_memory_of_a_run_is_told_so_coarsely_that_it_carries_little(ward: Ward) -> None:
    """A program chooses how much it takes: to the byte that would be a channel of 30 bits."""
    mib = 2**20
    asked = (0, 1, 16 * mib, 16 * mib + 1, 500 * mib, 512 * mib, 512 * mib + 1)
    assert [told_memory(most) // mib for most in asked] == [16, 16, 16, 32, 512, 512, 1024]
    desk = ward.desk()
    receipt = receipt_of(desk.work(desk.accept(ward.order().to_bytes()).id))
    assert receipt.memory <= 64 * mib, "of the run, and not of the host that began it"
    assert ward.owner.signer is not None
    for wrong in ({"memory": "much"}, {"minutes": -1}, {"tier": True}, {"memory": 1.5}):
        with pytest.raises(ForgedReceipt, match="is no number"):
            read_receipt(replace(receipt, **wrong).signed_by(ward.owner.signer))
