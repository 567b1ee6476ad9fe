"""Jobs of a stranger on data that stay with their owner, from the order to the receipt, on a chain in this process."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ward import BROKEN, COPY, LATE, MEAN, Ward, runs, stored, uses_of

from registry import CID, DataBudget, Licence, Registry
from registry.assets.owning import DataOfferedWarning
from registry.compute.job_book import JobEntry
from registry.compute.job_desk import JobDesk
from registry.compute.job_document import JobOrder
from registry.compute.job_minutes import next_use
from registry.compute.job_queue import fair, work_all
from registry.compute.job_receipt import read_receipt
from registry.documents.canonical import canonical_bytes
from registry.errors import (
    AccessDenied,
    ContentError,
    ForgedReceipt,
    InputError,
    InvalidRecord,
    JobNotFound,
    JobRefused,
    Unverified,
    WrongJobState,
    WrongKey,
)


def test_a_stranger_computes_a_mean_over_data_that_stay_at_home(ward: Ward, tmp_path: Path) -> None:
    desk = ward.desk()
    entry = desk.work(desk.accept(ward.order().to_bytes()).id)
    assert (entry.state, entry.why, uses_of(ward).uses) == ("delivered", "", 2)
    sealed, receipt = desk.result(entry.id)
    ward.stranger.jobs.open(sealed, receipt, tmp_path / "result")
    assert (tmp_path / "result" / "mean.csv").read_text().splitlines()[1] == "Adelie,3700.0,20"
    read = ward.stranger.jobs.verify(receipt)
    assert (read.job.id, read.tier, [one.path for one in read.outputs]) == (entry.id, 2, ["mean.csv"])
    read.check(folder=tmp_path / "result")
    with pytest.raises(WrongKey):
        ward.owner.jobs.open(sealed, receipt, tmp_path / "other")
    assert not (ward.desk()._place(entry) / "out").exists(), "nothing of it lies in the clear any more"
    assert desk.accept(ward.order().to_bytes()).state == "queued"
    assert desk.work(entry.id) == entry and uses_of(ward).uses == 2


def test_an_algorithm_that_copies_its_input_is_stopped_though_it_is_on_the_list(ward: Ward, tmp_path: Path) -> None:
    """copies_input_to_output"""
    copy = stored(ward.owner, COPY, tmp_path, "copy.py")
    ward.with_terms(code=(ward.mean, copy))
    desk = ward.desk()
    entry = desk.work(desk.accept(ward.order(copy).to_bytes()).id)
    assert entry.state == "withheld" and "400 bytes of output" in entry.why and entry.taken == 0
    assert uses_of(ward).uses == 3
    with pytest.raises(WrongJobState):
        desk.result(entry.id)


def test_a_group_of_one_does_not_come_out(ward: Ward) -> None:
    """one_row_group"""
    desk = ward.desk()
    entry = desk.work(desk.accept(ward.order(params={"by": "sex"}).to_bytes()).id)
    assert (entry.state, uses_of(ward).uses) == ("withheld", 3) and "fewer than 10" in entry.why


def test_code_and_parameters_that_the_terms_do_not_name_are_refused_before_anything_runs(
    ward: Ward, tmp_path: Path
) -> None:
    """algorithm_not_on_list, same_name_other_cid"""
    copy = stored(ward.owner, COPY, tmp_path)  # under the same name, another program
    with pytest.raises(JobRefused, match="not on its list"):
        ward.order(copy)
    with pytest.raises(JobRefused, match="'by' may not be 'mass'"):
        ward.order(params={"by": "mass"})
    order = ward.order()
    other = order.job.made({**order.job.to_dict(), "code": str(copy)})
    assert ward.stranger.signer is not None
    forged = JobOrder(job=other, signature=ward.stranger.signer.sign_typed_data(other.message()).hex(), use=order.use)
    with pytest.raises(JobRefused, match="not on its list"):
        ward.desk().accept(forged.to_bytes())
    assert ward.desk().book.all() == ()


def test_terms_that_were_changed_in_between_are_not_those_that_were_signed(ward: Ward) -> None:
    """list_changed_between_open_and_accept"""
    order = ward.order()
    ward.with_terms(seconds=21)
    with pytest.raises(JobRefused, match="terms were changed"):
        ward.desk().accept(order.to_bytes())


def test_an_order_is_for_one_host_and_of_one_account_and_for_one_version_of_the_data(ward: Ward) -> None:
    order = ward.order()
    with pytest.raises(JobRefused, match="it is for the host"):
        ward.stranger.jobs.desk().accept(order.to_bytes())
    assert ward.owner.signer is not None
    another = ward.owner.signer.sign_typed_data(order.job.message()).hex()
    signed = JobOrder(job=order.job, signature=another, use=order.use)
    with pytest.raises(JobRefused, match="did not sign it"):
        ward.desk().accept(signed.to_bytes())
    (ward.home / "patients.csv").write_text("species,sex,mass\n")
    ward.owner.update(ward.data, path=ward.home)
    with pytest.raises(JobRefused, match="version 2 now"):
        ward.desk().accept(order.to_bytes())


@pytest.mark.parametrize("left", [b"", b"{}", b"\xff", b"[" * 10_000, b'{"job":1,"signature":"00"}', b"0" * 2**21])
def test_what_is_no_order_is_refused(ward: Ward, left: bytes) -> None:
    with pytest.raises(InvalidRecord):
        ward.desk().accept(left)


def test_a_use_pays_for_the_job_that_it_was_signed_for_and_no_other(ward: Ward) -> None:
    first, second = ward.order(), ward.order()
    swapped = JobOrder(job=second.job, signature=second.signature, use=first.use)
    with pytest.raises(JobRefused, match="use is of another job"):
        ward.desk().accept(swapped.to_bytes())
    unpaid = JobOrder(job=second.job, signature=second.signature)
    with pytest.raises(JobRefused, match="signed no use"):
        ward.desk().accept(unpaid.to_bytes())


def test_whoever_spends_the_use_elsewhere_meanwhile_gets_no_result(ward: Ward) -> None:
    desk = ward.desk()
    entry = desk.accept(ward.order().to_bytes())
    ward.stranger.consume(ward.offer.did, "runs", uses=3)
    entry = desk.work(entry.id)
    assert entry.state == "unpaid" and entry.receipt is None
    assert desk.book.spent(str(ward.data), 1) == (0, 0)


def test_who_bought_time_signs_no_use_and_who_bought_nothing_orders_nothing(ward: Ward, buyer: Registry) -> None:
    with pytest.raises(AccessDenied, match="no licence for runs"):
        buyer.jobs.order(ward.mean, ward.offer.did)
    buyer.buy(ward.offer.did, "day")
    order = buyer.jobs.order(ward.mean, ward.offer.did)
    assert order.use is None and ward.desk().accept(order.to_bytes()).state == "queued"


def test_a_budget_is_of_the_data_and_not_of_an_account(ward: Ward, buyer: Registry) -> None:
    """budget_shared_by_two_accounts, params_as_query_channel: to ask otherwise is to ask once more."""
    ward.with_terms(budget=DataBudget(runs=2, bytes=2000))
    buyer.buy(ward.offer.did, "day")
    desk = ward.desk()
    desk.accept(ward.order().to_bytes())
    desk.accept(buyer.jobs.order(ward.mean, ward.offer.did).to_bytes())
    for params in ({}, {"by": "sex"}):
        with pytest.raises(JobRefused, match="no run left of 2"):
            desk.accept(buyer.jobs.order(ward.mean, ward.offer.did, params=params).to_bytes())


def test_a_budget_does_not_go_back_with_a_journal_that_is_restored_from_a_backup(ward: Ward) -> None:
    """budget_restored_from_backup_does_not_go_back: the chain remembers what was paid for."""
    ward.with_terms(budget=DataBudget(runs=2, bytes=2000))
    desk = ward.desk()
    done = desk.work(desk.accept(ward.order().to_bytes()).id)
    desk.book.close()
    for path in desk.folder.glob("jobs.sqlite*"):
        path.unlink()
    again = ward.desk()
    with pytest.raises(JobNotFound):
        again.book.get(done.id)
    again.accept(ward.order().to_bytes())
    assert again.book.spent(str(ward.data), 1) == (2, 800), "as if it had taken all that it might"
    with pytest.raises(JobRefused, match="no run left of 2"):
        again.accept(ward.order().to_bytes())


def test_of_many_who_race_for_the_last_bytes_one_gets_them(ward: Ward) -> None:
    """two_jobs_race_for_last_epsilon: there is no epsilon here, and bytes are counted the same way."""
    ward.with_terms(budget=DataBudget(runs=5, bytes=799))
    orders = [ward.order().to_bytes() for _ in range(3)]
    taken: list[str] = []
    refused: list[JobRefused] = []

    def hand_in(order: bytes) -> None:
        try:
            taken.append(ward.desk().accept(order).id)
        except JobRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=hand_in, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1 and len(refused) == 2 and "399 bytes left" in str(refused[0])


def test_what_a_program_writes_is_for_the_owner_and_its_failure_costs_no_use(ward: Ward, tmp_path: Path) -> None:
    broken = stored(ward.owner, BROKEN, tmp_path)
    ward.with_terms(code=(broken,))
    desk = ward.desk()
    entry = desk.work(desk.accept(ward.order(broken).to_bytes()).id)
    assert (entry.state, entry.why, uses_of(ward).uses) == ("failed", "ended with exit code 1", 3)
    assert desk.log(entry.id) == b"patient 7 is ill\n"
    assert desk.book.spent(str(ward.data), 1) == (1, 0), "it ran"


def test_a_job_that_runs_is_cancelled_by_another_process(ward: Ward, tmp_path: Path) -> None:
    late = stored(ward.owner, LATE, tmp_path)
    ward.with_terms(code=(late,))
    desk = ward.desk()
    id = desk.accept(ward.order(late).to_bytes()).id
    ended: list[str] = []
    worker = threading.Thread(target=lambda: ended.append(ward.desk().work(id).state))
    worker.start()
    runs(lambda: desk.book.get(id).state)
    assert desk.work(id).state == "running", "another works on it"
    desk.cancel(id)
    worker.join(20)
    assert ended == ["cancelled"] and desk.book.spent(str(ward.data), 1) == (0, 0)
    with pytest.raises(WrongJobState):
        desk.cancel(id)


def test_other_code_runs_when_the_owner_read_it_and_a_held_result_goes_out_when_the_owner_saw_it(
    ward: Ward, tmp_path: Path
) -> None:
    ward.with_terms(review=True, release="owner")
    other = stored(ward.owner, MEAN + "# mine\n", tmp_path)
    desk = ward.desk()
    id = desk.accept(ward.order(other).to_bytes()).id
    assert desk.work(id).state == "in review"
    desk.approve(id)
    assert desk.work(id).state == "held" and uses_of(ward).uses == 3
    desk.approve(id)
    assert desk.work(id).state == "delivered" and uses_of(ward).uses == 2
    second = desk.accept(ward.order(other).to_bytes()).id
    assert desk.decline(second, "not for us").state == "declined"
    with pytest.raises(WrongJobState):
        desk.approve(second)


def test_data_that_lie_otherwise_than_their_document_says_are_not_computed_on(ward: Ward) -> None:
    (ward.home / ".hidden.csv").write_text("a name that the content leaves out, and a program would see")
    desk = ward.desk()
    id = desk.accept(ward.order().to_bytes()).id
    for _ in range(3):
        with pytest.raises(Unverified):
            desk.work(id)
    assert desk.work(id).state == "broken" and uses_of(ward).uses == 3
    with pytest.raises(ContentError):
        nowhere = ward.owner.jobs.desk()
        nowhere.work(nowhere.accept(ward.order().to_bytes()).id)


def test_an_account_with_many_jobs_keeps_nobody_from_a_turn_and_a_job_that_fails_keeps_no_other(
    ward: Ward, buyer: Registry, tmp_path: Path
) -> None:
    buyer.buy(ward.offer.did, "day")
    ward.stranger.buy(ward.offer.did, "day")
    lost = CID.raw(b"code that nobody has")
    ward.with_terms(code=(ward.mean, lost), budget=DataBudget(runs=9, bytes=4000))
    desk = ward.desk()
    many = [desk.accept(ward.order(lost if number == 1 else ward.mean).to_bytes()) for number in range(4)]
    one = desk.accept(buyer.jobs.order(ward.mean, ward.offer.did).to_bytes())
    assert one in fair(desk.book.all())[:2] and len(fair(desk.book.all())) == 5
    ended = {entry.id: entry for entry in work_all(desk, workers=2)}
    failed = ended.pop(many[1].id)
    assert failed.state == "queued" and str(lost) in failed.why
    assert {entry.state for entry in ended.values()} == {"delivered"} and len(ended) == 4
    work_all(desk)
    assert [entry.state for entry in work_all(desk)] == ["broken"] and work_all(desk) == ()
    with pytest.raises(InputError):
        work_all(desk, workers=0)


def test_a_host_that_is_stopped_leaves_what_runs_for_later(ward: Ward, tmp_path: Path) -> None:
    late = stored(ward.owner, LATE, tmp_path)
    ward.with_terms(code=(late,))
    desk, stop = ward.desk(), threading.Event()
    id = desk.accept(ward.order(late).to_bytes()).id
    worker = threading.Thread(target=lambda: desk.work(id, stop=stop))
    worker.start()
    runs(lambda: desk.book.get(id).state)
    stop.set()
    worker.join(20)
    assert (desk.book.get(id).state, desk.book.get(id).why) == ("queued", "the host was stopped")


class Killed(BaseException):
    """The process ends here."""


def killed(desk: JobDesk, id: str, state: str, monkeypatch: pytest.MonkeyPatch, *, after: bool = False) -> None:
    """A host works on a job, and is killed before, or after, it writes down that it is in a state."""
    move = desk.book.move

    def ends(entry: JobEntry, to: str, **changes: Any) -> JobEntry:
        if to == state:
            if after:
                move(entry, to, **changes)
            raise Killed
        return move(entry, to, **changes)

    monkeypatch.setattr(desk.book, "move", ends)
    with pytest.raises(Killed):
        desk.work(id)
    desk.book.close()


@pytest.mark.parametrize("state", ["running", "ran", "cleared", "sealed", "delivered"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_each_step_a_host_loses_nothing_and_takes_no_use_twice(
    ward: Ward, state: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = ward.desk()
    id = desk.accept(ward.order().to_bytes()).id
    killed(desk, id, state, monkeypatch, after=after)
    again = ward.desk()
    entry = again.work(id)
    assert entry.state == "delivered" and uses_of(ward).uses == 2
    sealed, receipt = again.result(id)
    assert ward.stranger.jobs.verify(receipt).job.id == id and sealed


def test_killed_while_minutes_run_and_when_they_are_taken_a_host_takes_those_of_the_run_that_ended(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was signed for a run that was lost is not taken, and what was taken is not taken again."""
    ward.with_terms(use="minute")
    order = ward.order()
    first = order.receipt()
    assert first is not None and ward.stranger.signer is not None
    desk = ward.desk()
    id = desk.accept(order.to_bytes()).id
    for minutes in (2, 3):
        use = next_use(first, minutes)
        desk.sign(id, replace(use, signature=ward.stranger.signer.sign_typed_data(use.message())))
    killed(desk, id, "ran", monkeypatch)
    again = ward.desk()
    assert again.book.minutes(id) == 3 and uses_of(ward).uses == 3
    killed(again, id, "delivered", monkeypatch)
    assert uses_of(ward).uses == 2, "taken, and not yet written down"
    last = ward.desk()
    entry = last.work(id)
    assert (entry.state, entry.tries, uses_of(ward).uses) == ("delivered", 2, 2)
    assert ward.stranger.jobs.verify(last.result(id)[1]).minutes == 1


