"""A host of jobs over real HTTP: orders handed in, waited for, opened and ended, and what strangers try."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from hosting import Hosted
from terminal import runner
from ward import MEAN, runs, stored, terms

from registry import CID, Registry, ResultFile
from registry.cli import cli
from registry.cli.app import App
from registry.compute.job_document import JobOrder
from registry.errors import FileNotInAsset, ForgedReceipt, HostError, InputError, JobRefused
from registry.gated.protocol import MAX_BODY
from registry.gateway.audit_log import AuditLog
from registry.gateway.database import Database
from registry.host import host_api
from registry.host.host_server import FILE, HostServer
from registry.system.serving import listen


def test_an_order_that_is_handed_in_is_run_and_its_result_opened(hosted: Hosted, tmp_path: Path) -> None:
    job = hosted.job()
    assert job.submit().id == job.id == job.submit().id
    assert job.wait(60).state == "delivered"
    assert [file.path for file in job.save(tmp_path / "result").files] == ["mean.csv"]
    assert "Adelie,3700.0,20" in (tmp_path / "result" / "mean.csv").read_text()
    assert job.open().read() == job.open("mean.csv").read() == (tmp_path / "result" / "mean.csv").read_bytes()
    with pytest.raises(FileNotInAsset, match=r"mean\.csv"):
        job.open("table.csv")
    assert job.receipt().job == job.order.job
    with pytest.raises(HostError, match="cannot be cancelled") as caught:
        job.cancel()
    assert (caught.value.code, caught.value.status) == ("state", 409)
    about = httpx.get(f"{hosted.url}/v1/host").json()
    assert about["signer"] == hosted.owner.address and about["registry"] == hosted.owner.deployment.registry


def test_a_log_that_its_owner_lets_out_is_read_by_its_consumer_and_by_nobody_else(
    hosted: Hosted, buyer: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(by: Registry, *words: str) -> str:
        monkeypatch.setattr(App, "registry", lambda _app, *, to=None: by)
        ended = runner().invoke(cli, ["compute", "logs", job.id[:12], *words])
        return ended.stdout + ended.stderr

    telling = stored(hosted.owner, MEAN + "print('\\x1b[2Jall went well')\n", hosted.desk.folder)
    hosted.with_code(telling)
    job = hosted.stranger.compute(telling, on=hosted.offer)
    job.wait(60)
    with pytest.raises(JobRefused, match="kept for the owner") as caught:
        job.logs()
    assert "may let it out" in caught.value.hint and "kept for the owner" in shown(hosted.stranger)
    assert "all went well" in shown(hosted.owner) and "kept for the owner" in shown(hosted.stranger)
    assert "all went well" in shown(hosted.owner, "--release") and "all went well" in shown(hosted.stranger)
    assert job.logs() == "\\x1b[2Jall went well\n", "a terminal obeys none of it"
    with pytest.raises(HostError) as another:
        buyer.jobs.at(job.order).logs()
    assert another.value.code == "not_found"
    (hosted.desk.folder / job.id / "log").write_text("nothing went well\n")
    with pytest.raises(ForgedReceipt, match="the host signed for"):
        job.logs()


def test_a_job_that_runs_is_ended_by_its_consumer_and_by_nobody_else(hosted: Hosted, buyer: Registry) -> None:
    job = hosted.job(hosted.late)
    job.submit()
    runs(lambda: job.status().state)
    another = buyer.jobs.at(job.order)
    for verb in (another.status, another.cancel, another.receipt):
        with pytest.raises(HostError) as caught:
            verb()
        assert caught.value.code == "not_found"
    assert job.cancel().state == "cancelled"
    with pytest.raises(HostError) as caught:
        job.open()
    assert caught.value.code == "state"


def test_a_host_says_why_it_refuses_an_order_and_nothing_of_its_own_house(hosted: Hosted) -> None:
    job = hosted.job()
    unsigned = JobOrder(job=job.order.job, signature="00" * 65)
    with pytest.raises(JobRefused, match="did not sign it"):
        hosted.stranger.jobs.at(unsigned).submit()
    hosted.desk.book.close()
    with pytest.raises(HostError, match="cannot answer now") as caught:
        job.submit()
    assert "sqlite" not in str(caught.value) and "/" not in caught.value.reason


def test_a_fault_of_the_host_with_one_job_keeps_no_other_waiting(
    author: Registry, stranger: Registry, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = Hosted(author, stranger, tmp_path, name)
    first, second = hosted.job(), hosted.job()
    work = hosted.desk.work

    def fails(id: str, **options: Any) -> Any:
        return work(id, **options) if id == second.id else {}["nobody foresaw it"]

    monkeypatch.setattr(hosted.desk, "work", fails)
    with HostServer(author, hosted.desk, hosted.sock, hosted.url, workers=1, rate=1000, burst=1000):
        first.submit()
        second.submit()
        assert second.wait(60).state == "delivered" and first.status().state == "queued"


def test_a_sign_in_is_for_one_job_and_one_deed_and_cannot_be_made_up(hosted: Hosted) -> None:
    job, other = hosted.job(hosted.late), hosted.job()
    for one in (job, other):
        one.submit()
    job.status()
    (auth, _) = next(iter(job._host._signed.values()))
    body = {"auth": auth.model_dump()}
    assert httpx.post(f"{hosted.url}/v1/jobs/{job.id}/status", json=body).status_code == 200
    for path in (f"{other.id}/status", f"{job.id}/cancel"):
        answer = httpx.post(f"{hosted.url}/v1/jobs/{path}", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "sign_in")
    forged = {"auth": {**auth.model_dump(), "signature": "0x" + "11" * 65}}
    for wrong in ({}, forged, {"auth": None}):
        assert httpx.post(f"{hosted.url}/v1/jobs/{job.id}/status", json=wrong).status_code == 401
    job.cancel()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/jobs", b"", 422),
        ("/v1/jobs", b"{}", 422),
        ("/v1/jobs", b"[" * 5_000, 422),
        ("/v1/jobs", b"\xff", 422),
        ("/v1/jobs", b"x" * (MAX_BODY + 1), 413),
        ("/v1/nonce", b"{}", 422),
        ("/v1/nonce", b'{"account":"0x0"}', 422),
        ("/v1/jobs/" + "0" * 64 + "/status", b"{}", 404),
        ("/v1/jobs/" + "0" * 64 + "/why", b"{}", 404),
        ("/v1/jobs/0000/status", b"{}", 404),
        ("/v1/jobs/%2e%2e%2f/status", b"{}", 404),
        ("/v1/other", b"{}", 404),
    ],
)
def test_whatever_is_sent_is_answered_and_nothing_of_it_kept(
    hosted: Hosted, path: str, body: bytes, status: int
) -> None:
    assert httpx.post(f"{hosted.url}{path}", content=body).status_code == status
    assert hosted.desk.book.all() == ()


def test_a_body_that_does_not_come_is_not_waited_for(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_api, "_BODY_SECONDS", 0.2)
    with socket.create_connection(hosted.sock.getsockname(), timeout=60) as line:
        line.sendall(b"POST /v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 500\r\n\r\n{")
        assert b" 400 " in line.recv(4096).split(b"\r\n")[0]
    assert httpx.get(f"{hosted.url}/v1/host").status_code == 200


def test_who_asks_too_often_is_told_when_to_ask_again(author: Registry, tmp_path: Path) -> None:
    author.home = tmp_path
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with HostServer(author, author.jobs.desk(), sock, url, rate=0.001, burst=2):
        answers = [httpx.get(f"{url}/v1/host") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429] and int(answers[2].headers["retry-after"]) > 1


def test_a_host_that_stops_leaves_what_runs_and_its_log_is_a_chain(
    author: Registry, stranger: Registry, tmp_path: Path, name: str
) -> None:
    hosted = Hosted(author, stranger, tmp_path, name)
    with HostServer(author, hosted.desk, hosted.sock, hosted.url):
        job = hosted.job(hosted.late)
        job.submit()
        runs(lambda: hosted.desk.book.get(job.id).state)
    assert hosted.desk.book.get(job.id).state == "queued"
    with pytest.raises(HostError) as caught:
        job.status()
    assert caught.value.code == "unavailable"
    database = Database(hosted.desk.folder / FILE)
    log = AuditLog(database)
    assert log.verify()[0] == 3
    assert [one["event"] for one in log.entries()] == ["start", "order", "stop"]
    database.close()


def test_an_order_without_an_address_is_a_file(author: Registry, folder: Path, name: str) -> None:
    found = terms(CID.raw(b"x"), outputs=(ResultFile(path="a", bytes=1),))
    offer = author.publish(folder, name=name, type="dataset", license="MIT", compute=found).did
    order = author.jobs.order(CID.raw(b"x"), offer)
    with pytest.raises(InputError, match="no address of a host"):
        author.jobs.at(order)
    for wrong in ("http://127.0.0.1:9", "http://jobs.example.org", "https://u:p@jobs.example.org", "ipfs://x", ""):
        with pytest.raises(InputError):
            author.jobs.at(order, wrong)
