"""Pictures of the pages: plays a year of a small registry on a chain in this process, serves its hub, and shoots each
page at three widths in both colour schemes: ``screenshots.py FOLDER [--docs DOCS]``.

With ``--docs`` the ten that the documentation shows are written there as WebP, each below 200 kB.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import struct
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from chromium import Chromium

from registry import Licence, Registry
from registry.assets import Draft
from registry.hub.pages.site import Site
from registry.hub.server import HubServer
from registry.hub.service import Hub
from registry.hub.settings import HubSettings
from registry.index.home_index import open_local
from registry.serving import listen

DAY: Final = 86_400
VOTES: Final = {"author": 400_000, "buyer": 90_000, "ann": 250_000, "bob": 150_000, "cleo": 50_000, "editor": 60_000}


# --- The world -----------------------------------------------------------------------------------


@dataclass
class World:
    """A registry with assets, people and proposals."""

    registry: Registry
    assets: dict[str, Any]
    team: str
    proposals: list[str]


def build(folder: Path) -> World:
    """A year in which people publish, buy, derive, flag and vote."""
    author = Registry.local(dao=VOTES)
    who = {name: author.as_account(name) for name in ("buyer", "stranger", "ann", "bob", "cleo", "editor")}
    who["author"] = author
    made: dict[str, Any] = {}
    chance = random.Random(7)

    def publish(by: str, key: str, content: Path | None, **fields: Any) -> Any:
        made[key] = who[by].publish(content, **fields)
        author.chain.advance(chance.randint(2, 9) * DAY)
        return made[key]

    def buy(by: str, key: str, licence: str, **options: Any) -> None:
        who[by].buy(made[key].did, licence, **options)
        author.chain.advance(chance.randint(3, 60) * 3_600)

    publish(
        "author", "penguins", penguins(folder), name="Palmer penguins", type="dataset", license="CC0-1.0",
        author="Gorman, Williams and Fraser", tags=("biology", "classification", "tabular"), royalty_bps=1_000,
        description="Size measurements of 344 penguins of three species, taken near Palmer Station, Antarctica, from 2007 to 2009.",
        licences=[
            Licence.free("research", limit=1, description="Research and teaching, one for each account."),
            Licence.period("commercial", days=30, price="12.5 USD", description="Any use for 30 days."),
        ],
    )  # fmt: skip
    publish(
        "ann", "ecg", waves(folder), name="Twelve-lead ECG, 21,837 recordings", type="dataset", license="CC-BY-4.0",
        author="Department of Cardiology, Lindenhof Hospital", tags=("health", "time series", "classification"), royalty_bps=500,
        description="Ten-second electrocardiograms of 18,885 patients with up to 71 diagnostic statements each, annotated by two cardiologists.",
        licences=[Licence.free("look", description="The first 100 recordings."), Licence.period("year", days=365, price="480 USD", cap=200), Licence.stream("by the second", price="60 USD", per="30 days")],
    )  # fmt: skip
    publish(
        "editor", "bees", sounds(folder), name="Sounds of a hive", type="dataset", license="CC-BY-SA-4.0", author="Imkerei am Mühlbach",
        tags=("audio", "biology", "time series"), description="Recordings from inside of six bee hives through a season, with notes on swarming, queens and weather.",
        licences=[Licence.hold("supporter", price="9 USD")],
    )  # fmt: skip
    publish(
        "cleo", "tiles", tiles(folder), name="Alpine land cover, 10 m", type="dataset", license="ODbL-1.0", author="Cleo Amrein",
        tags=("remote sensing", "images", "segmentation"), royalty_bps=300,
        description="Satellite tiles of the Alps with eleven classes of land cover, checked by hand at 40,000 points.",
        licences=[Licence.period("quarter", days=90, price="75 USD"), Licence.free("university", limit=1)],
    )  # fmt: skip
    for buyer in ("buyer", "bob", "cleo", "stranger"):
        buy(buyer, "penguins", "research")
    for buyer in ("buyer", "ann", "editor", "buyer", "bob"):
        buy(buyer, "penguins", "commercial")

    ann = who["ann"]
    people = {name: who[name].address for name in ("ann", "bob", "cleo")}
    team = ann.teams.create(
        list(people.values()), threshold=2, shares={people["ann"]: "50 %", people["bob"]: "30 %", people["cleo"]: "20 %"},
        publish=Draft(
            path=classifier(folder), name="Penguin species classifier", type="model", license="MIT", parents=[made["penguins"].did], royalty_bps=500,
            licences=[Licence.uses("predictions", uses=1_000, price="4 USD"), Licence.hold("weights", price="180 USD", cap=50)],
            fields={"description": "Multinomial logistic regression: the species from four measurements, with calibrated probabilities.", "tags": ["biology", "classification"], "author": "Ann, Bob and Cleo"},
        ),
    )  # fmt: skip
    made["classifier"] = author.get(team.asset)
    author.chain.advance(6 * DAY)
    publish(
        "buyer", "app", app(folder), name="Which penguin is this?", type="app", license="Apache-2.0", parents=[made["classifier"].did],
        description="A page that asks for four measurements and tells the species, and how sure it is.", tags=("biology", "demo"),
        author="Buyer Labs", licences=[Licence.free("use")],
    )  # fmt: skip
    publish(
        "bob", "distil", model(folder, "distil", DISTIL), name="Sentence encoder, small, de-CH", type="model", license="Apache-2.0", author="Bob Zgraggen",
        tags=("text", "embeddings", "german"), royalty_bps=800,
        description="Embeddings of 384 numbers for Swiss German and High German sentences. 23 million parameters, quick on a laptop.",
        licences=[Licence.free("open"), Licence.hold("commercial", price="240 USD", description="For products, for ever.")],
    )  # fmt: skip
    publish(
        "cleo", "landnet", model(folder, "landnet", LANDNET), name="LandNet, segmentation of land cover", type="model", license="MIT", author="Cleo Amrein", parents=[made["tiles"].did],
        tags=("remote sensing", "segmentation", "images"), description="A U-Net with a ResNet-34 encoder: eleven classes at 10 m, mean IoU 0.71 on held-out valleys.", royalty_bps=200,
        licences=[Licence.uses("tiles", uses=500, price="25 USD"), Licence.hold("weights", price="900 USD")],
    )  # fmt: skip
    publish(
        "editor", "notebook", notebook(folder), name="A first look at the penguins", type="notebook", license="CC-BY-4.0", author="Editor",
        parents=[made["penguins"].did], tags=("biology", "tutorial"), description="Reads the data, draws the bills, and shows where Simpson's paradox hides in them.",
        licences=[Licence.free("read")],
    )  # fmt: skip
    publish(
        "stranger", "dedupe", model(folder, "dedupe", DEDUPE), name="near-duplicates", type="algorithm", license="BSD-3-Clause", author="S. Tranger",
        tags=("text", "cleaning"), description="Finds documents that are nearly the same, by MinHash and locality-sensitive hashing, a million in four minutes.",
        licences=[Licence.free("any"), Licence.period("support", days=365, price="600 USD")],
    )  # fmt: skip
    publish(
        "ann", "trams", trams(folder), name="Trams of Zürich, arrivals", type="dataset", license="CC0-1.0", author="Ann Keller", tags=("mobility", "time series", "tabular"),
        description="Planned and real arrivals of every tram in 2025, by stop and line, in Parquet.", licences=[Licence.free("open")],
    )  # fmt: skip
    publish(
        "bob", "speech", model(folder, "speech", SPEECH), name="Walliserdeutsch, 60 hours of speech", type="dataset", license="https://example.org/licences/speech-1.0", author="Bob Zgraggen",
        tags=("audio", "speech", "german"), description="Read and free speech of 212 speakers with transcripts, for recognition and for study.",
        licences=[Licence.period("year", days=365, price="350 USD"), Licence.free("research", limit=1)],
    )  # fmt: skip
    publish(
        "author", "fair", model(folder, "fair", FAIR), name="fairness-report", type="algorithm", license="MIT", author="Author", tags=("evaluation", "classification"),
        description="Takes a model and a table, gives the error rates by group with intervals, and says which differences are more than chance.",
        licences=[Licence.uses("reports", uses=20, price="15 USD")],
    )  # fmt: skip
    for buyer, key, licence in (
        ("buyer", "classifier", "predictions"), ("stranger", "classifier", "predictions"), ("editor", "classifier", "weights"),
        ("buyer", "ecg", "year"), ("bob", "ecg", "look"), ("author", "tiles", "quarter"), ("editor", "tiles", "quarter"), ("buyer", "distil", "open"),
        ("ann", "distil", "commercial"), ("author", "bees", "supporter"), ("cleo", "bees", "supporter"), ("buyer", "landnet", "tiles"), ("bob", "trams", "open"),
        ("buyer", "speech", "year"), ("buyer", "trams", "open"), ("cleo", "fair", "reports"), ("bob", "app", "use"), ("buyer", "notebook", "read"),
    ):  # fmt: skip
        buy(buyer, key, licence)

    readme = (folder / "penguins" / "README.md").read_text()
    (folder / "penguins" / "README.md").write_text(
        readme.replace("Two rows lack all four.", "Two rows lack all four measurements; they are kept.").replace("## Citing", "## Changes\n\n* Version 2 adds islands as GeoJSON and the bills as a picture.\n\n## Citing")
    )
    (folder / "penguins" / "islands.geojson").write_text(json.dumps(ISLANDS))
    author.update(made["penguins"].did, path=folder / "penguins", tags=("biology", "classification", "tabular", "antarctica"))
    author.chain.advance(3 * DAY)
    return World(author, made, team.address, govern(author, who, made))


def govern(author: Registry, who: dict[str, Registry], made: dict[str, Any]) -> list[str]:
    """Three proposals: carried out, voted on, and waiting."""
    dao = author.governance.dao
    author.fund("5000 USD", account=dao.timelock)
    author.governance.propose_standard("provenance", "A data set says where it comes from.", kind="metadata")
    author.governance.propose_standard("model-card", "A model says what it was measured on.", kind="metadata")
    case = who["stranger"].publish(None, name="My penguins", type="dataset", license="CC0-1.0", description="Penguins, cheap.")
    flagged = author.governance.flag(case.did, f"A copy of {made['penguins'].did}, sold as one's own.").number
    assert flagged is not None
    with author.governance.collect() as act:
        act.act("halve the fee", act.assets.functions.setFee(50))
        act.governance.adopt_standard("provenance")
        act.governance.decide_flag(flagged, upheld=True, reason="It is the same data, byte for byte.")
    grant = author.governance.payment(who["cleo"].address, "200 USD")
    calls = act.signer.calls  # type: ignore[union-attr]
    first = _propose(author, [*calls, grant], "Halve the fee, adopt provenance, delist a copy", FIRST)
    author.chain.advance(DAY + 60)
    for name, choice, reason in (("author", "for", ""), ("ann", "for", "Cleo did good work."), ("bob", "for", ""), ("buyer", "against", "The fee pays for audits.")):  # fmt: skip
        who[name].governance.vote(first, choice, reason=reason)
    author.chain.advance(6 * DAY)
    author.governance.queue(first)
    author.chain.advance(2 * DAY + 60)
    author.governance.execute(first)
    author.governance.declare(made["penguins"].did, "provenance")
    with author.governance.collect() as act:
        act.governance.endorse(made["penguins"].did, "It says where it comes from, and the bytes are kept by four people.")
        act.governance.name_council(who["editor"].address, until=author.chain.block().timestamp + 180 * DAY)
    second = _propose(author, [*act.signer.calls, author.governance.payment(who["bob"].address, "2400 USD")], "A council for half a year, and a grant for audits", SECOND)  # type: ignore[union-attr]  # fmt: skip
    author.chain.advance(DAY + 60)
    for name, choice, reason in (("ann", "for", "We need somebody who answers within a day."), ("cleo", "for", ""), ("buyer", "against", "2,400 USD is a lot for one quarter."), ("editor", "abstain", "It is about me.")):  # fmt: skip
        who[name].governance.vote(second, choice, reason=reason)
    author.chain.advance(DAY)
    with author.governance.collect() as act:
        act.governance.adopt_standard("model-card")
    third = _propose(author, list(act.signer.calls), "Adopt the standard for model cards", THIRD)  # type: ignore[union-attr]
    return [f"0x{one:064x}"[:10] for one in (first, second, third)]


def _propose(author: Registry, calls: list[Any], title: str, body: str) -> int:
    return author.governance.propose(author.governance.draft(calls, title=title, body=body)).id


# --- Content -------------------------------------------------------------------------------------


def _folder(root: Path, name: str, **files: str) -> Path:
    folder = root / name
    folder.mkdir()
    for path, text in files.items():
        (folder / path.replace("__", ".")).write_text(text)
    return folder


def penguins(root: Path) -> Path:
    folder = _folder(root, "penguins", README__md=PENGUINS)
    source = Path(__file__).parents[2] / "examples" / "penguins" / "penguins.csv"
    (folder / "penguins.csv").write_bytes(source.read_bytes())
    with source.open() as file:
        rows = list(csv.DictReader(file))
    _scatter(rows, folder / "bills.png")
    (folder / "columns.json").write_text(json.dumps(COLUMNS, indent=2))
    return folder


def _scatter(rows: list[dict[str, str]], target: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), layout="constrained", dpi=110)
    axes = figure.subplots()
    for species, colour in (("Adelie", "#c66a2b"), ("Chinstrap", "#7a5aa6"), ("Gentoo", "#1f7a74")):
        some = [one for one in rows if one["species"] == species and one["bill_length_mm"] not in ("", "NA")]
        axes.scatter([float(one["bill_length_mm"]) for one in some], [float(one["bill_depth_mm"]) for one in some], s=22, alpha=0.8, color=colour, label=species, edgecolors="none")  # fmt: skip
    axes.set_xlabel("bill length (mm)")
    axes.set_ylabel("bill depth (mm)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(target)


def waves(root: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = _folder(root, "ecg", README__md=ECG)
    chance = random.Random(3)
    rows = 2_000
    table = pa.table({
        "recording": pa.array(range(1, rows + 1), pa.int32()),
        "age": pa.array([chance.randint(18, 92) for _ in range(rows)], pa.int16()),
        "sex": [chance.choice(("f", "m")) for _ in range(rows)],
        "heart_rate": pa.array([round(chance.gauss(72, 11), 1) for _ in range(rows)], pa.float32()),
        "diagnosis": [chance.choice(("NORM", "MI", "STTC", "CD", "HYP")) for _ in range(rows)],
        "validated_by": [f"cardiologist {chance.randint(1, 2)}" for _ in range(rows)],
        "recorded": pa.array([1_700_000_000_000 + n * 3_600_000 for n in range(rows)], pa.timestamp("ms")),
    })  # fmt: skip
    pq.write_table(table, folder / "recordings.parquet")
    return folder


def sounds(root: Path) -> Path:
    folder = _folder(root, "bees", README__md=BEES)
    with wave.open(str(folder / "hive-3-morning.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        chance = random.Random(5)
        file.writeframes(b"".join(struct.pack("<h", int(6_000 * math.sin(n / 16_000 * 6.28 * 240) + chance.gauss(0, 900))) for n in range(32_000)))  # fmt: skip
    return folder


def tiles(root: Path) -> Path:
    from matplotlib.figure import Figure

    folder = _folder(root, "tiles", README__md=TILES)
    (folder / "samples").mkdir()
    chance = random.Random(9)
    grid = [[sum(math.sin((x * a + y * b) / 9 + c) for a, b, c in ((1, 0.3, 0), (0.4, 1.1, 2), (0.8, -0.9, 1))) + chance.random() * 0.4 for x in range(96)] for y in range(96)]  # fmt: skip
    for name in ("engadin", "valais"):
        figure = Figure(figsize=(5, 5), dpi=100)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(grid if name == "engadin" else [row[::-1] for row in grid], cmap="gist_earth")
        axes.axis("off")
        figure.savefig(folder / "samples" / f"{name}.png")
    return folder


def classifier(root: Path) -> Path:
    folder = _folder(root, "classifier", README__md=CLASSIFIER)
    for one in (Path(__file__).parents[2] / "examples" / "penguin_model").iterdir():
        if one.name in ("predict.py", "train.py", "weights.json"):
            (folder / one.name).write_bytes(one.read_bytes())
    return folder


def app(root: Path) -> Path:
    return _folder(root, "app", README__md=APP, app__py="import streamlit as st\n\nst.title('Which penguin is this?')\n")


def model(root: Path, name: str, readme: str) -> Path:
    folder = _folder(root, name, README__md=readme, config__json=json.dumps({"hidden": 384, "layers": 6}, indent=1))
    (folder / "model.safetensors").write_bytes(random.Random(name).randbytes(60_000))
    return folder


def trams(root: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = _folder(root, "trams", README__md=TRAMS)
    pq.write_table(pa.table({"line": [4, 6, 11] * 400, "stop": ["Bellevue", "Stauffacher", "Escher-Wyss-Platz"] * 400, "delay_s": list(range(1_200))}), folder / "2025-01.parquet")  # fmt: skip
    return folder


def notebook(root: Path) -> Path:
    import base64

    shot = base64.b64encode((root / "penguins" / "bills.png").read_bytes()).decode()
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "metadata": {}, "source": "# A first look\n\nWe read the table, and look at **bills**."},
        {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [{"output_type": "execute_result", "data": {"text/plain": "species\nAdelie       152\nGentoo       124\nChinstrap     68\nName: count, dtype: int64", "text/html": "<b>x</b>"}, "metadata": {}, "execution_count": 1}], "source": "import pandas as pd\n\nframe = pd.read_csv(\"asset://.../penguins.csv\")\nframe[\"species\"].value_counts()"},
        {"cell_type": "code", "execution_count": 2, "metadata": {}, "outputs": [{"output_type": "display_data", "data": {"image/png": shot, "text/plain": "<Figure>"}, "metadata": {}}], "source": "frame.plot.scatter(\"bill_length_mm\", \"bill_depth_mm\", c=\"species\")"},
        {"cell_type": "markdown", "metadata": {}, "source": "Over all birds, longer bills are *flatter*; within each species they are *deeper*. That is Simpson's paradox."},
    ]  # fmt: skip
    text = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    return _folder(root, "look", README__md="# A first look at the penguins\n\nOpen `look.ipynb`.\n", look__ipynb=text)


PENGUINS: Final = """---
license: cc0-1.0
language: en
task: tabular classification
size: 344 rows
collected: 2007 to 2009
---
# Palmer penguins

