"""The same job at several hosts: what they agree on is paid, what is odd is disputed, and what may differ is not voted
on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from terminal import runner
from ward import MEAN, patients, stored, terms

from registry import CID, DID, Licence, Published, Registry
from registry.cli import cli
from registry.cli.app import App
from registry.compute.host_protocol import HostedJob
from registry.compute.job_book import JobEntry
from registry.compute.job_desk import JobDesk
from registry.compute.job_escrow import JobStatus
from registry.compute.redundancy import RedundantJob
from registry.errors import HostError, InputError
from registry.host.host_server import HostServer
from registry.ipfs.unixfs import add_tree
from registry.system.serving import listen

JOBS = Licence.run("jobs", price="0.01 USD", minimum="10 seconds")
LIE = "group,mass,n\nAdelie,1.0,20\n"


class Several(NamedTuple):
    """Three hosts that an owner appointed, by their addresses, and a consumer."""

    urls: dict[str, str]
    desks: list[JobDesk]
    consumer: Registry
    offer: Published
    mean: CID
    close: CID

    def lies(self, desk: JobDesk, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a host hand out a table of its own, which keeps to all rules."""
        look = desk._look

        def liar(entry: JobEntry, under: Any) -> JobEntry:
            (desk._place(entry) / "out" / "mean.csv").write_text(LIE)
            return look(entry, under)

        monkeypatch.setattr(desk, "_look", liar)

    def ordered(self, code: CID, hosts: int = 3) -> Any:
        named = dict(list(self.urls.items())[:hosts])
        return self.consumer.compute_redundant(code, self.offer.did, hosts=named, escrow=True, max_total="1 USD")


@pytest.fixture
def several(
    author: Registry, buyer: Registry, ann: Registry, stranger: Registry, name: str, tmp_path: Path
) -> Iterator[Several]:
    hosts = (author, buyer, ann)
    for client in (*hosts, stranger):
        client.home = tmp_path / client.address
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mean.py").write_text(MEAN)
    (tmp_path / "code" / "run.toml").write_text(
        'entry = "mean.py"\n[outputs."mean.csv"]\ncompare = "close"\nrtol = 1e-9\n'
    )
    close, mean = add_tree(tmp_path / "code", author.store).cid, stored(author, MEAN, tmp_path)
    home = patients(tmp_path / "ward")
    offer = author.publish(
        home, name=name, type="dataset", license="MIT", licences=[JOBS],
        compute=terms(mean, close, hosts=tuple(one.address for one in hosts)),
    )  # fmt: skip
    data: DID = author.get(offer.did).ddo.compute.data  # type: ignore[union-attr,assignment]
    desks, urls = [one.jobs.desk({data: home}) for one in hosts], {}
    with ExitStack() as stack:
        for one, desk in zip(hosts, desks, strict=True):
            sock = listen("127.0.0.1", 0)
            urls[one.address] = f"http://127.0.0.1:{sock.getsockname()[1]}"
            server = HostServer(one, desk, sock, urls[one.address], bonds=["0.5 USD"], rate=1000, burst=1000)
            stack.enter_context(server)
        yield Several(urls, desks, stranger, offer, mean, close)


def gone(_order: object) -> HostedJob:
    raise HostError("https://gone.example", "nobody answers")


