"""No word of a hub is believed: what it changes is dropped and named, what it leaves out is found."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from integration.hub.support import Liar, Town, wait_for
from registry.chain.raw_blocks import Blocks
from registry.errors import ConnectionFailed, HubLied, HubUnavailable, InputError
from registry.hub.hub_server import HubServer
from registry.index import news, proof, remote, roots
from registry.index.models import Activity, BlockShown, Root, TreeNode
from registry.index.proof import Comparison, compare
from registry.index.remote import RemoteHub
from registry.index.roots import EMPTY, leaf_of


def change(field: str, value: Any) -> Callable[[Any], Any]:
    """A page whose first hit has something else in a field."""

    def lie(page: Any) -> Any:
        page["hits"][0][field] = value(page["hits"][0][field]) if callable(value) else value
        return page

    return lie


def of_offer(number: int, **fields: Any) -> Callable[[Any], Any]:
    """A page whose first hit has another offer of a number."""
    return lambda page: (page["hits"][0]["offers"][number].update(fields), page)[1]


LIES = {
    "name": change("name", "Pirated penguins"),
    "owner": change("owner", "0x" + "66" * 20),
    "digest": change("digest", "ab" * 32),
    "version": change("version", 9),
    "state": change("state", 2),
    "delisted": change("delisted", True),
    "offers": of_offer(0, price="1"),
    "offers: the seller of what is sold by the second": of_offer(1, seller="0x" + "66" * 20),
    "offers: its smallest stay": of_offer(1, minimum=0),
    "license": change("license", "WTFPL"),
    "tags": change("tags", ["free", "money"]),
    "size": change("size", 1),
    "document": change("document", lambda text: text.replace("enguin", "inguin")),
    "existence": change("did", lambda did: did.rpartition("_")[0] + "_999"),
    "registry": change("did", lambda did: did.replace("_erc721:0x", "_erc721:0xdead")[: len(did)]),
    "runs": change("runs", {"data": "did:nft:eip155:1_erc721:0x0_1", "tier": 0, "seconds": 1, "memory": 1}),
    "licence names": of_offer(0, name="all rights"),
}


@pytest.mark.parametrize("field", LIES)
def test_a_hit_that_a_hub_changed_is_dropped_and_the_hub_is_named(
    town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    honest = town.reader.search("penguin", hub=hub.url)
    assert len(honest) == 2 and all(hit.proven and hit.hub == hub.url for hit in honest) and not honest.lies
    monkeypatch.setattr(remote, "RemoteHub", lambda url: Liar(url, "/v1/search", LIES[field]))
    with pytest.warns(UserWarning, match="was refused"):
        page = town.reader.search("penguin", hub=hub.url)
    (lie,) = page.lies
    assert isinstance(lie, HubLied) and (lie.hub, lie.field) == (hub.url, field.partition(":")[0])
    assert [hit.did for hit in page] == [honest[1].did]


def test_a_hub_that_cannot_be_read_is_unavailable(town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (change("price", 5), change("owner", "0x12"), lambda page: [page], change("score", -1.0)):
        monkeypatch.setattr(remote, "RemoteHub", lambda url, wrong=wrong: Liar(url, "/v1/search", wrong))
        with pytest.raises(HubUnavailable, match="its answer is none"):
            town.reader.search("penguin", hub=hub.url)
    monkeypatch.undo()
    with pytest.raises(HubUnavailable):
        town.reader.search("penguin", hub="http://127.0.0.1:9")


def test_documents_alone_can_be_checked_without_a_chain(
    town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RemoteHub", lambda url: Liar(url, "/v1/search", LIES["name"]))
    with pytest.warns(UserWarning):
        assert len(town.reader.search("penguin", hub=hub.url, verify="hash").lies) == 1
    monkeypatch.setattr(remote, "RemoteHub", lambda url: Liar(url, "/v1/search", LIES["owner"]))
    assert len(town.reader.search("penguin", hub=hub.url, verify="hash")) == 2
    unproven = town.reader.search("penguin", hub=hub.url, verify="none")
    assert len(unproven) == 2 and not any(hit.proven for hit in unproven)


def test_a_document_that_did_not_come_along_is_fetched_and_hashed(
    town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RemoteHub", lambda url: Liar(url, "/v1/search", change("document", "")))
    assert len(town.reader.search("penguin", hub=hub.url)) == 2


def test_what_one_holds_is_held_against_the_chain(town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.licence for one in town.buyer.owned(hub=hub.url)] == ["hour"]

    def longer(page: Any) -> Any:
        page["owned"][0]["expires"] += 86_400
        return page

    monkeypatch.setattr(remote, "RemoteHub", lambda url: Liar(url, "/v1/accounts", longer))
    with pytest.warns(UserWarning, match="holding"):
        assert town.buyer.owned(hub=hub.url) == ()


def test_two_hubs_are_one_and_either_may_be_silent(town: Town, hub: HubServer) -> None:
    with town.hub() as other:
        page = town.reader.search("penguin", hub=[hub.url, other.url])
        assert len(page) == 2 and {hit.hub for hit in page} == {hub.url}
        with pytest.warns(UserWarning, match="could not be fetched"):
            page = town.reader.search("penguin", hub=["http://127.0.0.1:9", other.url])
        assert {hit.hub for hit in page} == {other.url}


def test_pages_of_two_hubs_go_on_and_have_what_either_has(town: Town, hub: HubServer) -> None:
    """Also where one leaves assets out, and is silent in between."""
    town.mine(2)
    with town.hub() as other:
        index = other_index(other)
        with index.store.writing():
            index.store.run("DELETE FROM asset WHERE id = ?", 2)
            index.store.stain([2])
        wait_for(lambda: len(town.reader.search("", hub=other.url)) == 2)
        for hubs in ([hub.url, other.url], [other.url, hub.url], f"{other.url},{hub.url}".split(",")):
            found: list[int] = []
            after = ""
            for _ in range(4):
                page = town.reader.search("", hub=hubs, limit=1, after=after)
                found += [hit.asset_id for hit in page]
                after = page.after
                if not after:
                    break
            assert sorted(found) == [1, 2, 3] and not after and page.total == 3
        first = town.reader.search("", hub=[hub.url, other.url], limit=2)
    with pytest.warns(UserWarning, match="could not be fetched"):
        second = town.reader.search("", hub=[hub.url, other.url], limit=2, after=first.after)
    assert sorted(hit.asset_id for hit in (*first, *second)) == [1, 2, 3]
    with pytest.raises(InputError, match="other hubs"):
        town.reader.search("", hub=[hub.url, "http://127.0.0.1:9"], limit=2, after=first.after)


def test_what_happened_is_what_either_hub_has(town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that leaves out sales, events, names or likenesses hides nothing from who asks another one, too."""
    with town.hub() as other:
        emptied: dict[str, list[Any]] = {
            "sales": [],
            "activity": [],
            "suggestions": [],
            "hits": [],
            "teams": [],
            "holders": [],
        }

        def hides(page: Any) -> Any:
            return page | {name: value for name, value in emptied.items() if name in page}

        def either(url: str) -> RemoteHub:
            return Liar(url, "/v1/", hides) if url == other.url else RemoteHub(url)

        monkeypatch.setattr(remote, "RemoteHub", either)
        for hubs in ([hub.url, other.url], [other.url, hub.url]):
            assert town.reader.sales(2, hub=hubs) == town.reader.sales(2) != ()
            assert town.reader.holders(2, hub=hubs) == town.reader.holders(2) != ()
            assert town.reader.suggest("pen", hub=hubs) == town.reader.suggest("pen") != ()
            told: list[tuple[Any, Any]] = [
                (town.reader.activity(), town.reader.activity(hub=hubs)),
                (town.reader.similar(1), town.reader.similar(1, hub=hubs)),
            ]
            for mine, theirs in told:
                assert [one.did for one in mine] == [one.did for one in theirs] != []
            assert len(town.reader.activity(limit=2, hub=hubs)) == 2
        assert town.reader.sales(2, hub=other.url) == ()
        assert town.reader.dropped(hub=[hub.url, other.url]) == town.reader.dropped() == ()


