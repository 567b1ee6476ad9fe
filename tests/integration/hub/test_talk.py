"""What people say, over HTTP: handed in within limits, read by everybody, and pulled by hubs from each other."""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from integration.hub.support import Town, get, wait_for
from registry.chain.signers import dev_signer
from registry.documents.signed_statements import MOST, Comment, Like, SignedStatement, TalkStatement
from registry.errors import IndexFault, InputError
from registry.hub import follower
from registry.hub.hub_api import SAID_BURST
from registry.hub.hub_server import HubServer
from registry.hub.pages.desk import CONVERSATIONS, Desk
from registry.hub.pages.talk_page import waiting_for
from registry.index.home_index import open_index
from registry.index.indexer import Finality
from registry.index.remote import RemoteHub
from registry.index.search.fts import FtsEngine
from registry.index.statement_sync import pull
from registry.index.stores import open_store

AUTHOR, BUYER, STRANGER = map(dev_signer, (0, 1, 2))
MODEL = 2


def comment(town: Town, text: str, *, by: Any = BUYER, asset: int = MODEL) -> Comment:
    did = str(town.author.did(asset))
    return Comment.made(asset=did, account=by.address.lower(), time=int(time.time()), version=1, text=text)


def signed(said: TalkStatement, by: Any = BUYER) -> bytes:
    signature = "0x" + bytes(by.sign_typed_data(said.message())).hex()
    return SignedStatement.model_validate({"said": said.model_dump(), "signature": signature}).to_bytes()


def hand_in(server: HubServer, data: bytes) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/statements", content=data, timeout=20)


def names(server: HubServer) -> list[str]:
    return list(get(f"{server.url}/v1/statements?limit=200").json()["names"])


@pytest.fixture
def server(town: Town) -> Iterator[HubServer]:
    with town.hub() as made:
        yield made


def test_what_is_said_is_taken_once_and_read_by_its_name(town: Town, server: HubServer) -> None:
    path = f"{server.url}/v1/assets/{MODEL}/statements"
    before = get(path).headers["etag"]
    said = comment(town, "It finds no chicks.")
    data = signed(said)
    first, second = hand_in(server, data), hand_in(server, data)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json() == {"cid": str(said.cid)} and names(server) == [str(said.cid)]
    page = get(path)
    assert page.json()["statements"] == [data.decode()] and page.headers["etag"] != before
    assert get(f"{server.url}/v1/statements/{said.cid}").content == data
    account = BUYER.address.lower()
    assert get(f"{server.url}/v1/accounts/{account}/statements").json()["statements"] == [data.decode()]
    assert get(f"{server.url}/v1/hub").json()["statements"] in (0, 1), "counted some seconds ago"


def test_what_is_refused_leaves_nothing(town: Town, server: HubServer) -> None:
    said = comment(town, "It finds no chicks.")
    elsewhere = said.model_copy(update={"asset": said.asset.replace("eip155:", "eip155:9")})
    wrong = {
        b"": 422,
        b"{}": 422,
        b"\xff" * 100: 422,
        b"[" * MOST: 422,
        b" " * (MOST + 1): 413,
        signed(said)[:-1]: 422,
        signed(said).replace(b"chicks", b"rivals"): 422,
        signed(said, AUTHOR): 422,
        signed(elsewhere): 422,
        signed(comment(town, "Mine.", by=STRANGER), STRANGER): 422,
        signed(Like.made(asset=said.asset, account=AUTHOR.address.lower(), time=said.time), AUTHOR): 422,
    }
    for data, status in wrong.items():
        answer = hand_in(server, data)
        assert answer.status_code == status and answer.json()["error"]["message"], data[:80]
    assert names(server) == []


def test_one_network_says_so_much_and_then_waits(server: HubServer) -> None:
    told = [hand_in(server, b"{}")]
    while told[-1].status_code == 422 and len(told) < 10 * SAID_BURST:
        told.append(hand_in(server, b"{}"))  # on a slow machine some more, since room comes back meanwhile
    assert told[-1].status_code == 429 and int(told[-1].headers["retry-after"]) > 0 and len(told) > SAID_BURST
    assert get(f"{server.url}/v1/assets/1").status_code == 200, "reading goes on"


def test_a_hub_that_only_reads_takes_nothing(town: Town, tmp_path: Path) -> None:
    database = str(tmp_path / "hub.sqlite")
    with town.hub(database=database):
        pass
    with town.hub(database=database, follows=False) as reader:
        assert hand_in(reader, signed(comment(town, "x"))).status_code == 503


