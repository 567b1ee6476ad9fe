"""A year of a small registry, for its pages: people who publish, buy, derive, found a team, flag and vote; and a hub of
it on a port of this machine."""

from __future__ import annotations

import csv
import json
import math
import random
import socket
import struct
import tomllib
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chromium import Chromium
from injected_wallet import Refusal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from web3.types import RPCEndpoint

from registry import DataBudget, Gated, Licence, Registry, ResultColumn, ResultFile, Terms
from registry.assets.drafting import Draft
from registry.chain.collecting import collected
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.keys import FILE as KEYS
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings as GatewaySettings
from registry.hub.follower import Hub
from registry.hub.hub_server import HubServer
from registry.hub.hub_settings import HubSettings
from registry.hub.pages.site import Site
from registry.index.home_index import open_local
from registry.ipfs.blocks import BlockSource, fetch
from registry.ipfs.cid import CID
from registry.ipfs.importer import add_file
from registry.sandbox.ingress.ingress_rules import AppOrigin
from registry.system.serving import Serving, listen
from registry.types import ZERO_ADDRESS

DAY: Final = 86_400
DATA: Final = Path(__file__).with_name("data") / "pages"
AXE: Final = Path(__file__).with_name("peers") / "node_modules" / "axe-core" / "axe.min.js"
TOLD: Final[dict[str, dict[str, Any]]] = tomllib.loads((DATA / "assets.toml").read_text())
"""What the documents of the assets say."""

