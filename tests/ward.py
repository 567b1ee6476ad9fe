"""A ward whose patients stay at home, and programs that strangers would run on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from registry import CID, DID, DataBudget, Licence, Published, Registry, ResultColumn, ResultFile, Terms
from registry.compute.job_desk import JobDesk
from registry.compute.job_document import JobOrder
from registry.ipfs.unixfs import add_file
from registry.results import Holding

MEAN = """
import csv, json, os
from pathlib import Path

inputs, outputs = Path(os.environ["REGISTRY_INPUTS"]), Path(os.environ["REGISTRY_OUTPUTS"])
by = json.loads(Path(os.environ["REGISTRY_PARAMS"]).read_text()).get("by", "species")
groups = {}
for row in csv.DictReader((inputs / "data" / "patients.csv").open()):
    groups.setdefault(row[by], []).append(float(row["mass"]))
with (outputs / "mean.csv").open("w") as out:
    out.write("group,mass,n\\n")
    for name, masses in sorted(groups.items()):
        out.write(f"{name},{sum(masses) / len(masses)},{len(masses)}\\n")
"""
"""The mean mass of each group."""

COPY = """
import os, shutil
from pathlib import Path

shutil.copy(Path(os.environ["REGISTRY_INPUTS"]) / "data" / "patients.csv",
            Path(os.environ["REGISTRY_OUTPUTS"]) / "mean.csv")
"""
"""Takes the data along under the name of a result."""

LATE = "import time\nprint('patient 7 is ill', flush=True)\ntime.sleep(60)\n"
"""Tells a secret in its log, and does not end."""

FLOOD = "print('patient 7 is ill ' * 10_000)\nraise SystemExit(1)\n"
"""Writes all that it may, and fails."""

BROKEN = "raise SystemExit('patient 7 is ill')\n"


def patients(folder: Path) -> Path:
    """Forty patients of two groups, and one who is alone."""
    folder.mkdir()
    rows = [("Adelie", "f", 3700), ("Gentoo", "m", 5000)] * 20
    lines = [f"{species},{sex},{mass}" for species, sex, mass in rows]
    (folder / "patients.csv").write_text("\n".join(["species,sex,mass", *lines, "Gentoo,x,9999", ""]))
    return folder


def stored(client: Registry, program: str, folder: Path, name: str = "program.py") -> CID:
    """A program in the store."""
    (folder / name).write_text(program)
    return add_file(folder / name, client.store).cid


def runs(state: Callable[[], str]) -> None:
    """Wait until a job runs."""
    until = time.monotonic() + 60
    while (told := state()) != "running":
        assert time.monotonic() < until, told
        time.sleep(0.05)


def terms(*code: CID, **changes: object) -> Terms:
    """The terms of the ward: means of groups of at least ten."""
    table = ResultFile(
        path="mean.csv",
        bytes=400,
        columns=(
            ResultColumn(name="group", kind="choice", values=("Adelie", "Gentoo", "f", "m", "x")),
            ResultColumn(name="mass", kind="number"),
            ResultColumn(name="n", kind="integer"),
        ),
        rows=5,
        group="n",
        smallest=10,
    )
    made = {
        "code": code,
        "params": {"by": ["species", "sex"]},
        "outputs": (table,),
        "budget": DataBudget(runs=5, bytes=2000),
        "seconds": 20,
        "memory": 512 * 2**20,
    }
    return Terms(**{**made, **changes})


class Ward(NamedTuple):
    """An owner, who is the host of data at home, the offering, and a stranger who pays for runs on them."""

    owner: Registry
    stranger: Registry
    offer: Published
    data: DID
    home: Path
    mean: CID

    def desk(self) -> JobDesk:
        return self.owner.jobs.desk({self.data: self.home})

    def order(self, code: CID | None = None, **options: Any) -> JobOrder:
        return self.stranger.jobs.order(code or self.mean, self.offer.did, **options)

    def with_terms(self, **changes: Any) -> None:
        """The owner changes the terms."""
        compute = self.owner.get(self.offer.did).ddo.compute
        assert compute is not None
        self.owner.update(self.offer.did, compute=compute.with_changes(**changes))


def uses_of(ward: Ward) -> Holding:
    """The runs that the stranger has left."""
    return ward.stranger.holding(ward.offer.did, "runs")


def opened_ward(owner: Registry, stranger: Registry, name: str, folder: Path, *licences: Licence) -> Ward:
    """A ward whose runs are sold under these licences."""
    for client in (owner, stranger):
        client.home = folder / client.address  # where each keeps the journal of jobs
    home = patients(folder / "ward")
    mean = stored(owner, MEAN, folder)
    offer = owner.publish(home, name=name, type="dataset", license="MIT", licences=[*licences], compute=terms(mean))
    data = owner.get(offer.did).ddo.compute.data  # type: ignore[union-attr]
    assert data is not None
    return Ward(owner, stranger, offer, data, home, mean)
