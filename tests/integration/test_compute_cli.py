"""A stranger's mean over penguins that stay at home, on the command line: offered, ordered, run, opened, verified."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from terminal import first_answer

from integration.cli_support import ADDRESSES, KEYS, PENGUINS, Shell
from integration.support import Anvil
from registry import Registry

MEAN = """
import csv, os
from pathlib import Path

groups = {}
for row in csv.DictReader((Path(os.environ["REGISTRY_INPUTS"]) / "data" / "penguins.csv").open()):
    if row["body_mass_g"] not in ("", "NA"):
        groups.setdefault(row["species"], []).append(float(row["body_mass_g"]))
lines = [f"{name},{sum(all_) / len(all_):.2f},{len(all_)}" for name, all_ in sorted(groups.items())]
(Path(os.environ["REGISTRY_OUTPUTS"]) / "mean.csv").write_text("\\n".join(["species,mass,n", *lines, ""]))
"""


RUNS = ("--licence", "runs: 2 uses, 1 USD", "--licence", "jobs: runs, per 10 seconds, 0.1 USD")


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Offers runs (2) on penguins (1) of which nobody gets a block."""
    node = Anvil()
    shell = Shell(node.url, tmp_path_factory.mktemp("owner"))
    shell.ok("deploy", "--local-dollar", "--yes")
    (shell.folder / "mean.py").write_text(MEAN)
    code = re.search(r"baf\w+", shell.ok("cid", "mean.py"))
    assert code is not None
    columns = [
        {"name": "species", "kind": "choice", "values": ["Adelie", "Chinstrap", "Gentoo"]},
        {"name": "mass", "kind": "number"},
        {"name": "n", "kind": "integer"},
    ]
    table = {"path": "mean.csv", "bytes": 500, "columns": columns, "rows": 3, "group": "n", "smallest": 20}
    terms = {"code": [code[0]], "outputs": [table], "budget": {"runs": 8, "bytes": 4000}}
    (shell.folder / "terms.json").write_text(json.dumps(terms))
    named = ("--name", "Penguins", "--type", "dataset", "--license", "CC0-1.0")
    shell.ok("compute", "offer", "terms.json", str(PENGUINS), *named, *RUNS)
    yield shell
    node.stop()