def test_a_receipt_whose_host_did_not_sign_every_word_is_none(ward: Ward, tmp_path: Path) -> None:
    desk = ward.desk()
    entries = [desk.work(desk.accept(ward.order().to_bytes()).id) for _ in range(2)]
    (_, receipt), (_, other) = (desk.result(entry.id) for entry in entries)
    envelope = json.loads(receipt)
    statement = json.loads(base64.b64decode(envelope["payload"]))

    def changed(**fields: Any) -> bytes:
        payload = base64.b64encode(canonical_bytes({**statement, **fields})).decode()
        return canonical_bytes({**envelope, "payload": payload})

    forged = [
        changed(subject=[]),
        changed(more=1),
        changed(predicate={**statement["predicate"], "runDetails": {}}),
        canonical_bytes({**envelope, "signatures": json.loads(other)["signatures"]}),
        canonical_bytes({**envelope, "signatures": []}),
        canonical_bytes({**envelope, "note": "ours"}),
        canonical_bytes({**envelope, "payload": "*"}),
        b"{}",
        b"[]",
        receipt + b" ",
        receipt[:-1],
    ]
    for one in forged:
        with pytest.raises(ForgedReceipt):
            read_receipt(one)
    assert read_receipt(receipt).job.id == entries[0].id
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mean.csv").write_text("group,mass,n\n")
    with pytest.raises(ForgedReceipt, match="the host signed for"):
        read_receipt(receipt).check(folder=tmp_path / "files")
    with pytest.raises(ForgedReceipt, match="this document is"):
        read_receipt(receipt).check(ward.owner.get(ward.data).ddo)