TEXTS: Final = {one.stem: one.read_text() for one in DATA.glob("*.md")}
"""READMEs, and bodies of proposals."""

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
        made[key] = who[by].publish(content, **TOLD[key], **fields)
        author.chain.advance(chance.randint(2, 9) * DAY)
        return made[key]

    def buy(by: str, key: str, licence: str, **options: Any) -> None:
        who[by].buy(made[key].did, licence, **options)
        author.chain.advance(chance.randint(3, 60) * 3_600)

    publish(
        "author",
        "penguins",
        penguins(folder),
        royalty_bps=1000,
        licences=[
            Licence.free("research", limit=1, description="Research and teaching, one for each account."),
            Licence.period("commercial", days=30, price="12.5 USD", description="Any use for 30 days."),
        ],
    )
    publish(
        "ann",
        "ecg",
        waves(folder),
        royalty_bps=500,
        licences=[
            Licence.free("look", description="The first 100 recordings."),
            Licence.period("year", days=365, price="480 USD", cap=200),
            Licence.stream("by the second", price="60 USD", per="30 days"),
        ],
    )
    publish("editor", "bees", sounds(folder), licences=[Licence.hold("supporter", price="9 USD")])
    publish(
        "cleo",
        "tiles",
        tiles(folder),
        royalty_bps=300,
        licences=[Licence.period("quarter", days=90, price="75 USD"), Licence.free("university", limit=1)],
    )
    for buyer in ("buyer", "bob", "cleo", "stranger"):
        buy(buyer, "penguins", "research")
    for buyer in ("buyer", "ann", "editor", "buyer", "bob"):
        buy(buyer, "penguins", "commercial")

    ann = who["ann"]
    people = {name: who[name].address for name in ("ann", "bob", "cleo")}
    team = ann.teams.create(
        list(people.values()),
        threshold=2,
        shares={people["ann"]: "50 %", people["bob"]: "30 %", people["cleo"]: "20 %"},
        publish=Draft(
            path=classifier(folder),
            parents=[made["penguins"].did],
            royalty_bps=500,
            licences=[
                Licence.uses("predictions", uses=1000, price="4 USD"),
                Licence.hold("weights", price="180 USD", cap=50),
            ],
            **drafted("classifier"),
        ),
    )
    made["classifier"] = author.get(team.asset)
    author.chain.advance(6 * DAY)
    publish("buyer", "app", app(folder), parents=[made["classifier"].did], licences=[Licence.free("use")])
    publish(
        "bob",
        "distil",
        model(folder, "distil", TEXTS["distil"]),
        royalty_bps=800,
        licences=[
            Licence.free("open"),
            Licence.hold("commercial", price="240 USD", description="For products, for ever."),
        ],
    )
    publish(
        "cleo",
        "landnet",
        model(folder, "landnet", TEXTS["landnet"]),
        parents=[made["tiles"].did],
        royalty_bps=200,
        licences=[Licence.uses("tiles", uses=500, price="25 USD"), Licence.hold("weights", price="900 USD")],
    )
    publish("editor", "notebook", notebook(folder), parents=[made["penguins"].did], licences=[Licence.free("read")])
    publish(
        "stranger",
        "dedupe",
        model(folder, "dedupe", TEXTS["dedupe"]),
        licences=[Licence.free("any"), Licence.period("support", days=365, price="600 USD")],
    )
    publish("ann", "trams", trams(folder), licences=[Licence.free("open")])
    publish(
        "bob",
        "speech",
        model(folder, "speech", TEXTS["speech"]),
        licences=[Licence.period("year", days=365, price="350 USD"), Licence.free("research", limit=1)],
    )
    publish(
        "author",
        "fair",
        model(folder, "fair", TEXTS["fair"]),
        licences=[Licence.uses("reports", uses=20, price="15 USD")],
    )
    record = author.experiments.run(
        _folder(folder, "means", run__toml=RUN, means__py=MEANS),
        {"penguins": made["penguins"].did},
        outputs=folder / "made",
    ).record
    (folder / "made" / "README.md").write_text(
        "# Penguin baseline\n\nMean masses of three species, with the record of the run that found them.\n"
    )
    publish("author", "baseline", folder / "made", licences=[Licence.free("open")], made_by=record)
    for buyer, key, licence in (
        ("buyer", "classifier", "predictions"),
        ("stranger", "classifier", "predictions"),
        ("editor", "classifier", "weights"),
        ("buyer", "ecg", "year"),
        ("bob", "ecg", "look"),
        ("author", "tiles", "quarter"),
        ("editor", "tiles", "quarter"),
        ("buyer", "distil", "open"),
        ("ann", "distil", "commercial"),
        ("author", "bees", "supporter"),
        ("cleo", "bees", "supporter"),
        ("buyer", "landnet", "tiles"),
        ("bob", "trams", "open"),
        ("buyer", "speech", "year"),
        ("buyer", "trams", "open"),
        ("cleo", "fair", "reports"),
        ("bob", "app", "use"),
        ("buyer", "notebook", "read"),
    ):
        buy(buyer, key, licence)

    readme = (folder / "penguins" / "README.md").read_text()
    (folder / "penguins" / "README.md").write_text(
        readme.replace("Two rows lack all four.", "Two rows lack all four measurements; they are kept.").replace(
            "## Citing", "## Changes\n\n* Version 2 adds islands as GeoJSON and the bills as a picture.\n\n## Citing"
        )
    )
    (folder / "penguins" / "islands.geojson").write_text(json.dumps(ISLANDS))
    author.update(
        made["penguins"].did, path=folder / "penguins", tags=("biology", "classification", "tabular", "antarctica")
    )
    author.chain.advance(3 * DAY)
    talk(who, made)
    publish("ann", "ward", patients(folder), compute=runs(author, folder), licences=RUNS)
    buy("buyer", "ward", "runs")
    return World(author, made, team.address, govern(author, who, made))


def gate(world: World, folder: Path) -> None:
    """Add recordings that are sealed to two key gateways, which are there while it is published."""
    with ExitStack() as stack:
        urls = [_key_gateway(world.registry, folder / name, stack) for name in ("north", "south")]
        content = _folder(
            folder, "herons", README__md="# Herons\n\nCalls at dusk.\n", calls__csv="minute,calls\n1,4\n2,9\n"
        )
        world.assets["herons"] = world.registry.publish(
            content,
            name="Herons at dusk, 40 nights of calls",
            type="dataset",
            license="CC-BY-NC-4.0",
            description="Microphones on four islands of the delta, from May to July, each call with its minute.",
            licences=[
                Licence.uses("one look", uses=1, price="2 USD"),
                Licence.period("month", days=30, price="24 USD"),
            ],
            gated=Gated(gateways=urls, threshold=2),
        )


def _key_gateway(registry: Registry, folder: Path, stack: ExitStack) -> str:
    folder.mkdir()
    make_key_file(folder / "key")
    keys = Keys.make(folder / KEYS, KeyLock(key_file=folder / "key"))
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    settings = GatewaySettings(url, depth=0, head_age=None)
    made = GatewayService(folder, keys, registry.chain, registry.deployment, settings)
    stack.callback(made.close)
    stack.enter_context(GatewayServer(made, sock))
    return url