@pytest.mark.parametrize("liars", [1, 2], ids=["one lies", "two collude"])
def test_the_odd_answer_is_shown_and_disputed_and_its_host_loses_nothing_by_code(
    several: Several, liars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """two_of_three_collude_is_reported: a majority is no proof, so that the council reads who gave what."""
    for desk in several.desks[3 - liars :]:
        several.lies(desk, monkeypatch)
    job = several.ordered(several.mean)
    found = job.wait(120)
    hosts = list(several.urls)
    odd = hosts[2] if liars == 1 else hosts[0]
    assert [one.host for one in found.odd] == [odd] and len(found.agreed) == 2, found
    assert found.in_words().startswith(f"2 of 3 hosts gave the same files; {odd} gave bafy")
    job.settle(found)
    told = {one.order.job.host: one.escrowed().status for one in job.jobs}
    assert told.pop(odd) is JobStatus.DISPUTED and set(told.values()) == {JobStatus.CLOSED}
    # One that is silent keeps nobody from the others' answers, and counts among all of whom more than half must agree.
    for silent, agree in ((hosts.index(odd), 2), (1, 0)):
        with monkeypatch.context() as patch:
            patch.setattr(job.jobs[silent]._host, "status", gone)
            again = job.wait(120)
        assert (again.answers[silent].state, len(again.agreed), again.odd) == ("silent", agree, ())
        assert "nobody answers" in again.answers[silent].fault


def test_a_host_that_copies_the_first_answer_gives_nothing_that_opens(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    """copies_first_answer: all that is public of an answer is sealed to a key of that one order."""
    first, second = several.desks[:2]

    def copied(entry: JobEntry) -> JobEntry:
        until = time.monotonic() + 60
        while not (seen := first.book.all("delivered")):
            assert time.monotonic() < until
            time.sleep(0.1)
        facts = {name: seen[0].facts[name] for name in ("sealed", "root", "subjects")}
        return second.book.move(entry, "sealed", **facts)

    monkeypatch.setattr(second, "_seal", copied)
    job = several.ordered(several.mean, 2)
    found = job.wait(120)
    assert found.agreed == () and "cannot be believed" in found.answers[1].fault
    assert found.in_words() == "no answer was given by more than half of 2 hosts"
    with pytest.raises(InputError, match="Nothing is settled"):
        job.settle(found)


def test_outputs_that_may_differ_are_never_voted_on(several: Several) -> None:
    """close_outputs_never_voted_by_cid, even where they are the same."""
    job = several.ordered(several.close, 2)
    found = job.wait(120)
    assert found.differing == ("mean.csv",) and found.agreed == () == found.odd
    assert "mean.csv may differ between machines: compare it yourself" in found.in_words()
    with pytest.raises(InputError, match="Nothing is settled"):
        job.settle(found)
    with pytest.raises(InputError, match="two hosts or more"):
        several.ordered(several.mean, 1)
    twice = {form(next(iter(several.urls))): None for form in (str, str.lower)}
    with pytest.raises(InputError, match="has one voice"):
        several.consumer.compute_redundant(several.mean, several.offer.did, hosts=twice)
    with pytest.raises(InputError, match="has one voice"):
        RedundantJob(several.consumer, [job.jobs[0], job.jobs[0]])


def test_on_the_command_line_the_odd_answer_is_disputed_and_jobs_are_compared_again(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that ended is gone on with by the names of the jobs, and other jobs have no voice."""
    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: several.consumer)

    def told(*words: str) -> Any:
        ended = runner().invoke(cli, ["compute", *words, "--json", "--yes"])
        return json.loads(ended.stdout or ended.stderr)

    several.lies(several.desks[2], monkeypatch)
    hosts = [word for host, url in several.urls.items() for word in ("--host", f"{host}={url}")]
    asked = ("redundant", str(several.mean), "--on", str(several.offer.did), *hosts, "--escrow", "--max-total", "1 USD")
    found = told(*asked, "--settle")
    assert [one["agrees"] for one in found["answers"]] == [True, True, False] and len(found["transactions"]) == 3
    names = [one["job"][:16] for one in found["answers"]]
    assert told("compare", *names)["answers"] == found["answers"]
    other = several.consumer.compute(
        several.mean, several.offer.did, params={"by": "sex"}, host=hosts[-1].partition("=")[0],
        url=hosts[-1].partition("=")[2], escrow=True, max_total="1 USD",
    )  # fmt: skip
    assert "are not the same" in told("compare", names[0], other.id)["message"]
