"""One story in which the parts meet: an item of a collection is found in a hub, its hit proven, bought in a browser,
streamed for a day, read gated in a notebook, used in a compute job whose record is published, and everybody is paid to
the unit; while a hub lies, a node lags, and the chain drops blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nbformat
import pytest
from chromium import NAMES, Chromium
from injected_wallet import Wallet, at, injected
from nbclient import NotebookClient
from page_acts import ActPage, act_button
from pages_world import served
from quirks.proxy import Proxy, flaps
from skips import INSTALL, program
from ward import MEAN, patients, stored, terms

from integration.cli_support import KEYS
from integration.gateway.support import AUTHOR, BUYER, OTHER, STRANGER, Town
from integration.hub.support import Liar, wait_for
from integration.support import Anvil, ticking
from registry import DID, Draft, Gated, Licence, Published, Registry
from registry.chain.connection import Chain
from registry.chain.local import TREASURY, deploy_local
from registry.chain.signers import dev_signer
from registry.errors import AccessDenied, HubLied
from registry.host.host_server import HostServer
from registry.index import remote
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore
from registry.system.serving import listen

HOST, ANN, BOB = OTHER, 4, 5
HOUR = Licence.period("hour", hours=1, price="1.000003 USD")
LIVE = Licence.stream("live", price="7.000001 USD", per="1 day")
RUNS = Licence.uses("runs", uses=1, price="3.000007 USD")
COPY = Licence.hold("copy", price="5.000009 USD")
NUMBERS = {"author": AUTHOR, "buyer": BUYER, "stranger": STRANGER, "ann": ANN, "bob": BOB, "treasury": TREASURY}
ACCOUNTS = {who: dev_signer(number).address for who, number in NUMBERS.items()}
PAID = {"buyer": 1_000_003 + 7_000_001 + 3_000_007, "stranger": 5_000_009}
"""What each pays in the story, in units of a dollar with six decimals."""

READING = """
import pandas as pd

