"""A chapter of ``registry demo``: a stranger computes on data that stay at home, and a program that copies them is
stopped."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from registry.cli.console import Console
from registry.documents.licence import Licence
from registry.errors import JobRefused
from registry.ipfs.cid import CID
from registry.sandbox import Tier, reach

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.documents.compute_terms import Terms

_MEAN: Final = """
import csv, os
from pathlib import Path

masses = {}
for row in csv.DictReader((Path(os.environ["REGISTRY_INPUTS"]) / "data" / "penguins.csv").open()):
    if row["body_mass_g"] not in ("", "NA"):
        masses.setdefault(row["species"], []).append(float(row["body_mass_g"]))
with (Path(os.environ["REGISTRY_OUTPUTS"]) / "mean.csv").open("w") as out:
    out.write("species,mass,n\\n")
    for species, found in sorted(masses.items()):
        out.write(f"{species},{sum(found) / len(found):.1f},{len(found)}\\n")
"""

_COPY: Final = """
import os, shutil
from pathlib import Path

inputs, outputs = Path(os.environ["REGISTRY_INPUTS"]), Path(os.environ["REGISTRY_OUTPUTS"])
shutil.copy(inputs / "data" / "penguins.csv", outputs / "mean.csv")
"""


def play(
    console: Console, station: Registry, stranger: Registry, penguins: Path, refused: dict[str, str]
) -> dict[str, str]:
    """Tell the chapter; what was computed, and what became of the copy. Where the sandbox does not reach the tier that
    strangers' programs need, what is missing."""
    found = reach()
    if found.tier < Tier.BUBBLEWRAP:
        told = {"missing": found.hint}
        with console.step("Computing on data that stay needs a sandbox of tier 2, which this machine does not reach"):
            console.facts(told)
        return told
    from registry.host.host_server import HostServer
    from registry.ipfs.importer import add_file
    from registry.system.serving import listen

    with TemporaryDirectory(prefix="registry-demo-jobs-") as place:
        folder = Path(place)
        (folder / "ward").mkdir()
        (folder / "ward" / "penguins.csv").write_bytes((penguins / "penguins.csv").read_bytes())
        for name, text in (("mean.py", _MEAN), ("copy.py", _COPY)):
            (folder / name).write_text(text)
        mean, copy = (add_file(folder / name, station.store).cid for name in ("mean.py", "copy.py"))
        sock = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        with console.step("A station offers runs on penguins that stay at home: two programs, one table may come out"):
            offer = station.publish(
                folder / "ward",
                name="Penguins at home",
                type="dataset",
                license="CC0-1.0",
                licences=[Licence.uses("runs", uses=2, price="3 USD")],
                compute=_terms((mean, copy), url),
            ).did
            data = station.get(offer).ddo.compute
            assert data is not None and data.data is not None
            desk = station.jobs.desk({data.data: folder / "ward"})
        with HostServer(station, desk, sock, url, rate=1_000, burst=1_000):
            with console.refusal(
                "A program that the terms do not name is refused before it is paid for", JobRefused, refused
            ):
                stranger.compute(CID.raw(b"print(every_row)"), on=[offer], max_total="3 USD")
            with console.step("A stranger asks for the mean body mass, for 3 USD at most, and gets no row"):
                job = stranger.compute(mean, on=[offer], max_total="3 USD")
                job.wait(120)
                table = job.open("mean.csv").read().decode()
            console.facts({"mean": "; ".join(table.split()[1:]), "signed by": job.receipt().job.host})
            with console.step("The second program copies what it reads. It runs, and what it leaves stays there"):
                copied = stranger.compute(copy, on=[offer]).wait(120).state
            uses = stranger.holding(offer, "runs").in_words()
            console.facts({"it was": copied, "the stranger has": uses})
    return {"mean": table, "copy": copied, "uses": uses}


def _terms(code: tuple[CID, ...], url: str) -> Terms:
    """One small table of species, each mean of at least twenty."""
    from registry.documents.compute_terms import DataBudget, ResultColumn, ResultFile, Terms

    columns = (
        ResultColumn(name="species", kind="choice", values=("Adelie", "Chinstrap", "Gentoo")),
        ResultColumn(name="mass", kind="number"),
        ResultColumn(name="n", kind="integer"),
    )
    table = ResultFile(path="mean.csv", bytes=200, columns=columns, rows=3, group="n", smallest=20)
    return Terms(code=code, outputs=(table,), budget=DataBudget(runs=20, bytes=4_000), memory=512 * 2**20, url=url)
