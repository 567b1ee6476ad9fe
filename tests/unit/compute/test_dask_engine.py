"""Runs on the workers of a real Dask scheduler, each in our own sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import dask
import pytest
from distributed import LocalCluster
from ward import MEAN, patients, runs, stored, terms

from registry import CID, DID, Licence, Published, Registry
from registry.compute.dask_engine import DaskEngine, run_on_worker
from registry.compute.job_desk import JobDesk
from registry.compute.run_engine import RunTask
from registry.errors import ConnectionFailed, EngineFailed, InputError
from registry.sandbox import Limits, Tier
from registry.sandbox.runs.code import read_code

LOOK = """
import os, socket
from pathlib import Path

seen = [name for name in os.environ if name == "A_SECRET"]
seen += [str(path) for path in [Path("/root/.bashrc"), Path("/etc/shadow"), Path("/work")] if path.exists()]
try:
    socket.create_connection(("127.0.0.1", PORT), 5)
    seen.append("the scheduler")
except OSError:
    pass
print(seen, flush=True)
(Path(os.environ["REGISTRY_OUTPUTS"]) / "mean.csv").write_text(f"group,mass,n\\nx,{len(seen)},{os.getuid() and 20}\\n")
"""
"""Counts what a task of Dask sees and a run must not; as the super-user it would break the rule of the group."""

SLOW = "import time\ntime.sleep(4)\n" + MEAN
GREEDY = "data = bytearray(10**10)\nfor n in range(0, 10**10, 4096): data[n] = 1\n" + MEAN
MARKED = "import time\nmark = 'registry-test-marked-run'\ntime.sleep(60)\n"


class Spread(NamedTuple):
    """A host whose runs are executed by two workers."""

    cluster: Any
    desk: JobDesk
    buyer: Registry
    offer: Published
    codes: dict[str, CID]

    def taken(self, code: str) -> str:
        return self.desk.accept(self.buyer.jobs.order(self.codes[code], self.offer.did).to_bytes()).id

    def kill_workers(self) -> None:
        for worker in self.cluster.workers.values():
            if worker.pid:
                os.kill(worker.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.worker.daemon": False}
    with pytest.MonkeyPatch.context() as patch, dask.config.set(settings):
        patch.setenv("A_SECRET", "of the worker")
        with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as made:
            yield made


@pytest.fixture
def spread(cluster: Any, author: Registry, stranger: Registry, name: str, tmp_path: Path) -> Iterator[Spread]:
    for client in (author, stranger):
        client.home = tmp_path / client.address
    look = LOOK.replace("PORT", cluster.scheduler_address.rpartition(":")[2])
    programs = {"mean": MEAN, "look": look, "slow": SLOW, "greedy": GREEDY, "marked": MARKED}
    codes = {name: stored(author, text, tmp_path, f"{name}.py") for name, text in programs.items()}
    home, day = patients(tmp_path / "ward"), Licence.period("day", days=1, price="5 USD")
    offer = author.publish(
        home, name=name, type="dataset", license="MIT", licences=[day],
        compute=terms(*codes.values(), memory=256 * 2**20),
    )  # fmt: skip
    stranger.buy(offer.did, "day")
    engine = DaskEngine(cluster.scheduler_address)
    data: DID = author.get(offer.did).ddo.compute.data  # type: ignore[union-attr,assignment]
    yield Spread(cluster, author.jobs.desk({data: home}, engine=engine), stranger, offer, codes)
    engine.close()


def sandboxes() -> str:
    """The command lines of all processes that run the marked program."""
    return subprocess.run(["pgrep", "-fa", "sandbox/inside|/code"], capture_output=True, text=True, check=False).stdout


def until(said: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not said():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_run_on_a_worker_is_in_our_own_sandbox(spread: Spread, tmp_path: Path) -> None:
    """Dask's own tasks see the worker's variables, its files and its network."""
    for code, said in (("mean", "Adelie,3700.0,20"), ("look", "x,0,20")):
        entry = spread.desk.work(spread.taken(code))
        assert (entry.state, entry.why) == ("delivered", ""), spread.desk.log(entry.id)
        spread.buyer.jobs.open(*spread.desk.result(entry.id), tmp_path / code)
        assert (tmp_path / code / "mean.csv").read_text().splitlines()[1] == said, spread.desk.log(entry.id)
    greedy = spread.desk.work(spread.taken("greedy"))
    assert greedy.state == "failed" and spread.cluster.scheduler.workers, "its limit is of the sandbox"


def test_a_cancelled_run_ends_with_its_sandbox(spread: Spread) -> None:
    """Dask lets a task that runs go on to its end."""
    before = sandboxes()
    id = spread.taken("marked")
    with ThreadPoolExecutor(1) as pool:
        worked = pool.submit(spread.desk.work, id)
        until(lambda: sandboxes() != before)
        spread.desk.cancel(id)
        assert worked.result(60).state == "cancelled"
    until(lambda: sandboxes() == before)
    assert not list((spread.desk.folder / id).glob("out*"))


def test_a_run_whose_worker_dies_is_tried_again_and_nothing_is_lost(spread: Spread) -> None:
    id = spread.taken("slow")
    with ThreadPoolExecutor(1) as pool:
        worked = pool.submit(spread.desk.work, id)
        runs(lambda: spread.desk.book.get(id).state)
        until(lambda: any((spread.desk.folder / id).glob("*/begun")))
        spread.kill_workers()
        with pytest.raises(EngineFailed, match="KilledWorker"):
            worked.result(60)
    assert spread.desk.book.get(id).state == "queued"
    entry = spread.desk.work(id)
    assert (entry.state, entry.tries) == ("delivered", 2)


def test_a_run_whose_workers_always_die_is_the_hosts_failure(spread: Spread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.compute.job_desk._TRIES", 1)
    id = spread.taken("slow")
    with ThreadPoolExecutor(1) as pool:
        worked = pool.submit(spread.desk.work, id)
        until(lambda: any((spread.desk.folder / id).glob("*/begun")))
        spread.kill_workers()
        with pytest.raises(EngineFailed):
            worked.result(60)
    entry = spread.desk.book.get(id)
    data = spread.desk._session.get(spread.offer.did).ddo.compute.data  # type: ignore[union-attr]
    assert entry.state == "broken" and "its worker is gone" in entry.why
    assert spread.desk.book.spent(str(data), 1) == (0, 0), "and nothing was taken"


def test_a_worker_whose_host_is_gone_ends_its_run(spread: Spread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose pulse stands still then, as it does when a machine is lost."""
    monkeypatch.setattr("registry.compute.dask_engine.PULSE", 1_000.0)
    monkeypatch.setattr("registry.compute.dask_engine.SILENCE", 1.0)
    before, id = sandboxes(), spread.taken("marked")
    with pytest.raises(EngineFailed, match="heard nothing of this host for 1 s"):
        spread.desk.work(id)
    until(lambda: sandboxes() == before)
    assert spread.desk.book.get(id).state == "queued"


def test_a_worker_without_the_hosts_files_says_so(spread: Spread, tmp_path: Path) -> None:
    task = RunTask(
        program=read_code(tmp_path / "mean.py"),
        inputs={},
        params={},
        variables={},
        outputs=tmp_path / "out",
        limits=Limits(),
        spool=tmp_path / "elsewhere",
        least=Tier.BUBBLEWRAP,
    )
    assert "does not see" in str(run_on_worker(tmp_path, task, tmp_path / "pulse", 1.0))


def test_a_scheduler_that_is_away_breaks_no_job(spread: Spread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.compute.dask_engine._CONNECT", 0.5)
    spread.desk._engine = DaskEngine("tcp://127.0.0.1:9")
    id = spread.taken("mean")
    for _ in range(4):
        with pytest.raises(ConnectionFailed, match="no scheduler of Dask answers"):
            spread.desk.work(id)
    assert spread.desk.book.get(id).state == "queued"
    with pytest.raises(InputError, match="No scheduler of Dask is named"):
        DaskEngine()
    with pytest.raises(InputError, match="no engine 'ray'"):
        spread.buyer.jobs.desk(engine="ray")
