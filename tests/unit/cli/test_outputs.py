"""Whatever a command writes, it overwrites nothing: each option that names a place is tried, also those to come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result
from command_tree import parameters
from terminal import runner
from ward import MEAN, patients, stored, terms

from registry import DataBudget, Licence, Registry
from registry.chain.signers import dev_signer
from registry.cli import cli
from registry.cli.app import App
from registry.cli.command import OUTFILE, OUTFOLDER
from registry.compute.job_document import JobOrder
from registry.content.unlocking import Unlocker
from registry.documents.ocean_export import to_ocean_v4
from registry.gated.identity import Identity
from registry.gated.key_store import MemoryKeys
from registry.gateway.database import FILE as DATABASE
from registry.gateway.database import Database
from registry.gateway.keys import FILE as KEYS
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.host.host_server import HostServer
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import add_tree
from registry.system.serving import listen

DAY = 86_400

READ_ONLY = {
    *(
        "publish path",
        "publish-many manifest",
        "collection publish manifest",
        "publish ddo",
        "update path",
        "cid path",
        "team pending folder",
    ),
    *("compute bid order_file", "compute pay offer_file"),
    *("verify path", "dao found settings", "dao propose body", "dao proofs table", "standard propose document"),
    *(
        "ipfs add path",
        "ipfs put path",
        "ipfs cat path",
        "ipfs car import file",
        "ipfs cid path",
        "ipfs dag put file",
        "ipfs files write file",
        "ipfs verify path",
        "keys import path",
        "uninvite path",
    ),
    *("gateway restore source", "team create path"),
    *("compute offer path", "compute offer terms_file", "compute open receipt", "compute open result"),
    *("compute work orders", "compute submit order_file"),
    *("compute verify ddo", "compute verify files", "compute verify receipt"),
}
"""Parameters that name what is read."""

OWN = {
    "sandbox lock folder",
    "mcp root",
    *(f"hub {name} search_folder" for name in ("build", "serve", "status", "verify", "index")),
} | {
    f"gateway {name} {what}"
    for name in ("init", "serve", "status", "shares", "audit", "backup", "restore", "rotate")
    for what in ("folder", "key_file")
}
"""The home of a gateway or a hub, which its commands read and write, the folder of code that its lock is in, and the
one below which agents read and write."""


def named(kind: type | tuple[object, ...]) -> set[str]:
    return {
        where.removeprefix("registry ")
        for where, parameter in parameters()
        if (isinstance(parameter.type, kind) if isinstance(kind, type) else parameter.type in kind)
    }


PLACES = sorted(named((OUTFILE, OUTFOLDER)))


class Shell:
    """The command line, at a registry in this process, as a person."""

    def __init__(self, place: Registry, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.place, self.folder, self.patch = place, folder, patch
        self.data: dict[str, int] = {}
        self.offering, self.host_url, self.closes = 0, "", ExitStack()
        self.who = self.author = place.as_account("author")
        self.asset = self.who.publish(
            None,
            name="Model",
            type="model",
            license="MIT",
            description="A model of what is written.",
            licences=[Licence.hold("full", price="1 USD"), Licence.uses("calls", uses=5, price="1 USD")],
        ).did.asset_id
        patch.setattr(App, "registry", lambda _app, *, to=None: self.who)
        patch.setattr(App, "chain", lambda _app: place.chain)
        patch.setattr(App, "require_signer", lambda _app, _what: self.who.signer)
        patch.setenv("REGISTRY_HOME", str(folder / "home"))
        patch.delenv("REGISTRY_DEPLOYMENT", raising=False)
        patch.chdir(folder)

    def __call__(self, *words: object) -> Result:
        return runner().invoke(cli, ["--yes", *map(str, words)])

    # --- What is written where: each takes the place, and says what the command was ---------------

    def proposal(self) -> Path:
        if not (self.folder / "week.json").exists():
            people = [self.place.as_account(name).address for name in ("author", "ann")]
            team = self.who.teams.create(people, threshold=2)
            self.who.teams.reject(team).save(self.folder / "week.json")
        return self.folder / "week.json"

    def team(self) -> str:
        return str(json.loads(self.proposal().read_text())["safe"])

    def vote(self) -> str:
        found = self.who.governance.proposals()
        if not found:
            draft = self.who.governance.draft(self.who.assets.functions.setFee(50), title="Halve it")
            self.who.governance.propose(draft)
            self.place.chain.advance(DAY + 10)
            found = self.who.governance.proposals()
        return f"0x{found[0].id:064x}"

    def content(self) -> str:
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "data" / "a.txt").write_text("a")
        return str(add_tree(self.folder / "data", LocalStore(self.folder / "home" / "blocks")).cid)

    def listed(self) -> Path:
        (self.folder / "list.csv").write_text(f"account,amount\n{self.who.address},5\n")
        return self.folder / "list.csv"

    def program(self) -> Path:
        place = self.folder / "program"
        if not place.exists():
            place.mkdir()
            (place / "run.toml").write_text('entry = "main.py"\n')
            (place / "main.py").write_text("import sys\nopen(sys.argv[1] + '/a.txt', 'w').write('a')\n")
        return place

    def run(self) -> list[object]:
        return ["run", self.program(), "--here", "--keep"]

    def record(self) -> Path:
        target = self.folder / "record.json"
        if not target.exists():
            assert (
                self(*self.run(), "--out", self.folder / "once", "--record", target, "--", "{outputs}").exit_code == 0
            )
        return target

    def gateway(self) -> Path:
        place = self.folder / "gateway"
        if not place.exists():
            place.mkdir()
            make_key_file(self.folder / "gateway.key")
            Keys.make(place / KEYS, KeyLock(key_file=self.folder / "gateway.key"))
            Database(place / DATABASE).close()
        return place

    def earned(self) -> int:
        if not self.who.revenue.statement(self.asset).lines:
            self.place.as_account("buyer").buy(self.asset, "full")
        return self.asset

    def downloadable(self) -> int:
        if self.who.address not in self.data:
            (self.folder / "content").mkdir(exist_ok=True)
            (self.folder / "content" / "a.txt").write_text("a")
            made = self.who.publish(self.folder / "content", name="Data", type="dataset", license="MIT")
            self.data[self.who.address] = made.did.asset_id
        return self.data[self.who.address]

    def cached(self) -> str:
        """What a cache calls the folder of that asset."""
        return self.who.exports.hf_cache(self.downloadable(), self.folder / "other").snapshot.parents[1].name

    def ocean(self) -> Path:
        found = self.who.get(self.asset)
        document = to_ocean_v4(found.ddo, did=found.did, created="2026-11-24T12:00:00Z")
        (self.folder / "ocean.json").write_text(json.dumps(document))
        return self.folder / "ocean.json"

    # Jobs are the business of one host, who orders here too.

    def offered(self) -> int:
        """Runs of a program on data that stay where they are."""
        self.who = self.author
        if not self.offering:
            code = stored(self.who, MEAN, self.folder)
            runs = terms(code, budget=DataBudget(runs=50, bytes=50_000), url=self.host_url or None)
            named = {"name": "Ward", "type": "dataset", "license": "MIT"}
            jobs = [Licence.run("jobs", price="0.01 USD", minimum="10 seconds")]
            made = self.who.publish(patients(self.folder / "ward"), **named, compute=runs, licences=jobs)
            self.offering = made.did.asset_id
        return self.offering

    def ordered(self, *, escrow: bool = False) -> Path:
        path = self.folder / ("escrowed.json" if escrow else "ordered.json")
        offering = self.offered()
        if not path.exists():
            path.write_bytes(self.who.jobs.order(self.folder / "program.py", offering, escrow=escrow).to_bytes())
        return path

    def sealed(self) -> str:
        """What the result of that order is called."""
        return f"{JobOrder.from_bytes(self.ordered().read_bytes()).job.id[:16]}.age"

    def at_home(self) -> dict[int, Path]:
        return {self.who.get(self.offering).ddo.compute.data.asset_id: self.folder / "ward"}  # type: ignore[union-attr]

    def ran(self) -> str:
        """The job of that order, run and sealed; its papers lie beside it."""
        order, papers = self.ordered().read_bytes(), self.folder / "job.receipt.json"
        desk = self.who.jobs.desk(dict(self.at_home()))
        id = desk.work(desk.accept(order).id).id
        if not papers.exists():
            sealed, receipt = desk.result(id)
            (self.folder / "job.age").write_bytes(sealed)
            papers.write_bytes(receipt)
        return id

    def opened(self) -> list[object]:
        self.ran()
        return ["compute", "open", self.folder / "job.age", self.folder / "job.receipt.json"]

    def running(self) -> list[object]:
        self.submitted()
        return ["compute", "run", self.folder / "program.py", "--on", self.offering]

    def submitted(self) -> list[object]:
        """Through a host that listens until the test is over."""
        if not self.host_url:
            sock = listen("127.0.0.1", 0)
            self.host_url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            self.ordered()
            desk = self.who.jobs.desk(dict(self.at_home()))
            self.closes.enter_context(HostServer(self.who, desk, sock, self.host_url, rate=1000, burst=1000))
        return ["compute", "submit", self.ordered()]

    def key(self) -> int:
        identity = Identity.generate()
        self.patch.setattr(Unlocker, "unlock", lambda _unlocker, _asset: identity)
        self.patch.setenv("REGISTRY_RECOVERY_PASSPHRASE", "correct horse")
        return self.asset

    def deployer(self) -> list[object]:
        self.who = self.place.as_account("curator")
        return ["deploy"]

    def deployed(self) -> list[object]:
        """For a DAO: a registry that has none yet, and its record."""
        from registry.chain.local import DEPLOYER

        bare = Registry.local()
        self.who = bare.as_account(dev_signer(DEPLOYER))
        self.patch.setattr(App, "chain", lambda _app: bare.chain)
        self.who.deployment.save(self.folder / "deployments")
        self.listed()
        (self.folder / "dao.yaml").write_text(
            f'allocations: {{"{self.who.address}": 1000}}\n'
            f"distribution: {{file: list.csv, until: {_in_a_year(bare)}}}\nbonds: [50 USD]\n"
        )
        return ["dao", "found", "dao.yaml"]


def _in_a_year(place: Registry) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(place.chain.block().timestamp + 365 * DAY, UTC):%Y-%m-%d}"


CASES: dict[str, Callable[[Shell, str], list[object]]] = {
    "compute bid out": lambda shell, at: [
        *("compute", "bid", shell.ordered(escrow=True), "--bond", "5 USD"),
        *("--out", at),
    ],
    "compute fetch out": lambda shell, at: ["compute", "fetch", shell.ran(), "--out", at],
    "compute open out": lambda shell, at: [*shell.opened(), "--out", at],
    "compute order out": lambda shell, at: [
        *("compute", "order", shell.folder / "program.py", "--on", shell.offered()),
        *("--out", at),
    ],
    "compute run out": lambda shell, at: [*shell.running(), "--out", at],
    "compute work out": lambda shell, at: [
        *("compute", "work", shell.ordered(), "--out", at),
        *(word for asset, path in shell.at_home().items() for word in ("--data", f"{asset}={path}")),
    ],
    "compute submit out": lambda shell, at: [*shell.submitted(), "--out", at],
    "dao ballot out": lambda shell, at: ["dao", "ballot", shell.vote(), "for", "--out", at],
    "dao found folder": lambda shell, at: [*shell.deployed(), "--folder", at],
    "dao found proofs": lambda shell, at: [*shell.deployed(), "--proofs", at],
    "dao proofs out": lambda shell, at: ["dao", "proofs", shell.listed(), at],
    "dao stats chart": lambda shell, at: ["dao", "stats", "--chart", at],
    "deploy folder": lambda shell, at: [*shell.deployer(), "--folder", at],
    "download target": lambda shell, at: ["download", shell.downloadable(), at],
    "export croissant out": lambda shell, at: ["export", "croissant", shell.downloadable(), "--out", at],
    "export hf-cache folder": lambda shell, at: ["export", "hf-cache", shell.downloadable(), at],
    "family svg": lambda shell, at: ["family", shell.asset, "--svg", at],
    "gateway backup target": lambda shell, at: ["gateway", "backup", at, "--folder", shell.gateway()],
    "hub pages out": lambda shell, at: ["hub", "pages", "--out", at],
    "ipfs car export file": lambda shell, at: ["ipfs", "car", "export", shell.content(), at],
    "ipfs get target": lambda shell, at: ["ipfs", "get", shell.content(), at],
    "keys export path": lambda shell, at: ["keys", "export", shell.key(), at],
    "ocean import out": lambda shell, at: ["ocean", "import", shell.ocean(), "--out", at],
    "receipt sign out": lambda shell, at: ["receipt", "sign", shell.asset, "calls", "--out", at],
    "reproduce out": lambda shell, at: ["reproduce", shell.record(), "--out", at],
    "run out": lambda shell, at: [*shell.run(), "--out", at, "--", "{outputs}"],
    "run record": lambda shell, at: [*shell.run(), "--record", at, "--", "{outputs}"],
    "sandbox crate folder": lambda shell, at: ["sandbox", "crate", shell.record(), at, "--license", "MIT"],
    "split statement chart": lambda shell, at: ["split", "statement", shell.earned(), "--chart", at],
    "split statement csv_path": lambda shell, at: ["split", "statement", shell.earned(), "--csv", at],
    "team merge out": lambda shell, at: ["team", "merge", shell.proposal(), "--out", at],
    "team propose out": lambda shell, at: [
        "team",
        "propose",
        shell.team(),
        "--pay",
        f"{shell.who.address}=0 USD",
        "--out",
        at,
    ],
    "team reject out": lambda shell, at: ["team", "reject", shell.team(), "--out", at],
    "team sign out": lambda shell, at: ["team", "sign", shell.proposal(), "--out", at],
}

PICTURES = {"dao stats chart": "dao.svg", "split statement chart": "income.png"}
"""What is drawn: the ending of the name says how, so that a folder is no place for it."""


def test_every_place_is_tried_and_every_other_path_is_read() -> None:
    assert set(CASES) == set(PLACES)
    assert named(click.Path) == (named(click.Path) & (READ_ONLY | OWN)), "a path that nobody says is read or written"


@pytest.fixture(scope="module")
def founded() -> Registry:
    return Registry.local(dao=True)


@pytest.fixture
def shell(
    founded: Registry, rewound: Callable[[Registry], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    with rewound(founded) as place:
        kept = Registry(
            place.chain,
            place.deployment,
            signer=place.signer,
            store=LocalStore(tmp_path / "home" / "blocks"),
            journal=place.journal,
            home=tmp_path / "home",
            keys=MemoryKeys(),
        )
        made = Shell(kept, tmp_path, monkeypatch)
        with made.closes:
            yield made


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_ends_in_a_slash_is_a_folder_and_nothing_in_it_is_lost(shell: Shell, name: str) -> None:
    place = shell.folder / "new" / "deep"
    at = f"{place}/{PICTURES.get(name, '')}"
    if name in PICTURES:
        place.mkdir(parents=True)
    first = shell(*CASES[name](shell, at))
    assert first.exit_code == 0, first.stderr
    written = files(place)
    assert written and place.is_dir()
    shell.who = shell.who if name.startswith(("deploy", "dao found")) else shell.place.as_account("ann")
    again = shell(*CASES[name](shell, at))
    assert again.exit_code == 0 or "WouldOverwrite" in again.stderr, again.stderr
    now = files(place)
    if name == "team sign out":
        assert [len(json.loads(data)["signatures"]) for data in now.values()] == [2], "the first one is still there"
        return
    assert {path: now[path] for path in written} == written, "what was there is there"
    if name == "dao ballot out":
        assert again.exit_code == 0 and len(now) == 2, "each ballot has its own file"


@pytest.mark.parametrize("name", PLACES)
def test_a_file_of_something_else_is_refused_by_name_and_stays(shell: Shell, name: str) -> None:
    place = shell.folder / "mine"
    if next(p for where, p in parameters() if where == f"registry {name}").type is OUTFOLDER:
        place.mkdir()
        named = {
            "export hf-cache folder": shell.cached,
            "compute fetch out": shell.sealed,
            "compute work out": shell.sealed,
        }.get(name)
        kept = place / (named() if named else "1337.json" if "folder" in name else "mine.txt")
        at = place
    else:
        at = kept = place.with_name(PICTURES.get(name, "mine.json"))
    kept.write_text("mine")
    ended = shell(*CASES[name](shell, str(at)))
    assert ended.exit_code == 1 and kept.read_text() == "mine"
    assert "WouldOverwrite" in ended.stderr and at.name in ended.stderr.replace("\n", "")


def test_the_record_that_is_in_use_learns_of_the_dao(shell: Shell) -> None:
    """It was read from one file and written to another, and the next command found no DAO."""
    words = shell.deployed()
    elsewhere = shell.folder / "elsewhere.json"
    (shell.folder / "deployments" / "1337.json").rename(elsewhere)
    ended = shell("--deployment", elsewhere, *words)
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(elsewhere.read_text())["dao"]["governor"]
    assert not (shell.folder / "deployments" / "1337.json").exists()


def test_a_record_of_another_registry_is_told_before_anything_is_sent(shell: Shell) -> None:
    words = shell.deployed()
    record = shell.folder / "deployments" / "1337.json"
    other = replace(shell.who.deployment, registry=shell.place.deployment.authority)
    record.unlink()
    other.save(shell.folder / "deployments")
    before, block = record.read_bytes(), shell.who.chain.block().number
    ended = shell(*words)
    assert ended.exit_code == 1 and "WouldOverwrite" in ended.stderr
    assert record.read_bytes() == before and shell.who.chain.block().number == block


def test_signatures_of_one_proposal_come_together_in_its_file(shell: Shell) -> None:
    path = shell.proposal()
    assert shell("team", "sign", path, "--out", shell.folder / "signed.json").exit_code == 0
    shell.who = shell.place.as_account("ann")
    assert shell("team", "sign", path, "--out", shell.folder / "signed.json").exit_code == 0
    assert len(json.loads((shell.folder / "signed.json").read_text())["signatures"]) == 2