def key(one: Activity) -> tuple[int, int, str]:
    return one.block, one.log, one.tx


def test_hubs_tell_as_it_happens_what_either_has_and_each_thing_once(
    town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one of them hides all of it, and the other tells of one event at a time."""
    monkeypatch.setattr(news, "AT_ONCE", 1)
    with town.hub() as silent, town.hub() as other:

        def hides(page: Any) -> Any:
            return page | {"activity": [], "after": ""} if "activity" in page else page

        monkeypatch.setattr(
            remote, "RemoteHub", lambda url: Liar(url, "/v1/", hides) if url == silent.url else RemoteHub(url)
        )
        hubs = [silent.url, hub.url, other.url]
        looks = [
            news.news(town.reader, hubs, did, party)
            for did, party in ((None, ""), (town.reader.did(2), ""), (None, town.buyer.address.lower()))
        ]
        before = key(town.reader.activity(limit=1)[0])
        assert [one.look() for one in looks] == [[], [], []]
        town.buyer.buy(2, "hour")
        town.author.set_payout(1, town.buyer.address)
        town.author.set_payout(1, None)
        reader, whose = town.reader, town.buyer.address
        expected = [
            [one for one in map(key, reversed(happened)) if one > before]
            for happened in (reader.activity(), reader.activity(2), reader.activity(account=whose))
        ]
        told: list[list[tuple[int, int, str]]] = [[], [], []]

        def all_told() -> bool:
            for mine, look in zip(told, looks, strict=True):
                mine.extend(map(key, look.look()))
            return all(len(mine) >= len(wanted) for mine, wanted in zip(told, expected, strict=True))

        wait_for(all_told)
        wait_for(lambda: all(key(reader.activity(limit=1, hub=url)[0]) == expected[0][-1] for url in hubs[1:]))
        all_told()  # what the slower of them has by now comes no second time
        assert told == expected and all(expected) and len(expected[0]) > len(expected[1])
        assert list(reader.watch(hub=hubs, seconds=0)) == []


def test_the_environment_names_hubs(town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_HUB", f"{hub.url}, ")
    assert {hit.hub for hit in town.reader.search("penguin")} == {hub.url}


def test_a_hub_of_another_registry_is_refused(town: Town, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(facts: Any) -> Any:
        return {**facts, "registry": "0x" + "99" * 20}

    monkeypatch.setattr(remote, "RemoteHub", lambda url: Liar(url, "/v1/hub", elsewhere))
    with pytest.raises(InputError, match="of registry 0x9999"):
        town.reader.search("penguin", hub=hub.url)


def test_a_hub_says_the_same_as_the_index_of_this_process(town: Town, hub: HubServer) -> None:
    here, there = town.reader.search("penguin"), town.reader.search("penguin", hub=hub.url)
    assert [(hit.did, hit.score, hit.text) for hit in here] == [(hit.did, hit.score, hit.text) for hit in there]
    assert here.facets == there.facets
    assert [hit.did for hit in town.author.assets_of(hub=hub.url)] == [hit.did for hit in town.author.assets_of()]
    assert town.reader.sales(2, hub=hub.url) == town.reader.sales(2)
    assert town.reader.holders(2, hub=hub.url) == town.reader.holders(2)
    assert town.reader.suggest("pen", hub=hub.url) == town.reader.suggest("pen")
    assert town.buyer.teams_of(hub=hub.url) == town.buyer.teams_of() == ()
    assert [one.event for one in town.reader.activity(hub=hub.url)] == [one.event for one in town.reader.activity()]
    assert [hit.did for hit in town.reader.similar(1, hub=hub.url)] == [hit.did for hit in town.reader.similar(1)]


# --- What is left out ----------------------------------------------------------------------------


def compared(town: Town, first: Any, second: Any, **options: Any) -> Comparison:
    return compare(first, second, town.author.chain, town.author.deployment.registry, **options)


def test_what_a_hub_leaves_out_is_found_by_comparing(town: Town, hub: HubServer) -> None:
    town.mine(2)
    with town.hub() as other:
        pair = RemoteHub(hub.url), RemoteHub(other.url)
        assert (compared(town, *pair).differences, compared(town, *pair).assets) == ((), 3)
        # What happened since is not final for the first, and no difference.
        town.buyer.publish(None, name="Skuas", type="dataset", license="MIT")
        head = town.author.chain.block().number
        wait_for(lambda: pair[1].root().block.number == head - 1)
        assert compared(town, *pair).differences == () and compared(town, *pair).block < head - 1
        index = other_index(other)
        with index.store.writing():
            index.store.run("DELETE FROM asset WHERE id = ?", 2)
            index.store.run("UPDATE asset SET owner = ? WHERE id = ?", "0x" + "44" * 20, 3)
            index.store.stain([2, 3])
        wrong = compared(town, *pair)
        found = {one.did: one for one in wrong.differences}
        assert set(found) == {str(town.reader.did(2)), str(town.reader.did(3))}
        assert found[str(town.reader.did(2))].second == "leaves it out"
        assert all(one.wrong == (other.url,) for one in found.values())
        assert compared(town, *pair, most=1).more and not wrong.more


def other_index(server: HubServer) -> Any:
    """The index behind a hub of this process."""
    return INDEXES[server.url]


INDEXES: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def remember(monkeypatch: pytest.MonkeyPatch) -> None:
    from integration.hub import support

    class Remembered(support.Hub):
        def __init__(self, index: Any, settings: Any, **options: Any) -> None:
            super().__init__(index, settings, **options)
            INDEXES[settings.url] = index.indexer

    monkeypatch.setattr(support, "Hub", Remembered)


class Tree:
    """A hub of as many assets as one likes; `asked` counts the questions."""

    def __init__(self, name: str, block: BlockShown, leaves: dict[int, bytes]) -> None:
        self.name, self.asked, self._block = name, 0, block
        self._tree = roots.Tree().changed(leaves.items())

    def root(self, *, block: int | None = None) -> Root:
        self.asked += 1
        tree, at = self._tree, self._block.number if block is None else block
        return Root(block=self._block, at=at, root=tree.root.hex(), assets=tree.size, levels=tree.levels)

    def node(self, level: int, place: int, *, block: int | None = None) -> Any:
        self.asked += 1
        try:
            return TreeNode(level=level, place=place, below=tuple(one.hex() for one in self._tree.below(level, place)))
        except KeyError:
            return None


def head_of(town: Town) -> BlockShown:
    head = Blocks(town.author.chain).head()
    return BlockShown(number=head.number, hash=head.hash)


def leaf(id: int) -> bytes:
    return leaf_of(id, bytes(32), 1, 0, False, "0x" + "22" * 20)


MANY = [(1_000_000, 654_321)] if os.environ.get("DEEP") else []


@pytest.mark.parametrize(("count", "without"), [(1, 1), (64, 64), (65, 65), (5_000, 4_096), (50_000, 4_321), *MANY])
def test_one_asset_among_many_is_found_in_few_questions(
    town: Town, monkeypatch: pytest.MonkeyPatch, count: int, without: int
) -> None:
    """No chain here has so many assets: what it would have is said in its place."""
    leaves = {id: leaf(id) for id in range(1, count + 1)}
    monkeypatch.setattr(proof, "_true_leaves", lambda ids, *_: [leaves.get(id, EMPTY) for id in ids])
    whole = Tree("whole", head_of(town), leaves)
    lacking = Tree("lacking", head_of(town), {id: one for id, one in leaves.items() if id != without})
    for pair in ((whole, lacking), (lacking, whole)):
        whole.asked = lacking.asked = 0
        (found,) = compared(town, *pair).differences
        assert int(found.did.rpartition("_")[2]) == without and found.wrong == ("lacking",)
        assert "leaves it out" in (found.second, found.first)
        assert whole.asked + lacking.asked <= 12


def test_what_both_leave_out_at_the_end_is_found(town: Town) -> None:
    """Their trees are the same, and the chain has one asset more."""
    both = [Tree(name, head_of(town), {}) for name in ("first", "second")]
    (found,) = compared(town, *both).differences
    assert (found.did, found.wrong) == (str(town.reader.did(1)), ("first", "second"))


def hides_the_second(page: Any) -> Any:
    """A page of the list without the second asset."""
    return {**page, "hits": [hit for hit in page["hits"] if not hit["did"].endswith("_2")]}


def test_what_a_hub_knows_and_hides_is_found_by_its_list(town: Town, hub: HubServer) -> None:
    """Its tree is that of all others, since it is asked for by its node, and not by people."""
    honest, liar = RemoteHub(hub.url), Liar(hub.url, "/v1/assets", hides_the_second)
    assert compared(town, honest, liar).differences == compared(town, honest, honest, lists=True).differences == ()
    (found,) = compared(town, honest, liar, lists=True).differences
    assert (found.did, found.first, found.second) == (str(town.reader.did(2)), "lists it", "does not list it")
    assert found.wrong == (liar.name,)


def lists_of_another_registry(page: Any) -> Any:
    return {
        **page,
        "hits": [{**hit, "did": re.sub("0x[0-9a-f]{40}", "0x" + "99" * 20, hit["did"])} for hit in page["hits"]],
    }


@pytest.mark.parametrize(
    ("lie", "what"),
    [
        (lambda page: {**page, "after": "1", "hits": page["hits"][:1] * 2}, "order"),
        (lambda page: {**page, "after": "1", "hits": []}, "page"),
        (lists_of_another_registry, "order"),
    ],
)
def test_a_list_without_an_end_is_not_read_to_it(town: Town, hub: HubServer, lie: Any, what: str) -> None:
    with pytest.raises(HubLied) as lied:
        compared(town, RemoteHub(hub.url), Liar(hub.url, "/v1/assets", lie), lists=True)
    assert lied.value.field == what


class Endless(Tree):
    """Makes up a tree while it is asked."""

    def __init__(self, block: BlockShown, assets: int, levels: int) -> None:
        super().__init__("endless", block, {1: leaf(1)})
        self._says = {"assets": assets, "levels": levels}

    def root(self, *, block: int | None = None) -> Root:
        return super().root(block=block).model_copy(update=self._says)

    def node(self, level: int, place: int, *, block: int | None = None) -> Any:
        self.asked += 1
        return TreeNode(level=level, place=place, below=[f"{self.asked:064x}"] * 64)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("assets", "levels", "what"),
    [(10**15, 16, "size"), (10**15, 10, "number of assets"), (3, 2, "node 0 of level 1"), (1, 2, "node 0 of level 1")],
)
def test_who_makes_up_a_tree_is_named_after_few_questions(
    town: Town, hub: HubServer, assets: int, levels: int, what: str
) -> None:
    liar = Endless(head_of(town), assets, levels)
    with pytest.raises(HubLied) as lied:
        compared(town, RemoteHub(hub.url), liar)
    assert (lied.value.hub, lied.value.field) == ("endless", what) and liar.asked < 5


def test_a_hub_of_another_fork_is_named_and_one_that_is_ahead_is_not(town: Town, hub: HubServer) -> None:
    head = head_of(town)
    with pytest.raises(HubLied, match="hash"):
        compared(town, RemoteHub(hub.url), Tree("forked", BlockShown(number=head.number, hash="0x" + "33" * 32), {}))
    ahead = BlockShown(number=head.number + 1_000, hash="0x" + "33" * 32)
    with pytest.raises(ConnectionFailed, match=f"does not have block {ahead.number}, which is final for ahead, yet"):
        compared(town, RemoteHub(hub.url), Tree("ahead", ahead, {}))
