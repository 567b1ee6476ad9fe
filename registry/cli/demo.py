"""``registry demo``: the main job on real data, told as it happens."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from registry.cli import demo_compute, demo_dao, demo_gated, demo_streams
from registry.cli.command import EXAMPLES
from registry.cli.console import Console
from registry.documents.licence import Licence
from registry.errors import AccessDenied, FileNotInAsset, InputError, PriceChanged, Unverified

if TYPE_CHECKING:
    from web3.contract import Contract

    from registry.client import Registry
    from registry.did import DID
    from registry.ipfs.cid import CID
    from registry.ipfs.store import BlockStore
    from registry.results import Asset, Published, Purchase
    from registry.revenue.splits import Distribution
    from registry.teams.team_results import NewTeam
    from registry.types import Address

_COMPILED: Final = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What the demo made, for machines: identifiers, CIDs, what was paid, who holds what, and what was decided."""

    dataset: str
    model: str
    document: str
    content: str
    rows: int
    paid: dict[str, str]
    holdings: dict[str, str]
    earned: dict[str, str]
    parked: list[str]
    refused: dict[str, str]
    decided: dict[str, str]
    gated: demo_gated.Chapter
    streamed: dict[str, str]
    computed: dict[str, str]
    seconds: float
    pages: str = ""
    """Where they are served."""


def run(console: Console, *, examples: Path = EXAMPLES) -> tuple[Registry, DemoOutcome]:
    """Play the whole story on a chain in this process; returns the registry as it is at the end, and the outcome.

    Raises `InputError` if the example data or a library that the demo shows at work is not there.
    """
    if not (examples / "penguins" / "penguins.csv").is_file():
        raise InputError(f"There is no example data in {examples}.", hint="Install the package anew.")
    for library in ("pandas", "siwe", "starlette"):
        if find_spec(library) is None:
            raise InputError(
                f"The demo shows {library} at work, and it is not installed.",
                hint="Run: pip install 'asset-registry[data,server]'",
            )
    with _folder() as folder:
        # Installing leaves compiled code beside the model's scripts, and what is published is the folder as it is.
        return _play(console, Path(shutil.copytree(examples, folder / "examples", ignore=_COMPILED)))


def _play(console: Console, examples: Path) -> tuple[Registry, DemoOutcome]:
    started = time.monotonic()
    author, buyer, stranger = _start(console)
    dataset = _publish(console, author, examples)
    ann, bob, cleo = (author.as_account(name) for name in ("ann", "bob", "cleo"))
    dollar = _issue_blocking_dollar(author, buyer)
    team, model = _found_team(console, author, (ann, bob, cleo), dataset, examples)

    refused: dict[str, str] = {}
    _find(console, buyer)
    commercial = _buy(console, buyer, dataset, refused)
    rows = _read(console, buyer, dataset)
    predictions = _use(console, buyer, model)
    earned, parked = _share(console, author, (ann, bob, cleo), model, dollar)
    _reprice(console, (ann, bob), team, model)
    console.facts({"price now": str(buyer.offer(model.did, "predictions").price)})
    console.family(author.family(model.did))
    _refuse(console, buyer, stranger, dataset, refused)

    chapter = demo_gated.play(console, author, buyer, ann, examples / "penguins", refused)
    streamed = demo_streams.play(console, author, bob, dataset.did)
    computed = demo_compute.play(console, author.as_account("editor"), stranger, examples / "penguins", refused)

    people = {"author": author, "buyer": buyer, "stranger": stranger}
    assets = {"penguins": dataset.did, "model": model.did}
    console.table(_who_holds_what(people, assets))
    holdings = _holdings(people, assets)
    registry, decided = demo_dao.play(console, author, dataset.did, refused)
    seconds = time.monotonic() - started
    console.say(f"Done in {seconds:.1f} s. Nothing was mocked: a real EVM, the real contracts, real hashes.")
    return registry, DemoOutcome(
        dataset=str(dataset.did),
        model=str(model.did),
        document=str(dataset.cid),
        content=str(dataset.content),
        rows=rows,
        paid={"commercial": str(commercial.price.total), "predictions": str(predictions.price.total)},
        holdings=holdings,
        earned=earned,
        parked=parked,
        refused=refused,
        decided=decided,
        gated=chapter,
        streamed=streamed,
        computed=computed,
        seconds=round(seconds, 1),
    )


