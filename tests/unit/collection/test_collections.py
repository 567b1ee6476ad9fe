"""Collections through the client: published once, their items bought, opened, proven and minted like any asset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import Result
from terminal import runner

from registry import DDO, Draft, Gated, Licence, Registry, State
from registry.assets.catalogue import Catalogue
from registry.assets.collection_verbs import ITEM_SALE_GAS, PublishedCollection
from registry.assets.drafting import described
from registry.chain import reverts
from registry.chain.sender import Sender
from registry.cli import cli
from registry.cli.app import App
from registry.collections import Packing
from registry.collections.layout import PROFILE
from registry.documents.ddo import Content
from registry.errors import (
    AccessDenied,
    AssetNotFound,
    BlockNotFound,
    ContentError,
    InputError,
    InvalidDDO,
    Unverified,
)
from registry.ipfs.cid import CID
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import add_tree
from registry.tools.assetfs import AssetFileSystem
from registry.types import ZERO_ADDRESS, item_id

MONTH = Licence.period("month", days=30, price="12.5 USD", description="A month of one picture.")
GAS = json.loads((Path(__file__).parents[3] / "bench" / "results" / "gas.json").read_text())

_numbers = count(1)


@pytest.fixture
def name() -> str:
    """A name that no other collection has."""
    return f"Pictures {next(_numbers)}"


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Three files."""
    made = [tmp_path / f"picture-{number}.png" for number in range(3)]
    for number, path in enumerate(made):
        path.write_bytes(f"picture {number}".encode())
    return made


def drafts(name: str, number: int) -> Iterator[Draft]:
    """Drafts without content, from a generator that can be read once."""
    return (
        Draft(name=f"{name}/{index}", type="dataset", license="CC0-1.0", fields={"description": f"no. {index}"})
        for index in range(number)
    )


def test_what_is_said_of_long_work_ends_with_all_of_it(author: Registry, name: str) -> None:
    last: dict[str, tuple[int, int]] = {}
    author.progress = lambda what, done, total: last.update({what: (done, total)})
    author.collections.verify(author.publish_collection(drafts(name, 3), name=name).did)
    stages = {"packing documents", "listing the items", "storing the manifest", "verifying documents"}
    assert stages <= set(last) and {what for what, (done, total) in last.items() if done != total} == set()


@pytest.fixture
def published(author: Registry, name: str, pictures: list[Path]) -> PublishedCollection:
    """A collection of three pictures for 12.5 USD a month each."""
    listed = [Draft(name=f"{name}/{path.stem}", type="dataset", license="CC0-1.0", path=path) for path in pictures]
    return author.publish_collection(listed, name=name, licences=[MONTH], royalty_bps=500)


def publish_root(client: Registry, document: DDO, root: bytes, size: int) -> int:
    """Publish a collection past all checks of the client; its number."""
    Catalogue(client).keep(document)
    publication = (document.digest, ZERO_ADDRESS, (False, 0), [], 0, [])
    done = client.act("publish", client.assets.functions.publishCollection(client.address, publication, root, size))
    assert done.tx is not None
    return int(done.tx.named("CollectionPublished")[0].args["collection"])


class Killed(BaseException):
    """As if the process was killed."""


# Publishing


def test_assets_are_published_together_in_one_transaction(author: Registry, name: str) -> None:
    before = author.chain.block().number
    made = author.publish_collection(drafts(name, 300), name=name, licences=[MONTH], description="Three hundred")
    assert author.chain.block().number == before + 1 and made.size == 300
    root, size = author.assets.functions.collectionOf(made.did.asset_id).call()
    assert (bytes(root), size) == (made.root, 300)
    whole = author.get(made.did)
    assert (whole.name, whole.ddo.type, whole.ddo.license, whole.ddo.description) == (
        name,
        "dataset",
        "CC0-1.0",
        "Three hundred",
    )
    for index in (0, 150, 299):
        item = author.get(made.item(index))
        assert item.name == f"{name}/{index}" and item.did.asset_id == item_id(made.did.asset_id, index)
        assert (item.owner, item.version, item.minted) == (author.address, 1, False)
    with pytest.raises(InputError, match="There is no item 300"):
        made.item(300)
    assert author.collections.verify(made.did).size == 300


def test_published_again_it_is_found_and_published_anew_only_if_that_is_asked_for(author: Registry, name: str) -> None:
    first = author.publish_collection(drafts(name, 5), name=name)
    again = author.publish_collection(drafts(name, 5), name=name)
    assert (again.did, again.tx) == (first.did, None)
    other = author.publish_collection(drafts(name, 5), name=name, again=True)
    assert other.did != first.did and other.root == first.root
    with pytest.raises(InputError, match="with other prices"):
        author.publish_collection(drafts(name, 5), name=name, royalty_bps=100)