pd.read_csv("asset://{item}/patients.csv").groupby("species")["mass"].median()
"""


class Place:
    """A registry on a node, people with homes of their own who keep blocks in one place, and a browser with the
    buyer's wallet. The buyer's programs reach the chain through a balancer, one of whose two nodes is behind."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self.folder, self.running, self.node = folder, running, Anvil()
        running.callback(self.node.stop)
        self.town = Town(self.node, deploy_local(Chain.connect(self.node.url)), folder)
        running.enter_context(self.town.stack)
        self.balancer = running.enter_context(Proxy(self.node.url))
        self.balancer.play(flaps(1))
        self.blocks = LocalStore(folder / "blocks")
        self.author, self.stranger, self.host = map(self.person, (AUTHOR, STRANGER, HOST))
        self.buyer = self.person(BUYER, self.balancer.url)
        for one in (self.buyer, self.stranger):
            one.fund("100 USD")
        self.hub = ""
        chromium = program(*NAMES, hint=INSTALL.format(package="chromium"))
        self.browser = Chromium(folder / "chromium", chromium)
        running.callback(self.browser.stop)
        self.wallet = running.enter_context(injected(self.browser, Wallet(at(self.node.url), self.buyer.address)))

    def person(self, number: int, node: str = "") -> Registry:
        """A client of one of the accounts for tests."""
        return Registry.on(
            Chain.connect(node or self.node.url),
            signer=dev_signer(number),
            deployment=self.town.deployment,
            store=self.blocks,
            home=self.folder / "homes" / str(number),
            progress=None,
        )

    @property
    def money(self) -> dict[str, int]:
        """What everybody has whom money of the story reaches or leaves, in units of a dollar."""
        return {who: self.stranger.balance("USD", account=account).units for who, account in ACCOUNTS.items()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("REGISTRY_KEYS", "memory")
    monkeypatch.setattr("registry.content.block_wait.FRESH_POLL", 0.2)
    with ExitStack() as running:
        yield Place(tmp_path, running)


def test_an_item_is_found_bought_streamed_read_and_computed_on_and_everybody_is_paid_to_the_unit(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, buyer, stranger = place.author, place.buyer, place.stranger
    before = place.money

    # A splitter that an ancestor pays has a team among its payees, which sells what was made from the ancestor.
    team = found_a_team(place)
    house = author.revenue.create({team: 2, author.address: 1}).address
    notes = author.publish(None, name="Field notes", type="dataset", license="CC0-1.0", royalty_bps=700, payout=house)
    item = publish_a_collection(place, notes.did, team)

    # A hub that lies about it is named, and a hit of one that does not is proven.
    place.hub = place.running.enter_context(served(author))
    assert lie_of_a_hub(place, monkeypatch).field == "offers"
    (hit,) = buyer.search("penguins ward 7", hub=place.hub, limit=1)
    assert (hit.did, hit.minted, hit.proven, hit.price_text) == (str(item), False, True, "1.000003 USD")

    # An hour of it is bought in the browser. The chain drops that, the hub says so, and it is bought again.
    buy_in_the_browser(place, item)
    drop_what_the_hub_has_seen(place, item)
    assert not buyer.has_access(item)
    buy_in_the_browser(place, item)
    assert buyer.has_access(item) and len(stranger.revenue.statement(item).lines) == 1

    # A day of it is streamed. The chain drops that too, and whoever asks again sends the same, and pays once.
    day = buyer.streams.subscribe(item, "live", time="1 day", max_total="7.000001 USD")
    drop_blocks(place)
    assert not buyer.streams.subscription(item, "live").active
    again = buyer.streams.subscribe(item, "live", time="1 day", max_total="7.000001 USD")
    assert day.tx is not None and again.tx is not None and day.tx.tx_hash == again.tx.tx_hash
    author.chain.advance(2 * 3_600)

    # The item is minted, and sealed with what only those with access may read; the stream opens it in a notebook.
    seal(place, item)
    with pytest.raises(AccessDenied):
        stranger.open(item, "patients.csv")
    told = read_in_a_notebook(place, monkeypatch, item)
    assert "Adelie    3700.0" in told and "Gentoo    5000.0" in told

    # It is computed on: by the buyer, and by a host, who says the same. The record is published with what came out.
    offer = offer_runs(place, item, team)
    means = compute_and_publish(place, item, offer)
    stranger.buy(means.did, "copy", max_total="5.000009 USD")
    assert [one.did for one in stranger.family(means.did).ancestors] == [item, notes.did]
    assert [one.path for one in stranger.experiments.record(means.did).outputs] == ["mean.csv"]

    # The day is over, and so is access. All of it is paid out, and the statements are what everybody has.
    author.chain.advance(86_400)
    with pytest.raises(AccessDenied):
        place.person(BUYER, place.balancer.url).open(item, "patients.csv")
    stranger.streams.settle(item, "live")
    for split in (item, offer.did, means.did, house, team):
        stranger.revenue.distribute(split, "USD")
    stated = {who: stated_for(stranger, account) for who, account in ACCOUNTS.items()}
    after = place.money
    assert {who: after[who] - before[who] + PAID.get(who, 0) for who in after} == stated
    splitters = [stranger.revenue.get(split).address for split in (item, offer.did, means.did, house, team)]
    left = {one: stranger.balance("USD", account=one).units for one in splitters}
    assert sum(stated.values()) + sum(left.values()) == sum(PAID.values()) and max(left.values()) < 3
    for one in (house, team):
        arrived = stranger.revenue.statement(one)
        assert sum(line.amount.units for line in arrived.arrived) - left[one] == stated_for(stranger, one)


# --- What happens in it --------------------------------------------------------------------------


def found_a_team(place: Place) -> str:
    """Ann and Bob; returns the splitter of their shares."""
    ann, bob = (dev_signer(number).address for number in (ANN, BOB))
    team = place.person(ANN).teams.create([ann, bob], threshold=2, shares={ann: "66.7 %", bob: "33.3 %"})
    assert team.splitter is not None
    return team.splitter


def publish_a_collection(place: Place, notes: DID, team: str) -> DID:
    """Nine wards of penguins, made from the notes; returns the last but one."""
    drafts = [Draft(name=f"Penguins of ward {number}", type="dataset", license="CC0-1.0") for number in range(9)]
    made = place.author.publish_collection(
        drafts, name="Penguins of the coast", licences=[HOUR, LIVE], royalty_bps=500, parents=[notes], payout=team
    )
    return made.item(7)


def lie_of_a_hub(place: Place, monkeypatch: pytest.MonkeyPatch) -> HubLied:
    """What is refused of a hub that shows another price for what it found."""

    def cheap(page: dict[str, Any]) -> dict[str, Any]:
        page["hits"][0]["offers"][0]["price"] = "1"
        return page

    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="was refused"):
        patch.setattr(remote, "RemoteHub", lambda url: Liar(url, "/v1/search", cheap))
        page = place.stranger.search("penguins ward 7", hub=place.hub, limit=1)
    (lie,) = page.lies
    assert not page.hits and lie.hub == place.hub
    return lie


def buy_in_the_browser(place: Place, item: DID) -> None:
    """Buy an hour on its page; a price that the page makes up is seen before the wallet is asked."""
    path, asked = f"/a/{item.asset_id}", len(place.wallet.asked)
    page = ActPage(place.browser, place.hub, path, act_button("buy", 0))
    page.lie(total="1")
    page.open()
    page.says("the chain asks for 1.000003 USD")
    assert len(place.wallet.asked) == asked
    page = ActPage(place.browser, place.hub, path, act_button("buy", 0))
    page.open()
    page.says("Nothing is signed yet")
    assert "Penguins of ward 7 (asset" in page.text and "1 hour of access" in page.text
    page.press("Sign in the wallet")
    page.says("You have access until")


def drop_blocks(place: Place) -> None:
    """Two blocks follow on the last one, and then the chain drops the three for three others."""
    place.town.mine(2)
    place.node.rpc("anvil_reorg", 3, [])


def drop_what_the_hub_has_seen(place: Place, item: DID) -> None:
    """Drop a sale that the hub tells of; then it tells that it was dropped."""
    wait_for(lambda: place.stranger.sales(item, hub=place.hub), 60)
    drop_blocks(place)
    dropped = wait_for(lambda: place.stranger.dropped(item, hub=place.hub), 60)
    assert "Sale" in {one.event.rpartition(".")[2] for one in dropped}
    assert not place.stranger.sales(item, hub=place.hub)


def seal(place: Place, item: DID) -> None:
    """Mint the item, and publish its masses sealed to two key gateways."""
    place.stranger.mint(item)
    gateways = [place.town.gateway(name).url for name in ("north", "south")]
    with ticking(place.town.mine):
        place.author.update(item, path=patients(place.folder / "ward"), gated=Gated(gateways=gateways, threshold=2))
        place.author.invite(item, place.host.address)


def read_in_a_notebook(place: Place, monkeypatch: pytest.MonkeyPatch, item: DID) -> str:
    """What a notebook of the buyer shows, whose home is empty, and whose node lags."""
    server = place.running.enter_context(Server(place.blocks))
    for name, value in {
        "REGISTRY_RPC": place.balancer.url,
        "REGISTRY_KEY": KEYS["buyer"],
        "REGISTRY_DEPLOYMENT": place.town.deployment.registry,
        "REGISTRY_HOME": str(place.folder / "notebook"),
        "IPFS_GATEWAY": server.url,
    }.items():
        monkeypatch.setenv(name, value)
    note = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(READING.format(item=item))])
    with ticking(place.town.mine):
        NotebookClient(note, timeout=300, startup_timeout=300).execute()
    return "".join(output["data"]["text/plain"] for output in note.cells[0].outputs if "data" in output)