def test_a_hub_that_only_reads_leaves_tables_of_before_as_they_are(town: Town, tmp_path: Path) -> None:
    """Another process keeps them, of another version perhaps; and makes them, where there are none."""
    database = str(tmp_path / "hub.sqlite")
    with pytest.raises(IndexFault, match="no index"), town.hub(database=database, follows=False):
        pass
    with town.hub(database=database):
        pass
    store = open_store(database)
    for facts in ({"format": "1"}, {"format": "3", "contracts": "0x" + "11" * 20}):
        with store.writing():
            store.note(**facts)
        before = list(store.dump(undo=True))
        with pytest.raises(IndexFault, match=r"format|contracts"), town.hub(database=database, follows=False):
            pass
        assert list(store.dump(undo=True)) == before and facts.items() <= store.facts().items()
    store.close()


def test_hubs_pull_from_each_other_and_have_the_same(town: Town) -> None:
    with town.hub() as first:
        told = [comment(town, f"number {number}") for number in range(3)]
        for one in told[:2]:
            assert hand_in(first, signed(one)).status_code == 201
        with town.hub(peers=[first.url, "http://127.0.0.1:9"], settings={"listens": 0.05}) as second:
            wait_for(lambda: names(second) == names(first))
            assert hand_in(first, signed(told[2])).status_code == 201
            wait_for(lambda: names(second) == [str(one.cid) for one in told])
            talks = [town.reader.talk.of(MODEL, hub=url) for url in (first.url, second.url)]
            assert talks[0] == talks[1] and len(talks[0].remarks) == 3


def test_a_hub_that_takes_for_ever_or_breaks_us_keeps_nobody_from_the_others(town: Town, monkeypatch: Any) -> None:
    over, broken = threading.Event(), list[str]()

    def odd(book: Any, hub: RemoteHub, stop: threading.Event) -> int:
        if hub.name.endswith(":9"):
            over.wait(20)
        elif not broken:
            broken.append(hub.name)
            raise ValueError("of a kind that nobody thought of")
        return pull(book, hub, stop)

    monkeypatch.setattr(follower, "pull", odd)
    with town.hub() as first:
        assert hand_in(first, signed(comment(town, "It loads."))).status_code == 201
        with town.hub(peers=["http://127.0.0.1:9", first.url], settings={"listens": 0.05}) as second:
            wait_for(lambda: names(second) == names(first))
            assert broken and "ValueError" in get(f"{second.url}/metrics").text
            over.set()


def desk_of(town: Town, server: HubServer) -> Desk:
    hub: Any = SimpleNamespace(catalogue=RemoteHub(server.url), state=lambda: "")
    return Desk(hub, town.reader)


def test_conversations_fill_no_memory(town: Town, server: HubServer) -> None:
    """Each is made anew with each block, and may be some megabytes of what strangers say."""

    class Heavy:
        """Something that is said."""

    alive: weakref.WeakSet[Heavy] = weakref.WeakSet()

    def make() -> Heavy:
        made = Heavy()
        alive.add(made)
        return made

    desk = desk_of(town, server)
    assert desk.conversation("7", make) is desk.conversation("7", make)
    for number in range(200):
        desk.hub.state = lambda at=number: str(at)  # type: ignore[method-assign,misc]
        desk.conversation("7", make)
    assert len(alive) == 1
    for number in range(200):
        desk.conversation(str(number), make)
    assert len(alive) == CONVERSATIONS


def test_requests_for_many_assets_are_one_question(town: Town, server: HubServer, monkeypatch: Any) -> None:
    """Strangers choose for how many assets of one owner they ask."""
    asker = town.author.as_account(STRANGER)
    for asset, licence in ((1, "read"), (MODEL, "hour")):
        asker.requests.ask(asset, licence, use="A lecture.", hub=server.url)
    desk, asked = desk_of(town, server), list[list[int]]()
    honest = Desk.some

    def counting(desk: Desk, ids: Any) -> Any:
        asked.append(list(ids))
        return honest(desk, asked[-1])

    monkeypatch.setattr(Desk, "some", counting)
    waiting = waiting_for(desk, AUTHOR.address.lower())
    assert [one.said.did.asset_id for one in waiting] == [1, MODEL] and len(asked) == 1
    assert waiting_for(desk, BUYER.address.lower()) == []
    assert [one.id for one in town.author.requests.inbox(hub=server.url)] == [one.id for one in waiting]