def test_an_asset_with_the_collections_document_is_not_taken_for_the_collection(author: Registry, name: str) -> None:
    made = author.publish_collection(drafts(name, 5), name=name)
    other = author.publish_collection(drafts(name, 6), name=f"{name} of six")
    call = author.assets.functions.publish(author.address, (made.cid.digest, ZERO_ADDRESS, (False, 0), [], 0, []))
    author.act("publish the document alone", call)
    again = author.publish_collection(drafts(name, 5), name=name)
    assert author.collections.state(again.did).root == made.root != other.root


@pytest.mark.parametrize("stage", ["packing", "listing", "storing", "sending"])
def test_killed_anywhere_it_goes_on_and_publishes_once(
    stage: str, author: Registry, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def client(**changed: Any) -> Registry:
        return Registry.on(
            author.chain,
            signer=author.signer,
            deployment=author.deployment,
            store=author.store,
            journal=author.journal,
            home=tmp_path / "home",
            **changed,
        )

    def stop(what: str, _done: int, _total: int) -> None:
        if what.startswith(stage):
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if stage == "sending":
            send = Sender.send

            def sent(*args: Any, **options: Any) -> None:
                send(*args, **options)
                raise Killed

            patch.setattr(Sender, "send", sent)
        client(progress=stop).publish_collection(drafts(name, 1_500), name=name)
    anew: list[bytes] = []
    add = Packing.add
    monkeypatch.setattr(Packing, "add", lambda self, *args: (anew.append(args[0]), add(self, *args))[1])
    made = client().publish_collection(drafts(name, 1_500), name=name)
    assert len(anew) == (500 if stage == "packing" else 0)
    events = author.chain.events(author.assets.events.CollectionPublished, from_block=author.deployment.block)
    assert [event.args["root"] for event in events].count(made.root) == 1
    assert not any((tmp_path / "home" / "collections").glob("*/manifest"))


def test_a_dry_run_stores_and_sends_nothing_and_says_what_is_cheaper(author: Registry, name: str) -> None:
    before, blocks = author.chain.block().number, len(author.store._blocks)  # type: ignore[attr-defined]
    seen = author.publish_collection(drafts(name, 40), name=name, licences=[MONTH], dry_run=True)
    assert author.chain.block().number == before and len(author.store._blocks) == blocks  # type: ignore[attr-defined]
    one_by_one = author.publish_many(
        [Draft(name=f"{name}/{i}", type="dataset", license="MIT", licences=[MONTH]) for i in range(40)], dry_run=True
    )
    assert abs(seen.each.gas - one_by_one.cost.gas) < one_by_one.cost.gas / 10
    assert seen.cheaper and seen.size == 40 and "cheaper in all only from" in str(seen)
    saved = seen.each.gas - seen.cost.gas
    assert 0 < saved * 5 / 6 / ITEM_SALE_GAS - 40 < seen.sales < saved / ITEM_SALE_GAS
    made = author.publish_collection(drafts(name, 40), name=name, licences=[MONTH])
    assert made.root == seen.root
    single = author.publish_collection(drafts(name, 1), name=f"{name} single", dry_run=True)
    assert not single.cheaper and single.sales == 0 and "from the first sale on" in str(single)


def test_what_a_sale_of_an_item_takes_more_is_what_was_measured() -> None:
    more = GAS["buy_item_first"]["ours"] - GAS["buy_first"]["ours"]
    assert abs(more - ITEM_SALE_GAS) < 1_000


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"licences": [MONTH]}, "has licences of its own"),
        ({"payout": "0x" + "11" * 20}, "has payout of its own"),
        ({"royalty_bps": 0}, "has royalty_bps of its own"),
        ({"parents": ["did:nft:x"]}, "has parents of its own"),
        ({"gated": Gated(gateways=["https://gate.example"], threshold=1)}, "is gated"),
        ({"type": "model"}, "The type of draft 1"),
        ({"license": "MIT"}, "The license of draft 1"),
    ],
)
def test_a_draft_that_cannot_be_an_item_is_named(own: dict[str, Any], words: str, author: Registry, name: str) -> None:
    plain = {"name": name, "type": "dataset", "license": "CC0-1.0"}
    with pytest.raises(InputError, match=words):
        author.publish_collection([Draft(**plain), Draft(**{**plain, **own})], name=name)