def started(owner: Shell, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    """A host in a process of its own, and its address."""
    host = owner.process("compute", "host", "--data", f"1={PENGUINS}", "--port", "0", "--json", *options)
    return host, first_answer("compute host", host)["url"]


@contextmanager
def served(owner: Shell, *options: str) -> Iterator[str]:
    """The address of a host that stops when it is told to."""
    host, url = started(owner, *options)
    try:
        yield url
    finally:
        host.send_signal(signal.SIGTERM)
        assert host.wait(60) == 0


def test_a_stranger_computes_a_mean_over_penguins_that_stay_at_home(owner: Shell, tmp_path: Path) -> None:
    stranger = owner.as_("stranger")
    environment = {"REGISTRY_KEYS": "file", "REGISTRY_KEYS_PASSPHRASE": "a long passphrase"}
    assert "kept by its owner" in stranger.ok("show", "1") and "runs" in stranger.ok("show", "2")
    assert stranger("download", "1", "taken").exit_code == 1
    assert "mean.csv of at most 500 bytes" in stranger.ok("compute", "terms", "2")
    stranger.ok("fund", "10 USD")
    stranger.ok("buy", "2", "runs", "--yes")
    ordered = stranger("compute", "order", "mean.py", "--on", "2", environment=environment)
    assert ordered.exit_code == 0, ordered.stderr
    ran = owner("compute", "work", "order.json", "--data", f"1={PENGUINS}", "--json")
    assert ran.exit_code == 0, ran.stderr
    (told,) = json.loads(ran.stdout)
    assert told["state"] == "delivered", told
    result, receipt = (f"results/{told['job'][:16]}.{ending}" for ending in ("age", "receipt.json"))
    opened = stranger("compute", "open", result, receipt, "--out", "opened", environment=environment)
    assert opened.exit_code == 0, opened.stderr
    assert (owner.folder / "opened" / "mean.csv").read_text().splitlines()[1] == "Adelie,3700.66,151"
    nobody = Shell("http://127.0.0.1:9", owner.folder, None)
    assert told["job"] in nobody.ok("compute", "verify", receipt, "--files", "opened").replace("\n", "")
    (owner.folder / "opened" / "mean.csv").write_text("species,mass,n\n")
    assert "ForgedReceipt" in nobody("compute", "verify", receipt, "--files", "opened", "--json").stderr
    assert "delivered" in owner.ok("compute", "jobs") and owner("compute", "cancel", told["job"][:8]).exit_code == 1
    refused = owner("compute", "work", "order.json", "--json", "--data", "1")
    assert refused.exit_code == 2 and "ASSET=PATH" in refused.stderr


def test_a_host_takes_an_order_over_http_and_stops_when_it_is_told_to(owner: Shell, tmp_path: Path) -> None:
    stranger = owner.as_("stranger")
    environment = {"REGISTRY_KEYS": "file", "REGISTRY_KEYS_PASSPHRASE": "a long passphrase"}
    ordered = stranger("compute", "order", "mean.py", "--on", "2", "--out", "second.json", environment=environment)
    assert ordered.exit_code == 0, ordered.stderr
    with served(owner) as url:
        words = ("compute", "submit", "second.json", "--url", url, "--json")
        ended = stranger(*words, "--out", "over-http", environment=environment)
        assert ended.exit_code == 0, ended.stderr
        assert json.loads(ended.stdout)["state"] == "delivered"
        assert (owner.folder / "over-http" / "mean.csv").read_text().splitlines()[1] == "Adelie,3700.66,151"
        assert "delivered" in stranger.refused(*words[:-1], "--cancel", environment=environment)["message"]
        asked = ("compute", "run", "mean.py", "--on", "2", "--url", url, "--max-total", "1 USD", "--json")
        planned = json.loads(stranger.ok(*asked, "--dry-run"))
        assert planned["purchase"]["price"]["total"] and planned["outputs"][0]["path"] == "mean.csv"
        third = stranger(*asked, "--yes", "--out", "in-one-go", environment=environment)
        assert third.exit_code == 0, third.stderr
        assert (owner.folder / "in-one-go" / "mean.csv").read_text().splitlines()[1] == "Adelie,3700.66,151"
        (told,) = json.loads(stranger.ok("compute", "jobs", "--mine", "--json"))
        fetched = stranger("compute", "fetch", told["job"][:12], "--out", "again", environment=environment)
        assert (told["state"], fetched.exit_code) == ("delivered", 0), fetched.stderr
        assert (owner.folder / "again" / "mean.csv").exists()


def test_a_job_is_paid_in_escrow_over_http_and_by_files(owner: Shell, tmp_path: Path) -> None:
    stranger = owner.as_("stranger")
    environment = {"REGISTRY_KEYS": "file", "REGISTRY_KEYS_PASSPHRASE": "a long passphrase"}
    for one in (owner, stranger):
        one.ok("fund", "50 USD")
    with served(owner, "--bond", "5 USD", "--review", "2 hours") as url:
        asked = ("compute", "run", "mean.py", "--on", "2", "--url", url, "--escrow", "--json")
        assert 'max_total="6 USD"' in stranger.refused(*asked[:-1], "--yes")["hint"]
        assert stranger.json(*asked[:-1], "--max-total", "8 USD", "--dry-run")["escrow"] == "6 USD"
        ran = stranger(*asked, "--max-total", "8 USD", "--yes", "--out", "in-escrow", environment=environment)
        assert ran.exit_code == 0, ran.stderr
        told = json.loads(ran.stdout)
        assert (told["state"], told["escrow"]["status"]) == ("delivered", "delivered")
        assert (owner.folder / "in-escrow" / "mean.csv").read_text().splitlines()[1] == "Adelie,3700.66,151"
    assert "TooEarly" in owner("compute", "settle", told["job"][:12], "--json").stderr, "the host waits for the review"
    stranger.ok("compute", "settle", told["job"][:12])
    (closed,) = stranger.json("compute", "jobs", "--escrow")
    assert (closed["status"], closed["total"], closed["bond"]) == ("closed", "6 USD", "5 USD")

    words = ("compute", "order", "mean.py", "--on", "2", "--escrow", "--out", "fourth.json")
    assert stranger(*words, environment=environment).exit_code == 0
    bid = owner.json("compute", "bid", "fourth.json", "--bond", "5 USD", "--out", "bid.json")
    paid = stranger.json("compute", "pay", "bid.json", "--yes")
    worked = owner.json("compute", "work", "fourth.json", "--data", f"1={PENGUINS}")
    assert (bid["job"], worked[0]["state"]) == (worked[0]["job"], "delivered"), worked
    stranger.ok("compute", "dispute", paid["id"], "--reason", "the table is empty", "--yes")
    assert "waits for the council" in stranger.ok("compute", "jobs", "--escrow").replace("\n", " ")
    assert "TooEarly" in owner("compute", "close", paid["id"], "--json").stderr
    assert owner("compute", "decide", paid["id"], "--share", "10000", "--reason", "mine is right").exit_code != 0
    assert "Nothing waits" in owner.ok("compute", "withdraw", "USD")

    stranger(*words[:-1], "fifth.json", environment=environment)
    owner.ok("compute", "bid", "fifth.json", "--bond", "5 USD", "--out", "other-bid.json")
    paid = stranger.json("compute", "pay", "other-bid.json", "--yes")
    stranger.ok("compute", "cancel", paid["id"][:12])
    assert stranger.json("compute", "jobs", "--escrow")[-1]["status"] == "closed"


@pytest.mark.skipif(not os.environ.get("DEEP"), reason="each step is killed in tests/unit/compute: set DEEP=1")
def test_a_host_that_is_killed_while_runs_go_on_ends_them_when_it_is_back(
    owner: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by the minute, one in escrow: neither is lost or paid twice, and the bond is not lost."""
    slow = tmp_path / "slow.py"
    slow.write_text(MEAN + "import time\ntime.sleep(2)\n")
    code = re.search(r"baf\w+", owner.ok("cid", str(slow)))
    terms = json.loads((owner.folder / "terms.json").read_text())
    terms |= {"code": [code and code[0]], "use": "minute", "budget": {"runs": 20, "bytes": 10_000}}
    (owner.folder / "minutes.json").write_text(json.dumps(terms))
    named = ("--data", "1", "--name", "Minutes", "--type", "dataset", "--license", "CC0-1.0")
    offer = owner.json("compute", "offer", "minutes.json", *named, *RUNS)["did"]
    for name, value in (("KEYS", "file"), ("KEYS_PASSPHRASE", "a long passphrase")):
        monkeypatch.setenv(f"REGISTRY_{name}", value)
    record = owner.folder / "deployments" / "1337.json"
    stranger = Registry.connect(owner.url, signer=KEYS["stranger"], home=owner.folder / "home", deployment=record)
    for account in (ADDRESSES["author"], stranger.address):
        stranger.fund("50 USD", account=account)
    before = stranger.balance("USD", account=ADDRESSES["author"]).units

    options = ("--workers", "2", "--bond", "5 USD")
    host, url = started(owner, *options)
    try:
        jobs = [stranger.compute(slow, on=offer, url=url, max_total="8 USD", escrow=escrow) for escrow in (False, True)]
    finally:
        host.kill()  # whatever it does just now: the first runs, or is about to be delivered
        host.wait(60)
    with served(owner, *options, "--port", url.rpartition(":")[2]):
        assert [job.wait(300).state for job in jobs] == ["delivered", "delivered"]
        assert jobs[0].receipt().minutes == 1 and jobs[0].open().read() == jobs[1].open().read()
    assert stranger.holding(offer, "runs").uses == 1
    jobs[1].settle()
    assert stranger.balance("USD", account=ADDRESSES["author"]).units > before, (
        "the bond is back, and the run is paid for"
    )