def test_a_verb_speaks_to_all_hubs_and_hears_each_statement_once(town: Town) -> None:
    with town.hub() as first, town.hub() as second:
        both = [first.url, second.url]
        said = town.buyer.talk.comment(MODEL, "It loads.", hub=both)
        assert said.taken_by == tuple(both) and names(first) == names(second) == [str(said.cid)]
        town.author.talk.comment(MODEL, "Good.", answers=said.cid, hub=first.url)
        talk = town.reader.talk.of(MODEL, hub=both)
        assert [one.said.text for one in talk.remarks] == ["It loads.", "Good."]
        with pytest.raises(InputError, match=r"refused it.*may not do that"):
            town.author.as_account(STRANGER).talk.comment(MODEL, "x", hub=both)
        asked = town.author.as_account(STRANGER).requests.ask(MODEL, "hour", use="A lecture.", hub=first.url)
        (waiting,) = town.author.requests.inbox(hub=both)
        assert waiting.id == asked.statement.id
        town.author.requests.decline(asked.cid, text="No.", hub=first.url)
        assert town.author.requests.inbox(hub=both) == ()


def forge(page: Any) -> Any:
    """Other words under a signature, and what is no statement at all."""
    listed = page["statements"]
    changed = [one.replace("It loads.", "It does not load.") for one in listed]
    return {**page, "statements": [*changed, "{}", "\ud800".encode("utf-8", "replace").decode(), *listed]}


def test_what_a_hub_puts_into_a_mouth_is_not_heard(town: Town, server: HubServer, monkeypatch: Any) -> None:
    town.buyer.talk.comment(MODEL, "It loads.", hub=server.url)
    honest = RemoteHub._ask

    def lying(hub: RemoteHub, path: str, params: dict[str, str]) -> tuple[int, bytes]:
        status, data = honest(hub, path, params)
        if path.endswith("/statements"):
            data = json.dumps(forge(json.loads(data))).encode()
        return status, data

    monkeypatch.setattr(RemoteHub, "_ask", lying)
    talk = town.reader.talk.of(MODEL, hub=server.url)
    assert [one.said.text for one in talk.remarks] == ["It loads."]


class Forger(RemoteHub):
    """Offers a statement that its account never signed, under its right name, and never ends."""

    forged: Comment

    def _ask(self, path: str, params: dict[str, str]) -> tuple[int, bytes]:
        if path == f"/v1/statements/{self.forged.cid}":
            return 200, signed(self.forged, AUTHOR)
        status, data = super()._ask(path, params)
        if path == "/v1/statements":
            page = json.loads(data)
            listed = [str(self.forged.cid), "no name", *page["names"]]
            data = json.dumps({"names": listed, "after": page["after"] or "1"}).encode()
        return status, data


def test_nothing_forged_is_pulled_and_circles_end(town: Town, server: HubServer) -> None:
    good = comment(town, "It loads.")
    assert hand_in(server, signed(good)).status_code == 201
    index = open_index(town.reader, open_store(":memory:"), FtsEngine(), finality=Finality(1))
    index.catch_up()
    book = index.catalogue.book
    liar = Forger(server.url)
    liar.forged = comment(town, "It does not load.")
    assert (pull(book, liar), pull(book, liar)) == (1, 0)
    assert list(book.names().names) == [str(good.cid)]
    liar.close()
    index.close()


YES = "0x631626ba7e60e01b5f5260205ff3"
"""Code of a contract that takes every signature (ERC-1271)."""

NO = "0x5f5ffd"


def test_a_wallet_that_changes_its_mind_has_said_what_it_said(town: Town, server: HubServer) -> None:
    """It is asked when a statement is taken: whoever takes it later may be refused, and nobody forgets it."""
    wallet = "0x" + "c0de" * 10
    town.node.rpc("anvil_setCode", wallet, YES)
    town.buyer.buy(MODEL, "hour", account=wallet)
    head = town.author.chain.block().number
    wait_for(lambda: get(f"{server.url}/v1/hub").json()["head"]["number"] >= head)
    did = str(town.author.did(MODEL))
    said = Comment.made(asset=did, account=wallet, time=int(time.time()), version=1, text="We use it.")
    data = SignedStatement.model_validate({"said": said.model_dump(), "signature": "0x00"}).to_bytes()
    town.node.rpc("anvil_setCode", wallet, NO)
    assert hand_in(server, data).status_code == 422
    town.node.rpc("anvil_setCode", wallet, YES)
    assert hand_in(server, data).status_code == 201
    assert [one.said.text for one in town.reader.talk.of(MODEL, hub=server.url).remarks] == ["We use it."]
    town.node.rpc("anvil_setCode", wallet, NO)
    assert names(server) == [str(said.cid)]
    assert town.reader.talk.of(MODEL, hub=server.url).remarks == (), "who reads of a hub asks the wallet too"