def _start(console: Console) -> tuple[Registry, Registry, Registry]:
    """The author, a buyer and a stranger, on a chain of their own."""
    from registry.client import Registry

    with console.step("Start a chain in this process and deploy the registry"):
        author = Registry.local()
        buyer, stranger = author.as_account("buyer"), author.as_account("stranger")
    deployment = author.deployment
    console.facts(
        {
            "registry": deployment.registry,
            "marketplace": deployment.marketplace,
            "author, buyer, stranger": f"{author.address}, {buyer.address}, {stranger.address}",
        }
    )
    return author, buyer, stranger


def _publish(console: Console, author: Registry, examples: Path) -> Published:
    with console.step("The author publishes the penguins: free for research, 12.5 USD for 30 days of anything else"):
        dataset = author.publish(
            examples / "penguins",
            name="Palmer penguins",
            type="dataset",
            description="Size measurements of 344 penguins of three species near Palmer Station, Antarctica.",
            license="CC0-1.0",
            author="Gorman, Williams and Fraser",
            tags=("biology", "classification", "tabular"),
            royalty_bps=1_000,
            licences=[
                Licence.free("research", limit=1, description="Research and teaching, free, one for each account."),
                Licence.period("commercial", days=30, price="12.5 USD", description="Any use for 30 days."),
            ],
        )
    _tell(console, dataset)
    return dataset


def _found_team(
    console: Console, author: Registry, members: tuple[Registry, Registry, Registry], dataset: Published, examples: Path
) -> tuple[NewTeam, Asset]:
    """The team of three and the model that it owns."""
    from registry.assets.drafting import Draft

    ann, bob, cleo = members
    with console.step("Ann, Bob and Cleo found a 2-of-3 team that owns a model trained on them, in one transaction"):
        team = ann.teams.create(
            [ann.address, bob.address, cleo.address],
            threshold=2,
            shares={ann.address: "50 %", bob.address: "30 %", cleo.address: "20 %"},
            publish=Draft(
                path=examples / "penguin_model",
                name="Penguin species classifier",
                type="model",
                license="MIT",
                parents=[dataset.did],
                licences=[Licence.uses("predictions", uses=10, price="4 USDB")],
                fields={"description": "Multinomial logistic regression: species from four measurements."},
            ),
        )
    assert team.asset is not None
    model = author.get(team.asset)
    console.facts(
        {
            "DID": str(model.did),
            "owner": f"{model.owner}, a Safe of which 2 of 3 must sign",
            "revenue": f"{model.payout}, a splitter: 50 % Ann, 30 % Bob, 20 % Cleo",
            "cost": f"{team.tx.gas_used:,} gas, {team.tx.fee_wei / 10**18:.6f} ETH" if team.tx else "",
        }
    )
    return team, model


def _find(console: Console, buyer: Registry) -> None:
    with console.step(
        "The buyer finds the penguins by words and facets, and reads the document, checked against the chain"
    ):
        page = buyer.search("penguins", type="dataset", max_price="20 USD")
        found = buyer.get(page[0].did)
    counted = ", ".join(f"{number} {name}" for name, number in page.facets["license"].items())
    console.facts({"found": f"{page.total} of {len(buyer.browse())} assets ({counted})", "first": str(page[0])})
    console.table(_offers(found.name, found.licences))


def _buy(console: Console, buyer: Registry, dataset: Published, refused: dict[str, str]) -> Purchase:
    with console.refusal("Without a licence, opening it is refused", AccessDenied, refused):
        buyer.open(dataset.did, "penguins.csv")
    with console.refusal("A price above what the buyer agrees to is refused", PriceChanged, refused):
        buyer.buy(dataset.did, "commercial", max_total="10 USD")
    with console.step("The buyer looks at the cost, and buys 30 days"):
        preview = buyer.buy(dataset.did, "commercial", dry_run=True)
        commercial = buyer.buy(dataset.did, "commercial", max_total=preview.price.total)
    console.facts(
        {
            "price": str(commercial.price.total),
            "fee of the treasury": str(commercial.price.fee),
            "to the author": str(commercial.price.revenue),
            "gas": f"{commercial.tx.gas_used:,}" if commercial.tx else "",
            "now": commercial.holding.in_words(),
        }
    )
    return commercial