def test_a_result_of_another_job_is_not_opened_under_this_receipt(ward: Ward, tmp_path: Path) -> None:
    """of_other_job"""
    desk = ward.desk()
    first = desk.work(desk.accept(ward.order().to_bytes()).id)
    second = desk.work(desk.accept(ward.order().to_bytes()).id)
    with pytest.raises(WrongKey):
        ward.stranger.jobs.open(desk.result(first.id)[0], desk.result(second.id)[1], tmp_path / "result")
    assert not (tmp_path / "result").exists()


def test_jobs_are_found_by_how_their_names_begin(ward: Ward) -> None:
    desk = ward.desk()
    entry = desk.accept(ward.order().to_bytes())
    assert desk.book.get(entry.id[:8]) == entry and desk.book.all("queued") == (entry,)
    for wrong in ("", "ffff", "a" * 65, "%", entry.id[:4].upper() + "Z"):
        with pytest.raises(JobNotFound):
            desk.book.get(wrong)


def test_a_use_whose_key_was_cancelled_pays_for_no_result(ward: Ward) -> None:
    """cancelled_key: the consumer gets none either."""
    desk, order = ward.desk(), ward.order()
    entry, use = desk.accept(order.to_bytes()), order.receipt()
    assert use is not None
    ward.stranger.act("cancel a use", ward.stranger.receipt_contract.functions.cancelReceipt(use.nonce >> 64))
    assert desk.work(entry.id).state == "unpaid" and uses_of(ward).uses == 3
    with pytest.raises(WrongJobState):
        desk.result(entry.id)


