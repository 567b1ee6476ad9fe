"""No word of a hub is believed: what it changes is dropped and named, what it leaves out is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration.hub.support import Liar, Town, wait_for
from registry.errors import HubLied, HubUnavailable, InputError
from registry.hub.hub_server import HubServer
from registry.index import remote
from registry.index.models import Root
from registry.index.proof import compare
from registry.index.remote import RemoteHub
from registry.index.roots import Roots
from registry.index.stores import open_store
from registry.index.tables import BY_NAME


def change(field: str, value: Any) -> Callable[[Any], Any]:
    """A page whose first hit has something else in a field."""

    def lie(page: Any) -> Any:
        page["hits"][0][field] = value(page["hits"][0][field]) if callable(value) else value
        return page

    return lie


def cheaper(page: Any) -> Any:
    page["hits"][0]["offers"][0]["price"] = "1"
    return page


LIES = {
    "name": change("name", "Pirated penguins"),
    "owner": change("owner", "0x" + "66" * 20),
    "digest": change("digest", "ab" * 32),
    "version": change("version", 9),
    "state": change("state", 2),
    "delisted": change("delisted", True),
    "offers": cheaper,
    "license": change("license", "WTFPL"),
    "tags": change("tags", ["free", "money"]),
    "size": change("size", 1),
    "document": change("document", lambda text: text.replace("enguin", "inguin")),
    "existence": change("did", lambda did: did.rpartition("_")[0] + "_999"),
    "registry": change("did", lambda did: did.replace("_erc721:0x", "_erc721:0xdead")[: len(did)]),
    "licence names": lambda page: (page["hits"][0]["offers"][0].update(name="all rights"), page)[1],
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
    assert isinstance(lie, HubLied) and (lie.hub, lie.field) == (hub.url, field)
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


def test_what_a_hub_leaves_out_is_found_by_comparing(town: Town, hub: HubServer) -> None:
    town.mine(2)
    with town.hub() as other:
        pair = RemoteHub(hub.url), RemoteHub(other.url)
        registry = town.author.deployment.registry
        assert compare(*pair, town.author.chain, registry) == []
        index = other_index(other)
        with index.store.writing():
            index.store.run("DELETE FROM asset WHERE id = ?", 2)
            index.store.run("UPDATE asset SET owner = ? WHERE id = ?", "0x" + "44" * 20, 3)
            index.store.stain([2, 3])
        found = {one.did: one for one in compare(*pair, town.author.chain, registry)}
        assert set(found) == {str(town.reader.did(2)), str(town.reader.did(3))}
        assert found[str(town.reader.did(2))].second == "leaves it out"
        assert all(one.wrong == (other.url,) for one in found.values())


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

    def __init__(self, name: str, count: int, without: int = 0) -> None:
        self.name = name
        self.asked = 0
        store = open_store(":memory:")
        store.prepare({"registry": "0x" + "11" * 20})
        fresh = BY_NAME["asset"].fresh((1,))
        with store.writing():
            for start in range(1, count + 1, 10_000):
                ids = range(start, min(start + 10_000, count + 1))
                rows = [{**fresh, "id": id, "owner": "0x" + "22" * 20, "digest": bytes(32), "version": 1} for id in ids]
                store.put("asset", [row for row in rows if row["id"] != without])
                store.stain(ids)
            store.put("block", [{"number": 5, "hash": "0x" + "33" * 32, "parent": "0x" + "00" * 32, "time": 0}])
            store.note(final=5)
        self._roots = Roots(store)

    def root(self) -> Root:
        self.asked += 1
        number, hash_, root, assets, levels = self._roots.at_final()
        return Root(block={"number": number, "hash": hash_}, root=root.hex(), assets=assets, levels=levels)  # type: ignore[arg-type]

    def node(self, level: int, place: int) -> Any:
        from registry.index.models import TreeNode

        self.asked += 1
        try:
            return TreeNode(level=level, place=place, below=tuple(one.hex() for one in self._roots.below(level, place)))
        except KeyError:
            return None


@pytest.mark.parametrize(("count", "without"), [(1, 1), (64, 64), (65, 65), (5_000, 4_096), (100_000, 54_321)])
def test_one_asset_among_many_is_found_in_few_questions(town: Town, count: int, without: int) -> None:
    """At a million it is one level more: the figure is in the benchmark."""
    whole, lacking = Tree("whole", count), Tree("lacking", count, without)
    found = compare(whole, lacking, town.author.chain, town.author.deployment.registry)  # type: ignore[arg-type]
    assert [int(one.did.rpartition("_")[2]) for one in found] == [without]
    assert "leaves it out" in (found[0].second, found[0].first)
    assert whole.asked + lacking.asked <= 12