def _read(console: Console, buyer: Registry, dataset: Published) -> int:
    """How many rows pandas read."""
    with console.step("Every block is hashed while pandas reads the CSV"):
        frame = _read_csv(buyer, dataset)
        verified = buyer.verify(dataset.did)
    console.facts({"rows": str(len(frame)), "columns": ", ".join(frame.columns), "checked": str(verified)})
    console.table(_summary(frame))
    return len(frame)


def _use(console: Console, buyer: Registry, model: Asset) -> Purchase:
    with console.step("The buyer buys ten predictions from the team and uses one"):
        predictions = buyer.buy(model.did, "predictions")
        buyer.consume(model.did, "predictions", ref=b"first prediction")
    console.facts(
        {
            "paid": str(predictions.price.total),
            "fee of the treasury": str(predictions.price.fee),
            "royalty of the penguins": str(predictions.price.royalty),
            "to the team": str(predictions.price.revenue),
            "now": buyer.holding(model.did, "predictions").in_words(),
        }
    )
    return predictions


def _share(
    console: Console, author: Registry, members: tuple[Registry, Registry, Registry], model: Asset, dollar: Contract
) -> tuple[dict[str, str], list[str]]:
    """What each was paid, by name, and the names of those whose share waits for them."""
    ann, bob, cleo = members
    names = {author.address: "author of the penguins", ann.address: "Ann", bob.address: "Bob", cleo.address: "Cleo"}
    with console.step("The issuer of the dollar shuts Cleo out; everybody else is paid all the same"):
        author.act("shut Cleo out", dollar.functions.setBlocked(cleo.address, True))
        royalties = author.revenue.distribute(model.did, "USDB")
        shared = author.revenue.distribute(model.payout, "USDB")
    console.table(_payments({"royalties": royalties, "team": shared}, names))
    with console.step("Cleo claims her share to another account of hers"):
        claim = cleo.revenue.claim(model.payout, "USDB", to=author.as_account("editor").address)
    console.facts({"claimed": str(claim.amount), "to": claim.to})
    earned = {names[payment.account]: str(payment.amount) for payment in (*royalties.payments, *shared.payments)}
    return earned, [names[payment.account] for payment in shared.parked]


def _reprice(console: Console, members: tuple[Registry, Registry], team: NewTeam, model: Asset) -> None:
    ann, bob = members
    with console.step("The team raises the price: proposed, read in words, signed by two, carried out"):
        with ann.teams.collect(team) as act:
            act.reprice(model.did, "predictions", "5 USDB")
        proposal = ann.teams.sign(ann.teams.propose(team, act, note="Predictions got better"))
        console.say(str(bob.teams.describe(proposal)))
        bob.teams.execute(bob.teams.sign(proposal))


def _refuse(console: Console, buyer: Registry, stranger: Registry, dataset: Published, refused: dict[str, str]) -> None:
    with console.refusal("A stranger who bought nothing is refused", AccessDenied, refused):
        stranger.open(dataset.did, "penguins.csv")
    with console.refusal("A copy with one changed byte is refused", Unverified, refused):
        _verify_changed_copy(buyer, dataset)
    with console.refusal("A forged block from a store is refused", Unverified, refused):
        _read_forged(buyer, dataset)
    with console.refusal("A file that is not there is named", FileNotInAsset, refused):
        buyer.open(dataset.did, "pinguins.csv")


def _tell(console: Console, asset: Published) -> None:
    tx = asset.tx
    console.facts(
        {
            "DID": str(asset.did),
            "document": f"ipfs://{asset.cid}",
            "content": f"ipfs://{asset.content}",
            "cost": f"{tx.gas_used:,} gas, {tx.fee_wei / 10**18:.6f} ETH" if tx else "",
        }
    )


def _read_csv(buyer: Registry, dataset: Published) -> Any:
    import pandas as pd

    with buyer.open(dataset.did, "penguins.csv") as file:
        return pd.read_csv(file)