RUNS: Final = [
    Licence.uses("runs", uses=5, price="10 USD", description="Five runs of what the hospital knows."),
    Licence.period("month", days=30, price="90 USD", description="As many runs as the budget has."),
    Licence.run("by the second", price="2 USD", per="100 seconds", minimum="50 seconds"),
]


def patients(root: Path) -> Path:
    """Patients who stay at home."""
    return _folder(root, "ward", patients__csv="sex,age,mass\n" + "f,61,58.5\nm,70,81.0\n" * 40)


def runs(author: Registry, root: Path) -> Terms:
    """What may be computed on them."""
    code = _folder(root, "mean", mean__py="print('the mean of each group')\n") / "mean.py"
    columns = (
        ResultColumn(name="group", kind="choice", values=("f", "m")),
        ResultColumn(name="mass", kind="number"),
        ResultColumn(name="n", kind="integer"),
    )
    table = ResultFile(path="mean.csv", bytes=2_000, columns=columns, rows=2, group="n", smallest=10)
    return Terms(
        code=(add_file(code, author.store).cid,),
        params={"by": ["sex", "age"]},
        outputs=(table, ResultFile(path="plot.png", bytes=40_000)),
        budget=DataBudget(runs=200, bytes=2_000_000),
        url="https://jobs.lindenhof.example",
        review=True,
    )


def talk(who: dict[str, Registry], made: dict[str, Any]) -> None:
    """What people say of the penguins, and who asks for the recordings."""
    did = made["penguins"].did
    first = who["buyer"].talk.comment(did, "Rows 219 and 271 have no body mass.\n\nIs that how they were measured?")
    who["author"].talk.comment(did, "It is; version 2 says so in its README.", answers=first.cid)
    loud = who["cleo"].talk.comment(did, "BUY MY TILES " * 20)
    who["author"].talk.fold(did, loud.cid)
    rash = who["bob"].talk.comment(did, "This is wrong!")
    who["bob"].talk.withdraw(did, rash.cid)
    for one in ("buyer", "ann", "bob"):
        who[one].talk.like(did)
    who["stranger"].requests.ask(made["ecg"].did, "year", use="To compare two classifiers for a thesis.")


def drafted(key: str) -> dict[str, Any]:
    """What a document says, as a draft takes it."""
    told = dict(TOLD[key])
    return {**{name: told.pop(name) for name in ("name", "type", "license")}, "fields": told}