def test_items_may_differ_in_type_and_licence_if_the_collection_names_its_own(author: Registry, name: str) -> None:
    listed = [
        Draft(name=name, type="dataset", license="MIT"),
        Draft(name=name, type="model", license="Apache-2.0"),
    ]
    made = author.publish_collection(listed, name=name, type="other", license="MIT AND Apache-2.0")
    assert author.get(made.did).ddo.type == "other" and author.get(made.item(1)).ddo.type == "model"


def test_only_an_owner_who_signs_names_a_payout_and_nothing_is_published_of_nothing(
    author: Registry, stranger: Registry, name: str
) -> None:
    with pytest.raises(InputError, match="somebody else"):
        author.publish_collection(drafts(name, 2), name=name, owner=stranger.address, payout=author.address)
    with pytest.raises(InputError, match="no drafts"):
        author.publish_collection(iter(()), name=name)
    made = author.publish_collection(drafts(name, 2), name=name, owner=stranger.address)
    assert author.get(made.item(1)).owner == stranger.address


# Items


def test_an_item_is_bought_opened_and_verified_by_its_did_without_being_minted(
    published: PublishedCollection, buyer: Registry, stranger: Registry
) -> None:
    item, other = published.item(1), published.item(2)
    assert [offer.name for offer in buyer.licences(item)] == ["month"]
    assert buyer.offer(item, "month").description == MONTH.description
    assert buyer.offer(item, "month").digest == published.root
    with pytest.raises(AccessDenied, match="month"):
        buyer.open(item)
    bought = buyer.buy(item, "month")
    assert bought.holding.active and buyer.has_access(str(item))
    with buyer.open(item) as file:
        assert file.read() == b"picture 1"
    with buyer.open(f"asset://{item}/picture-1.png") as file:
        assert file.read() == b"picture 1"
    assert buyer.verify(item).size == len(b"picture 1")
    for denied in (other, published.did):
        with pytest.raises(AccessDenied):
            buyer.open(denied)
    assert not stranger.has_access(item)
    assert buyer.as_account("author").has_access(item)


def test_an_item_is_read_as_a_file_of_a_file_system(published: PublishedCollection, buyer: Registry) -> None:
    buyer.buy(published.item(0), "month")
    files = AssetFileSystem(buyer)
    assert files.cat(f"asset://{published.item(0)}/picture-0.png") == b"picture 0"
    with fsspec.open(f"asset://{published.item(0)}/picture-0.png", registry=buyer) as file:
        assert file.read() == b"picture 0"


def test_an_item_that_is_not_minted_has_no_history_but_its_document_and_is_not_changed(
    published: PublishedCollection, author: Registry
) -> None:
    item = published.item(0)
    assert [one.cid for one in author.history(item)] == [author.get(item).cid]
    assert author.resolve(item)["id"] == str(item)
    for change in (
        lambda: author.transfer(item, "0x" + "22" * 20),
        lambda: author.update(item, description="new"),
        lambda: author.suspend(item),
    ):
        with pytest.raises((reverts.ItemNotMinted, reverts.ERC721NonexistentToken)):
            change()
    with pytest.raises(reverts.TermsOfCollection):
        author.reprice(item, "month", "1 USD")


def test_who_mints_an_item_gives_it_to_the_owner_of_the_collection(
    published: PublishedCollection, author: Registry, stranger: Registry, buyer: Registry
) -> None:
    item = published.item(2)
    before = author.get(item)
    assert stranger.mint(item, dry_run=True).tx is None and not author.get(item).minted
    done = stranger.mint(item)
    assert done.tx is not None and stranger.mint(item).before
    after = author.get(item)
    assert after.minted and (after.owner, after.digest, after.ddo) == (author.address, before.digest, before.ddo)
    author.update(item, description="another")
    assert author.get(item).ddo.description == "another"
    assert [offer.name for offer in author.licences(item)] == ["month"]
    assert [one.cid for one in author.history(item)] == [before.cid, author.get(item).cid]
    buyer.buy(item, "month")
    author.transfer(item, buyer.address)
    assert author.get(item).owner == buyer.address and author.get(published.item(0)).owner == author.address