Measurements of adult penguins that forage near Palmer Station: Adélie, chinstrap and gentoo, on three islands of the
Palmer Archipelago. A friendlier first data set than irises, with missing values that teach.

![Bill length against bill depth, by species](bills.png)

## What is in it

| column | unit | what it is |
|---|---|---|
| `species` | | Adelie, Chinstrap or Gentoo |
| `island` | | Biscoe, Dream or Torgersen |
| `bill_length_mm`, `bill_depth_mm` | mm | of the culmen, the upper ridge of the bill |
| `flipper_length_mm` | mm | |
| `body_mass_g` | g | |
| `sex`, `year` | | as observed |

Each of 344 rows is one bird in one year. Two rows lack all four. Sex was found by a blood sample.

## How to read it

```python
import pandas as pd

frame = pd.read_csv("penguins.csv")
frame.groupby("species")[["bill_length_mm", "body_mass_g"]].mean().round(1)
```

> Over all birds longer bills are flatter; within each species they are deeper. Look at the groups before you fit a line.

## Where it comes from

Collected by Dr. Kristen Gorman and the Palmer Station Long Term Ecological Research Program, see
[the paper](https://doi.org/10.1371/journal.pone.0090081).

## Citing

Gorman KB, Williams TD, Fraser WR (2014). *Ecological sexual dimorphism within a community of Antarctic penguins.* PLOS ONE 9(3).
"""
ECG: Final = "---\nlanguage: en\ntask: multi-label classification\nsampling: 500 Hz\n---\n# Twelve-lead ECG\n\nClinical recordings with reports, made between 1989 and 1996 and annotated anew in 2024.\n\n## Folds\n\nTen folds that keep patients apart; the last two were validated by a human.\n"
BEES: Final = "# Sounds of a hive\n\nA microphone in the lid of each of six hives, 16 kHz, one minute an hour.\n\n* `hive-3-morning.wav`: two seconds as a sample\n"
TILES: Final = "---\nlanguage: en\nresolution: 10 m\nclasses: 11\n---\n# Alpine land cover\n\nEleven classes on Sentinel-2 tiles.\n\n![The Engadin](samples/engadin.png)\n"
CLASSIFIER: Final = "---\nmetrics: [accuracy 0.986, log loss 0.05]\ntrained on: Palmer penguins, version 1\n---\n# Penguin species classifier\n\nTells Adélie, chinstrap and gentoo penguins apart from four measurements. It is a small model with **honest probabilities**, made as a baseline that everything else has to beat.\n\n## How good it is\n\n| | accuracy | log loss |\n|---|---|---|\n| ten folds | 0.986 | 0.05 |\n| held-out island | 0.964 | 0.11 |\n\n## What it cannot do\n\nIt knows three species and no others: a king penguin becomes a gentoo with great confidence.\n\n## How to use it\n\n```python\nfrom predict import predict\n\npredict(bill_length_mm=39.1, bill_depth_mm=18.7, flipper_length_mm=181, body_mass_g=3750)\n```\n"
APP: Final = "# Which penguin is this?\n\nFour sliders and an answer.\n"
DISTIL: Final = "---\nlanguage: [de, gsw]\nparameters: 23 million\n---\n# Sentence encoder\n\nDistilled from a larger model on 4.1 million pairs.\n"
LANDNET: Final = "# LandNet\n\nMean IoU 0.71 on held-out valleys.\n"
DEDUPE: Final = "# near-duplicates\n\n```sh\npython dedupe.py corpus.jsonl --threshold 0.8\n```\n"
TRAMS: Final = "# Trams of Zürich\n\nOne file a month.\n"
SPEECH: Final = "# Walliserdeutsch\n\n212 speakers, 60 hours.\n"
FAIR: Final = "# fairness-report\n\nError rates by group, with intervals.\n"
FIRST: Final = "Half the fee still pays for the work of a year. **Provenance** is the first standard that everybody asked for.\n\n* The fee goes from 1 % to 0.5 % of a sale\n* `provenance` is adopted\n* Flag 1 is upheld: the copy is byte for byte the same\n* Cleo is paid for writing the standard\n"
SECOND: Final = "Flags wait a week for a vote. A **council** of one can delist what is plainly a copy within a day, for half a year, and everything it does can be undone by a vote.\n\nThe grant pays for audits of content: four people hold copies, and are asked every night whether they still do.\n"
THIRD: Final = "A model says what it was measured on, where it fails, and what it was made from.\n"
COLUMNS: Final = {"species": {"kind": "category", "values": ["Adelie", "Chinstrap", "Gentoo"]}, "bill_length_mm": {"kind": "number", "unit": "mm", "range": [32.1, 59.6]}, "body_mass_g": {"kind": "number", "unit": "g", "range": [2700, 6300]}}  # fmt: skip
ISLANDS: Final = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Point", "coordinates": at}} for name, at in (("Torgersen", [-64.07, -64.77]), ("Biscoe", [-65.5, -65.43]), ("Dream", [-64.23, -64.73]))]}  # fmt: skip


# --- Pictures ------------------------------------------------------------------------------------


@contextmanager
def served(world: World) -> Iterator[str]:
    """The pages of the world, at an address of this machine."""
    index = open_local(world.registry)
    index.catch_up()
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    reader = world.registry.as_account(None)
    hub = Hub(index, HubSettings(url, rate=10_000, burst=10_000), chain_id=reader.chain.chain_id)
    with HubServer(hub, sock, site=Site(hub, reader)):
        yield url


def pages(world: World) -> dict[str, str]:
    """Addresses by the name of their picture."""
    ids = {name: one.did.asset_id for name, one in world.assets.items()}
    buyer = world.registry.as_account("buyer").address.lower()
    return {
        "browse": "/",
        "search": "/?q=penguin&free=true",
        "asset": f"/a/{ids['penguins']}",
        "model": f"/a/{ids['classifier']}",
        "files": f"/a/{ids['penguins']}/files",
        "table": f"/a/{ids['penguins']}/files/penguins.csv",
        "parquet": f"/a/{ids['ecg']}/files/recordings.parquet",
        "json": f"/a/{ids['penguins']}/files/columns.json",
        "image": f"/a/{ids['tiles']}/files/samples/engadin.png",
        "sound": f"/a/{ids['bees']}/files/hive-3-morning.wav",
        "notebook": f"/a/{ids['notebook']}/files/look.ipynb",
        "code": f"/a/{ids['classifier']}/files/train.py",
        "versions": f"/a/{ids['penguins']}/versions",
        "diff": f"/a/{ids['penguins']}/diff?a=1&b=2",
        "sales": f"/a/{ids['penguins']}/sales",
        "person": f"/u/{world.registry.as_account('cleo').address.lower()}",
        "team": f"/u/{world.team.lower()}",
        "mine": f"/mine?account={buyer}",
        "dao": "/dao",
        "proposal": f"/dao/{world.proposals[1]}",
        "executed": f"/dao/{world.proposals[0]}",
        "about": "/about",
        "nothing": "/a/999",
    }


WIDTHS: Final = {"phone": (390, 844), "tablet": (834, 1112), "wide": (1360, 900)}

DOCS: Final = (
    ("browse", "wide", False), ("search", "wide", True), ("asset", "wide", False), ("asset", "phone", True), ("table", "wide", False),
    ("model", "wide", True), ("diff", "wide", False), ("dao", "wide", False), ("proposal", "wide", True), ("mine", "wide", False),
)  # fmt: skip
"""What the documentation shows: page, width, whether it is dark."""


def shoot(browser: Chromium, url: str, path: str, *, width: str, dark: bool, whole: bool = True, most: int = 2_600, **options: Any) -> bytes:  # fmt: skip
    """One picture, once nothing is being made any more."""
    wide, high = WIDTHS[width]
    browser.look(wide, high, dark=dark, phone=width == "phone")
    until = time.monotonic() + 90
    while True:
        browser.open(url + path)
        if "again in a moment" not in browser.evaluate("document.body.innerText") or time.monotonic() > until:
            break
        time.sleep(1)
    browser.evaluate("document.fonts.ready.then(() => 1)")
    return browser.shot(whole=whole, most=most, **options)


def main() -> None:
    """Shoot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", type=Path, help="Where the ten of the documentation go.")
    parser.add_argument("--only", nargs="*", help="Names of pages.")
    parser.add_argument("--widths", nargs="*", choices=list(WIDTHS), default=list(WIDTHS))
    parser.add_argument("--serve", action="store_true", help="Keep serving instead.")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="registry-pages-") as place:
        (Path(place) / "content").mkdir()
        world = build(Path(place) / "content")
        with served(world) as url:
            if chosen.serve:
                print(url, flush=True)
                print(json.dumps(pages(world)), flush=True)
                while True:
                    time.sleep(60)
            browser = Chromium(Path(place) / "profile")
            try:
                _shoot_all(browser, url, world, chosen)
            finally:
                browser.stop()


def _shoot_all(browser: Chromium, url: str, world: World, chosen: argparse.Namespace) -> None:
    listed = pages(world)
    if chosen.docs is not None:
        for name, width, dark in DOCS:
            data = shoot(browser, url, listed[name], width=width, dark=dark, whole=False, kind="webp", quality=82)
            (chosen.docs / f"{name}-{width}-{'dark' if dark else 'light'}.webp").write_bytes(data)
        return
    for name, path in listed.items():
        if chosen.only and name not in chosen.only:
            continue
        for width in chosen.widths:
            for dark in (False, True):
                data = shoot(browser, url, path, width=width, dark=dark)
                (chosen.folder / f"{name}-{width}-{'dark' if dark else 'light'}.png").write_bytes(data)


if __name__ == "__main__":
    main()