def govern(author: Registry, who: dict[str, Registry], made: dict[str, Any]) -> list[str]:
    """Three proposals: carried out, voted on, and waiting."""
    dao = author.governance.dao
    author.fund("5000 USD", account=dao.timelock)
    author.governance.propose_standard("provenance", "A data set says where it comes from.", kind="metadata")
    author.governance.propose_standard("model-card", "A model says what it was measured on.", kind="metadata")
    case = who["stranger"].publish(
        None, name="My penguins", type="dataset", license="CC0-1.0", description="Penguins, cheap."
    )
    flagged = author.governance.flag(case.did, f"A copy of {made['penguins'].did}, sold as one's own.").number
    assert flagged is not None
    with author.governance.collect() as act:
        act.act("halve the fee", act.assets.functions.setFee(50))
        act.governance.adopt_standard("provenance")
        act.governance.decide_flag(flagged, upheld=True, reason="It is the same data, byte for byte.")
    grant = author.governance.payment(who["cleo"].address, "200 USD")
    calls = collected(act)
    first = _propose(author, [*calls, grant], "Halve the fee, adopt provenance, delist a copy", TEXTS["first"])
    author.chain.advance(DAY + 60)
    for name, choice, reason in (
        ("author", "for", ""),
        ("ann", "for", "Cleo did good work."),
        ("bob", "for", ""),
        ("buyer", "against", "The fee pays for audits."),
    ):
        who[name].governance.vote(first, choice, reason=reason)
    author.chain.advance(6 * DAY)
    author.governance.queue(first)
    author.chain.advance(2 * DAY + 60)
    author.governance.execute(first)
    author.governance.declare(made["penguins"].did, "provenance")
    with author.governance.collect() as act:
        act.governance.endorse(
            made["penguins"].did, "It says where it comes from, and the bytes are kept by four people."
        )
        act.governance.name_council(who["editor"].address, until=author.chain.block().timestamp + 180 * DAY)
        dollar = next(one.address for one in author.tokens if one.symbol == "USD")
        act.act(
            "let the council pay for audits", author.erc20(dollar).functions.approve(who["editor"].address, 2**256 - 1)
        )
    second = _propose(
        author,
        [*collected(act), author.governance.payment(who["bob"].address, "2400 USD")],
        "A council for half a year, and a grant for audits",
        TEXTS["second"],
    )  # type: ignore[union-attr]
    author.chain.advance(DAY + 60)
    for name, choice, reason in (
        ("ann", "for", "We need somebody who answers within a day."),
        ("cleo", "for", ""),
        ("buyer", "against", "2,400 USD is a lot for one quarter."),
        ("editor", "abstain", "It is about me."),
    ):
        who[name].governance.vote(second, choice, reason=reason)
    author.chain.advance(DAY)
    with author.governance.collect() as act:
        act.governance.adopt_standard("model-card")
    third = _propose(author, collected(act), "Adopt the standard for model cards", TEXTS["third"])
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
    folder = _folder(root, "penguins", README__md=TEXTS["penguins"])
    source = Path(__file__).parents[1] / "examples" / "penguins" / "penguins.csv"
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
        axes.scatter(
            [float(one["bill_length_mm"]) for one in some],
            [float(one["bill_depth_mm"]) for one in some],
            s=22,
            alpha=0.8,
            color=colour,
            label=species,
            edgecolors="none",
        )
    axes.set_xlabel("bill length (mm)")
    axes.set_ylabel("bill depth (mm)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(target)


def waves(root: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = _folder(root, "ecg", README__md=TEXTS["ecg"])
    chance = random.Random(3)
    rows = 2_000
    table = pa.table(
        {
            "recording": pa.array(range(1, rows + 1), pa.int32()),
            "age": pa.array([chance.randint(18, 92) for _ in range(rows)], pa.int16()),
            "sex": [chance.choice(("f", "m")) for _ in range(rows)],
            "heart_rate": pa.array([round(chance.gauss(72, 11), 1) for _ in range(rows)], pa.float32()),
            "diagnosis": [chance.choice(("NORM", "MI", "STTC", "CD", "HYP")) for _ in range(rows)],
            "validated_by": [f"cardiologist {chance.randint(1, 2)}" for _ in range(rows)],
            "recorded": pa.array([1_700_000_000_000 + n * 3_600_000 for n in range(rows)], pa.timestamp("ms")),
        }
    )
    pq.write_table(table, folder / "recordings.parquet")
    return folder


def sounds(root: Path) -> Path:
    folder = _folder(root, "bees", README__md=TEXTS["bees"])
    with wave.open(str(folder / "hive-3-morning.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        chance = random.Random(5)
        file.writeframes(
            b"".join(
                struct.pack("<h", int(6_000 * math.sin(n / 16_000 * 6.28 * 240) + chance.gauss(0, 900)))
                for n in range(32_000)
            )
        )
    return folder


def tiles(root: Path) -> Path:
    from matplotlib.figure import Figure

    folder = _folder(root, "tiles", README__md=TEXTS["tiles"])
    (folder / "samples").mkdir()
    chance = random.Random(9)
    grid = [
        [
            sum(math.sin((x * a + y * b) / 9 + c) for a, b, c in ((1, 0.3, 0), (0.4, 1.1, 2), (0.8, -0.9, 1)))
            + chance.random() * 0.4
            for x in range(96)
        ]
        for y in range(96)
    ]
    for name in ("engadin", "valais"):
        figure = Figure(figsize=(5, 5), dpi=100)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(grid if name == "engadin" else [row[::-1] for row in grid], cmap="gist_earth")
        axes.axis("off")
        figure.savefig(folder / "samples" / f"{name}.png")
    return folder


def classifier(root: Path) -> Path:
    folder = _folder(root, "classifier", README__md=TEXTS["classifier"])
    for one in (Path(__file__).parents[1] / "examples" / "penguin_model").iterdir():
        if one.name in ("predict.py", "train.py", "weights.json"):
            (folder / one.name).write_bytes(one.read_bytes())
    return folder


def app(root: Path) -> Path:
    return _folder(
        root, "app", README__md=TEXTS["app"], app__py="import streamlit as st\n\nst.title('Which penguin is this?')\n"
    )


def model(root: Path, name: str, readme: str) -> Path:
    folder = _folder(root, name, README__md=readme, config__json=json.dumps({"hidden": 384, "layers": 6}, indent=1))
    (folder / "model.safetensors").write_bytes(random.Random(name).randbytes(60_000))
    return folder


def trams(root: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = _folder(root, "trams", README__md=TEXTS["trams"])
    pq.write_table(
        pa.table(
            {
                "line": [4, 6, 11] * 400,
                "stop": ["Bellevue", "Stauffacher", "Escher-Wyss-Platz"] * 400,
                "delay_s": list(range(1_200)),
            }
        ),
        folder / "2025-01.parquet",
    )
    return folder


def notebook(root: Path) -> Path:
    import base64

    shot = base64.b64encode((root / "penguins" / "bills.png").read_bytes()).decode()
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "# A first look\n\nWe read the table, and look at **bills**.",
        },
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {},
            "outputs": [
                {
                    "output_type": "execute_result",
                    "data": {
                        "text/plain": "Adelie       152\nGentoo       124\nChinstrap     68\nName: count",
                        "text/html": "<b>x</b>",
                    },
                    "metadata": {},
                    "execution_count": 1,
                }
            ],
            "source": 'import pandas as pd\n\nframe = pd.read_csv("asset://.../penguins.csv")\nframe["species"].value_counts()',
        },
        {
            "cell_type": "code",
            "execution_count": 2,
            "metadata": {},
            "outputs": [
                {"output_type": "display_data", "data": {"image/png": shot, "text/plain": "<Figure>"}, "metadata": {}}
            ],
            "source": 'frame.plot.scatter("bill_length_mm", "bill_depth_mm", c="species")',
        },
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "Over all birds longer bills are *flatter*; within each species *deeper*: Simpson's paradox.",
        },
    ]
    text = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    return _folder(root, "look", README__md="# A first look at the penguins\n\nOpen `look.ipynb`.\n", look__ipynb=text)


RUN: Final = 'entry = "means.py"\narguments = ["{inputs}/penguins/penguins.csv", "{outputs}/means.json"]\n'
MEANS: Final = """import csv
import json
import sys

groups = {}
with open(sys.argv[1]) as file:
    for row in csv.DictReader(file):
        if row["body_mass_g"].isdigit():
            groups.setdefault(row["species"], []).append(int(row["body_mass_g"]))
with open(sys.argv[2], "w") as file:
    json.dump({name: round(sum(some) / len(some), 1) for name, some in groups.items()}, file)
"""


COLUMNS: Final = {
    "species": {"kind": "category", "values": ["Adelie", "Chinstrap", "Gentoo"]},
    "bill_length_mm": {"kind": "number", "unit": "mm", "range": [32.1, 59.6]},
    "body_mass_g": {"kind": "number", "unit": "g", "range": [2700, 6300]},
}
ISLANDS: Final = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Point", "coordinates": at}}
        for name, at in (("Torgersen", [-64.07, -64.77]), ("Biscoe", [-65.5, -65.43]), ("Dream", [-64.23, -64.73]))
    ],
}