def _verify_changed_copy(buyer: Registry, dataset: Published) -> None:
    with _folder() as folder:
        copy = folder / "copy"
        buyer.download(dataset.did, copy)
        data = bytearray((copy / "penguins.csv").read_bytes())
        data[1000] ^= 1
        (copy / "penguins.csv").write_bytes(data)
        buyer.verify(dataset.did, copy)


def _read_forged(buyer: Registry, dataset: Published) -> None:
    """Serve the CSV's block from a store that lies about its bytes."""
    found = buyer.get(dataset.did)
    assert found.ddo.content is not None
    csv = next(file for file in found.ddo.content.files if file.path == "penguins.csv")

    store = _Liar(buyer.store, csv.cid)
    cheated = type(buyer)(buyer.chain, buyer.deployment, signer=buyer.signer, store=store, journal=buyer.journal)
    cheated.open(dataset.did, "penguins.csv").read()


class _Liar:
    """A store that swaps the species in one block and claims that it is the same."""

    name = "a lying store"

    def __init__(self, honest: BlockStore, forged: CID) -> None:
        self._honest, self._forged = honest, forged

    def put(self, cid: CID, data: bytes) -> None:
        self._honest.put(cid, data)

    def has(self, cid: CID) -> bool:
        return self._honest.has(cid)

    def get(self, cid: CID) -> bytes:
        block = self._honest.get(cid)
        return block.replace(b"Adelie", b"Gentoo") if cid == self._forged else block


def _offers(name: str, licences: Any) -> Table:
    table = Table("no.", "licence", "offers", title=f"Licences of {name}")
    for offer in licences:
        table.add_row(str(offer.number), offer.name, offer.in_words())
    return table


def _summary(frame: Any) -> Table:
    table = Table("species", "penguins", "mean body mass", title="What the buyer sees")
    for species, group in frame.groupby("species"):
        table.add_row(str(species), str(len(group)), f"{group['body_mass_g'].mean():,.0f} g")
    return table


def _holdings(people: dict[str, Registry], assets: dict[str, DID]) -> dict[str, str]:
    """What each holds, for machines."""
    return {
        f"{name}: {held.licence} of {title}": held.in_words()
        for name, person in people.items()
        for title, asset in assets.items()
        for held in person.holdings(asset)
    }


def _who_holds_what(people: dict[str, Registry], assets: dict[str, DID]) -> Table:
    table = Table("account", "coins", "dollars", *assets, title="Who holds what")
    for name, person in people.items():
        cells = []
        for asset in assets.values():
            if person.get(asset).owner == person.address:
                cells.append("owns it")
                continue
            held = [f"{h.licence}: {h.in_words()}" for h in person.holdings(asset) if h.taken or h.tokens]
            cells.append("\n".join(held) or "-")
        table.add_row(name, f"{person.balance('ETH').decimal:,.4f} ETH", str(person.balance("USD")), *cells)
    return table


def _payments(rounds: dict[str, Distribution], names: dict[Address, str]) -> Table:
    table = Table("from", "to", "amount", "", title="Who was paid")
    for source, distribution in rounds.items():
        for payment in distribution.payments:
            told = "parked, waits for a claim" if payment.parked else "paid"
            table.add_row(source, names.get(payment.account, payment.account), str(payment.amount), told)
    return table


def _issue_blocking_dollar(author: Registry, buyer: Registry) -> Contract:
    """Deploy a dollar whose issuer can shut accounts out, have it taken as payment, and give the buyer some."""
    from registry.chain.local import DEPLOYER, play_dollar
    from registry.chain.sender import Sender
    from registry.chain.signers import dev_signer

    dao = author.as_account(dev_signer(DEPLOYER))
    address = play_dollar(Sender(dao.chain, dev_signer(DEPLOYER), dao.journal), contract="BlockingDollar")
    dao.act("take USDB", dao.assets.functions.setPaymentToken(address, True))
    dollar = author.chain.contract("BlockingDollar", address)
    buyer.act("get USDB", dollar.functions.mint(buyer.address, 100_000_000))
    return dollar


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="registry-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