def test_uses_are_taken_in_any_order(ward: Ward) -> None:
    """interval_receipt_out_of_order: each has a key of its own, so that none waits for another."""
    desk = ward.desk()
    first, second = (desk.accept(ward.order().to_bytes()) for _ in range(2))
    assert desk.work(second.id).state == "delivered" and uses_of(ward).uses == 2
    assert desk.work(first.id).state == "delivered" and uses_of(ward).uses == 1


def test_a_receipt_of_another_version_of_the_data_is_of_another_job(ward: Ward, tmp_path: Path) -> None:
    """of_other_version"""
    desk = ward.desk()
    first = desk.work(desk.accept(ward.order().to_bytes()).id)
    with (ward.home / "patients.csv").open("a") as file:
        file.write("Adelie,f,3900\n")
    ward.owner.update(ward.data, path=ward.home)
    second = desk.work(desk.accept(ward.order().to_bytes()).id)
    assert first.receipt is not None and second.receipt is not None
    assert [read_receipt(one).job.data_version for one in (first.receipt, second.receipt)] == [1, 2]
    with pytest.raises(WrongKey):
        ward.stranger.jobs.open(desk.result(second.id)[0], first.receipt, tmp_path / "result")
    envelope = json.loads(first.receipt)
    said = base64.b64decode(envelope["payload"]).replace(b'"dataVersion":1', b'"dataVersion":2')
    changed = canonical_bytes({**envelope, "payload": base64.b64encode(said).decode()})
    with pytest.raises(ForgedReceipt):
        read_receipt(changed)


def test_a_licence_on_data_that_sold_nothing_is_warned_of(ward: Ward) -> None:
    """raw_gets_a_licence_is_warned"""
    with pytest.warns(DataOfferedWarning, match="gives nobody a block of it: 'all' sells nothing"):
        ward.owner.add_licence(ward.data, Licence.hold("all", price="1 USD"), dry_run=True)