# --- Its pages -----------------------------------------------------------------------------------


@contextmanager
def served(
    registry: Registry, sock: socket.socket | None = None, *, apps: Mapping[int, AppOrigin] | None = None
) -> Iterator[str]:
    """The pages of a registry, at an address of this machine; at that of `sock`, if there is one. They show `apps`."""
    index = open_local(registry)
    index.catch_up()
    sock = sock or listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    reader = registry.as_account(None)
    settings = HubSettings(url, rate=10_000, burst=10_000, apps=apps or {})
    hub = Hub(index, settings, chain_id=reader.chain.chain_id, keeps=reader.store)
    with HubServer(hub, sock, site=Site(hub, reader)):
        yield url


class BlockGateway:
    """A gateway of IPFS that anybody's page may read from, while `serving`. `lie` changes what it answers; `asked` is
    what it was asked for."""

    def __init__(self, source: BlockSource) -> None:
        self._source = source
        self.lie: Callable[[CID, bytes], bytes] = lambda cid, block: block
        self.asked: list[str] = []
        self.url = ""

    def answer(self, request: Request) -> Response:
        """A block."""
        cid = CID.parse(request.path_params["cid"])
        self.asked.append(str(cid))
        block = self.lie(cid, fetch(cid, self._source))
        return Response(block, headers={"access-control-allow-origin": "*"})

    @contextmanager
    def serving(self) -> Iterator[BlockGateway]:
        """It, at `url`."""
        sock = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        app = Starlette(routes=[Route("/ipfs/{cid}", self.answer)])
        with Serving(app, sock, name="A gateway", grace=1, lifespan="off"):
            yield self