def offer_runs(place: Place, item: DID, team: str) -> Published:
    """The author offers runs of one program on the item, at a host who was invited to it."""
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    mean = stored(place.author, MEAN, place.folder)
    told = terms(mean, data=item, hosts=(place.host.address,), url=url)
    offer = place.author.publish(
        None, name="Runs on ward 7", type="dataset", license="CC0-1.0", licences=[RUNS], parents=[item],
        payout=team, compute=told,
    )  # fmt: skip
    place.running.enter_context(HostServer(place.host, place.host.jobs.desk(), sock, url))
    return offer


def compute_and_publish(place: Place, item: DID, offer: Published) -> Published:
    """The buyer runs the program at home, has the host run the record again, and publishes what came out with the
    record and the host's receipt."""
    made, buyer = place.folder / "means", place.buyer
    with ticking(place.town.mine):
        record = buyer.experiments.run(place.folder / "program.py", {"data": item}, outputs=made).record
        there = buyer.reproduce_at(record, offer.did, outputs=place.folder / "there", max_total="3.000007 USD")
    assert there.word == "same" and there.receipt is not None
    (made / "receipt.json").write_bytes(there.receipt)
    assert "Adelie,3700.0,20" in (made / "mean.csv").read_text()
    return buyer.publish(
        made, name="Means of ward 7", type="dataset", license="CC0-1.0", licences=[COPY], made_by=record
    )


def stated_for(reader: Registry, account: str) -> int:
    """What the statement of an account, or of a splitter, adds up to."""
    return sum(one.received.units for one in reader.revenue.statement(account, token="USD").total())