def test_what_items_earn_is_stated_for_their_collection_and_for_all_whom_it_pays(
    author: Registry, buyer: Registry, stranger: Registry, name: str
) -> None:
    """Minted or not, sold on or not; and what is made from one that nobody minted pays whom its collection pays."""
    ann = author.as_account("ann").address
    before = {who: author.balance("USD", account=who).units for who in (ann, author.address, stranger.address)}
    notes = author.publish(None, name=f"{name}, notes", type="dataset", license="MIT", royalty_bps=1_000)
    made = author.publish_collection(
        drafts(name, 3), name=name, licences=[MONTH], royalty_bps=500, parents=[notes.did], payout=ann
    )
    kept, given, parent = map(made.item, range(3))
    child = stranger.publish(
        None, name=f"{name}, made from it", type="dataset", license="MIT", licences=[MONTH], parents=[parent]
    )
    author.mint(given)
    for item in (kept, given, child.did):
        buyer.buy(item, "month")
    author.transfer(given, stranger.address)
    buyer.buy(given, "month")
    for item in (kept, child.did):
        assert author.revenue.distribute(item, "USD").txs

    def earned(subject: Any) -> int:
        return sum(one.earned.units for one in author.revenue.statement(subject, token="USD").total())

    net = 12_500_000 - 125_000 - 1_250_000
    assert [earned(item) for item in (kept, given, parent)] == [net, 2 * net, 625_000]
    assert earned(made.did) == 3 * net + 625_000 and earned(notes.did) == 4 * 1_250_000
    assert author.family(kept).ancestors[0].earned == author.family(made.did).ancestors[0].earned != ()
    gained = {who: author.balance("USD", account=who).units - had for who, had in before.items()}
    assert gained == {who: earned(who) for who in before}
    assert gained[ann] == 2 * net + 625_000 and gained[author.address] == 5_000_000


def test_an_offer_that_was_seen_before_the_item_was_minted_no_longer_holds(
    published: PublishedCollection, buyer: Registry, stranger: Registry
) -> None:
    seen = buyer.offer(published.item(0), "month")
    stranger.mint(published.item(0))
    with pytest.raises(reverts.OtherDocument):
        buyer.buy(published.item(0), seen)
    assert buyer.buy(published.item(0), "month").holding.active


def test_an_item_that_somebody_else_minted_is_read_from_the_list(
    published: PublishedCollection, author: Registry, stranger: Registry
) -> None:
    item, proven = published.item(1), author.collections.prove(published.item(1))
    call = stranger.assets.functions.mintItem(item.asset_id, proven.listed.digest, list(proven.listed.proof))
    stranger.act("mint it past the client", call)
    assert not author.store.has(proven.cid)
    found = author.get(item)
    assert found.minted and found.digest == proven.listed.digest and found.ddo.content is not None


def test_an_own_asset_of_an_items_document_is_another_asset(author: Registry, name: str) -> None:
    made = author.publish_collection(drafts(name, 3), name=name)
    author.mint(made.item(1))
    own = author.publish(None, name=f"{name}/1", type="dataset", license="CC0-1.0", description="no. 1")
    assert own.tx is not None and own.did.collection is None
    assert own.cid == author.get(made.item(1)).cid


def test_items_that_are_not_there_and_assets_that_are_no_items_are_told(
    published: PublishedCollection, author: Registry
) -> None:
    collection = published.did
    for missing in (item_id(collection.asset_id, 3), item_id(collection.asset_id + 77, 0)):
        with pytest.raises(AssetNotFound):
            author.get(missing)
    for verb in (author.mint, author.collections.prove):
        with pytest.raises(InputError, match="is not an item"):
            verb(collection)
    plain = author.publish(None, name=f"{published.did}", type="dataset", license="MIT")
    with pytest.raises(InputError, match="is not a collection"):
        author.collections.verify(plain.did)
    with pytest.raises(AssetNotFound):
        author.get(item_id(plain.did.asset_id, 0))


def test_collection_and_item_are_suspended_together(published: PublishedCollection, author: Registry) -> None:
    author.suspend(published.did)
    assert author.get(published.item(0)).state is State.SUSPENDED


# Owners and stores that deceive


def test_an_owner_who_takes_the_list_out_of_the_document_takes_no_item_from_anybody(
    published: PublishedCollection, author: Registry, buyer: Registry, pictures: list[Path]
) -> None:
    buyer.buy(published.item(0), "month")
    document = author.get(published.did).ddo.with_changes(content=None)
    Catalogue(author).keep(document)
    author.act("update", author.assets.functions.updateMetadata(published.did.asset_id, document.digest, 1))
    assert buyer.open(published.item(0)).read() == b"picture 0"
    author.update(published.did, path=pictures[0])
    assert buyer.open(published.item(0)).read() == b"picture 0"
    assert author.collections.verify(published.did).size == 3


def test_a_root_whose_documents_nobody_has_is_told(author: Registry, name: str) -> None:
    number = publish_root(author, DDO(name=name, type="dataset", license="MIT"), b"\1" * 32, 5)
    with pytest.raises(Unverified, match="names no manifest"):
        author.get(item_id(number, 0))