def serious(browser: Chromium) -> dict[str, str]:
    """What axe finds in the page that is serious: by rule, the markup of the first place."""
    browser.evaluate(AXE.read_text() + ";1")
    told = json.loads(browser.evaluate("axe.run().then(r => JSON.stringify(r.violations))"))
    return {one["id"]: one["nodes"][0]["html"][:200] for one in told if one["impact"] in ("serious", "critical")}


def node_of(registry: Registry) -> Callable[..., Any]:
    """The chain in this process as a wallet asks a node: to look, not to sign."""

    def ask(method: str, *params: Any) -> Any:
        given = [
            {"from": ZERO_ADDRESS, **one} if method == "eth_call" and isinstance(one, dict) else one for one in params
        ]
        told: dict[str, Any] = registry.chain.w3.provider.make_request(RPCEndpoint(method), given)  # type: ignore[assignment]
        if told.get("error"):
            raise Refusal(3, str(told["error"]))
        found = told["result"]
        return {"timestamp": hex(found["timestamp"])} if method == "eth_getBlockByNumber" else found

    return ask


ACTS: Final = {
    "buying": ("asset", "buyer", "[data-act=buy][data-licence='1']", ()),
    "voting": ("proposal", "author", "[data-act=vote]", (("reason", "Audits pay for themselves."),)),
}
"""Pictures of a dialog before it is signed: the page, whose wallet it is, the act on it, and what is filled in."""


def begin(browser: Chromium, act: str, given: tuple[tuple[str, str], ...]) -> None:
    """Press an act of the page that is open, and come as far as the wallet would be asked."""
    browser.until(f"document.querySelector(`{act} > button`)", seconds=40)
    browser.evaluate(f"document.querySelector(`{act} > button`).click()")
    for name, value in given:
        browser.until(f"document.querySelector('.act-box [name={name}]')")
        browser.evaluate(f"document.querySelector('.act-box [name={name}]').value = {json.dumps(value)}")
    if given:
        browser.evaluate("document.querySelector('.act-box .foot-line .button').click()")
    browser.until(
        "document.querySelector('.act-box [role=status]')?.innerText.includes('Nothing is signed')", seconds=40
    )


def pages(world: World) -> dict[str, str]:
    """Addresses by the name of their picture."""
    ids = {name: one.did.asset_id for name, one in world.assets.items()}
    buyer = world.registry.as_account("buyer").address.lower()
    gated = {"opening": f"/a/{ids['herons']}/open"} if "herons" in ids else {}
    return gated | {
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
        "reading": f"/a/{ids['penguins']}/read/penguins.csv",
        "versions": f"/a/{ids['penguins']}/versions",
        "diff": f"/a/{ids['penguins']}/diff?a=1&b=2",
        "run": f"/a/{ids['baseline']}/run",
        "sales": f"/a/{ids['penguins']}/sales",
        "talk": f"/a/{ids['penguins']}/talk",
        "offering": f"/a/{ids['ward']}",
        "kept": f"/a/{ids['ward'] - 1}",
        "offerings": "/compute",
        "person": f"/u/{world.registry.as_account('cleo').address.lower()}",
        "team": f"/u/{world.team.lower()}",
        "mine": f"/mine?account={buyer}",
        "inbox": f"/mine?account={world.registry.as_account('ann').address.lower()}",
        "dao": "/dao",
        "proposal": f"/dao/{world.proposals[1]}",
        "executed": f"/dao/{world.proposals[0]}",
        "publish": "/publish",
        "about": "/about",
        "nothing": "/a/999",
    }
