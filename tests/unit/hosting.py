"""A host of jobs that listens on this machine, and a stranger who may order there."""

from __future__ import annotations

from pathlib import Path

from ward import LATE, MEAN, patients, stored, terms

from registry import CID, Licence, Registry
from registry.compute.job_desk import JobDesk
from registry.compute.ordered_job import OrderedJob
from registry.system.serving import listen

DAY = Licence.period("day", days=1, price="5 USD")
RUNS = Licence.uses("runs", uses=2, price="3 USD")
JOBS = Licence.run("jobs", price="0.01 USD", minimum="10 seconds")


class Hosted:
    """An owner whose host listens, and a stranger who bought a day."""

    def __init__(self, owner: Registry, stranger: Registry, folder: Path, name: str) -> None:
        self.owner, self.stranger = owner, stranger
        for client in (owner, stranger):
            client.home = folder / client.address
        self.mean, self.late = stored(owner, MEAN, folder), stored(owner, LATE, folder, "late.py")
        self.sock = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        self.home = home = patients(folder / "ward")
        self.offer = owner.publish(
            home, name=name, type="dataset", license="MIT", licences=[DAY, RUNS, JOBS],
            compute=terms(self.mean, self.late, url=self.url),
        ).did  # fmt: skip
        stranger.buy(self.offer, "day")
        self.desk: JobDesk = owner.jobs.desk({owner.get(self.offer).ddo.compute.data: home})  # type: ignore[union-attr,dict-item]

    def job(self, code: CID | None = None) -> OrderedJob:
        """An order of the stranger's, which was not handed in yet."""
        return self.stranger.jobs.at(self.stranger.jobs.order(code or self.mean, self.offer))

    def with_code(self, *code: CID) -> None:
        """The owner names other programs."""
        compute = self.owner.get(self.offer).ddo.compute
        assert compute is not None
        self.owner.update(self.offer, compute=compute.with_changes(code=code))

    def unread(self) -> CID:
        """A program that the owner reads before it runs: its jobs wait, without work and without a clock."""
        compute = self.owner.get(self.offer).ddo.compute
        assert compute is not None
        self.owner.update(self.offer, compute=compute.with_changes(review=True))
        return CID.raw(b"print('let me in')")