def test_a_listed_document_that_is_none_is_refused(author: Registry, name: str, tmp_path: Path) -> None:
    with Packing(tmp_path / "packing") as packing:
        for data in (b"{}", DDO(name=name, type="dataset", license="MIT").to_bytes() + b" "):
            packing.add(data)
        root = packing.finish()
    added = add_tree(packing.manifest, author.store, PROFILE)
    content = Content(cid=added.cid, size=added.size, profile=PROFILE.name)
    document = DDO(name=name, type="dataset", license="MIT", content=content)
    number = publish_root(author, document, root, 2)
    for index in range(2):
        with pytest.raises(InvalidDDO):
            author.get(item_id(number, index))


def test_a_lost_block_and_a_store_that_lies_are_told(
    published: PublishedCollection, author: Registry, market_place: Registry
) -> None:
    item = published.item(1)

    class Lying(MemoryStore):
        """Gives another block for the list's."""

        verifies = False  # type: ignore[misc]

        def get(self, cid: CID) -> bytes:
            data = author.store.get(cid)
            return data[:-1] + b"!" if len(data) == 3 * 48 else data

    def reader(store: Any) -> Registry:
        return Registry(author.chain, author.deployment, store=store, journal=author.journal)

    with pytest.raises(Unverified):
        reader(Lying()).get(item)
    store = MemoryStore()
    store.put(published.cid, author.store.get(published.cid))
    with pytest.raises((BlockNotFound, ContentError)):
        reader(store).get(item)


# The command line


@pytest.fixture
def shell(author: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The author's command line."""
    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: author)
    return lambda *words: runner().invoke(cli, [*map(str, words)])


def test_a_file_of_lines_becomes_a_collection_on_the_command_line(
    shell: Callable[..., Result], author: Registry, buyer: Registry, name: str, tmp_path: Path
) -> None:
    lines = [{"name": f"{name}/{index}", "type": "dataset", "license": "CC0-1.0"} for index in range(20)]
    file = tmp_path / "drafts.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    words = ("collection", "publish", file, "--name", name, "--licence", "month: 30 days, 5 USD")
    seen = json.loads(shell(*words, "--dry-run", "--json").stdout)
    assert seen["size"] == 20 and seen["sales"] > 0
    assert "sales of items" in shell(*words, "--dry-run").stdout
    made = json.loads(shell(*words, "--json").stdout)
    assert made["root"] == seen["root"]
    assert "it was published before" in shell(*words).stdout
    shown = shell("collection", "show", made["did"]).stdout
    first = item_id(author.did(made["did"]).asset_id, 0)
    assert f"20, numbered {first} to {first + 19}" in shown and "30 days" in shown
    assert json.loads(shell("collection", "show", made["did"], "--json").stdout)["first"] == str(first)
    proof = json.loads(shell("collection", "proof", first + 7).stdout)
    assert proof["root"] == made["root"] and proof["index"] == 7
    document = DDO(name=f"{name}/7", type="dataset", license="CC0-1.0")
    assert proof["digest"] == "0x" + sha256(document.to_bytes()).hexdigest()
    assert "all 20 documents" in shell("collection", "verify", made["did"]).stdout
    assert "0 files" in shell("collection", "verify", first + 7).stdout
    assert "not minted" in shell("show", first + 7).stdout
    assert "Would mint item 7" in shell("collection", "mint", first + 7, "--dry-run").stdout
    assert "Done: mint item 7" in shell("collection", "mint", first + 7).stdout
    assert author.get(first + 7).minted
    assert "not minted" not in shell("show", first + 7).stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"name": "a"', "line 2 is not JSON"),
        (b'{"name": "a", "type": "dataset"}', "line 2: 'license' is missing"),
        (b'\xff{"name": "a"}', "line 2 is not UTF-8"),
        (b'"' + b"x" * 2**22 + b'"', "line 2 has more than"),
    ],
)
def test_a_wrong_line_is_named(
    line: bytes, words: str, shell: Callable[..., Result], name: str, tmp_path: Path
) -> None:
    file = tmp_path / "drafts.jsonl"
    file.write_bytes(b'{"name": "a", "type": "dataset", "license": "MIT"}\n' + line + b"\n")
    ended = shell("collection", "publish", file, "--name", name)
    assert ended.exit_code == 1 and words in " ".join(ended.stderr.split())


def test_content_that_is_in_the_store_already_is_the_items(author: Registry, tmp_path: Path) -> None:
    (tmp_path / "tile.txt").write_text("open sea")
    content = described(add_tree(tmp_path, author.store))
    draft = Draft(name="Tile", type="dataset", license="CC0-1.0", content=content)
    made = author.publish_collection([draft], name="Tiles of the store")
    assert author.get(made.item(0)).ddo.content == content
