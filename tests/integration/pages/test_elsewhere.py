"""The pages of a hub elsewhere, made on this machine: the same pages, of facts that were checked, and of nothing else
that the hub could send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages_world import served

from registry import Licence, Registry
from registry.errors import HubUnavailable, InputError
from registry.hub.elsewhere import HubElsewhere
from registry.hub.follower import Hub
from registry.hub.hub_server import HubServer
from registry.hub.hub_settings import HubSettings
from registry.hub.pages.desk import STATIC
from registry.hub.pages.site import Site
from registry.index.home_index import LocalIndex, open_index
from registry.index.remote import RemoteHub
from registry.index.search.fts import FtsEngine
from registry.index.stores import open_store
from registry.index.tables import BY_NAME
from registry.ipfs.local_store import LocalStore
from registry.system.serving import listen

REASON = "A copy of other penguins, byte for byte."


class Village:
    """A data set, a model that was made from it, sales, a flag and a proposal; and a hub of them at `url`."""

    def __init__(self) -> None:
        self.author = Registry.local(dao={"author": 1_000, "buyer": 500})
        self.buyer = self.author.as_account("buyer")
        publish = self.author.publish
        self.data = publish(
            None,
            name="Palmer penguins",
            type="dataset",
            license="CC0-1.0",
            royalty_bps=500,
            licences=[Licence.free("research"), Licence.period("month", days=30, price="12.5 USD")],
        )
        self.model = self.buyer.publish(
            None,
            name="Penguin model",
            type="model",
            license="MIT",
            parents=[self.data.did],
            licences=[Licence.hold("weights", price="3 USD")],
        )
        self.buyer.buy(self.data.did, "month")
        self.author.buy(self.model.did, "weights")
        said = self.buyer.talk.comment(self.data.did, "Two rows have no weight.")
        self.author.talk.comment(self.data.did, "They are known.", answers=said.cid)
        self.buyer.talk.like(self.data.did)
        self.author.requests.ask(self.model.did, "weights", use="A lecture.")
        self.author.governance.flag(self.model.did, REASON)
        governance = self.author.governance
        self.author.fund("50 USD", account=governance.dao.timelock)
        calls = [governance.payment(self.buyer.address, "5 USD")]
        self.proposal = governance.propose(governance.draft(calls, title="A grant", body="For penguins.")).id
        self.url = ""

    @property
    def paths(self) -> list[str]:
        data, model = self.data.did.asset_id, self.model.did.asset_id
        people = [one.address.lower() for one in (self.author, self.buyer)]
        return [
            "/",
            "/?q=penguin&sort=new",
            f"/?derived_from={data}",
            *(f"/a/{id}{tab}" for id in (data, model) for tab in ("", "/files", "/versions", "/sales", "/talk")),
            *(f"/u/{one}" for one in people),
            *(f"/mine?account={one}" for one in people),
            "/mine",
            "/dao",
            f"/dao/0x{self.proposal:064x}",
            "/a/999",
            "/feeds/versions.atom",
            "/feeds/sales.atom",
            f"/feeds/ending.atom?account={people[1]}&days=60",
        ]


@pytest.fixture(scope="module")
def village() -> Iterator[Village]:
    made = Village()
    with served(made.author) as url:
        made.url = url
        yield made


@contextmanager
def opened(village: Village) -> Iterator[str]:
    """The pages of the village's hub, made here."""
    client = village.author.as_account(None)
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    made = HubElsewhere(village.url, client, HubSettings(url, rate=10_000, burst=10_000, seconds=60))
    with HubServer(made, sock, site=Site(made, client)):
        yield url


def own_index(village: Village) -> LocalIndex:
    """An index beside that of the village's hub, which may be changed and closed."""
    index = open_index(village.author.as_account(None), open_store(":memory:"), FtsEngine())
    index.catch_up()
    return index


Lie = Callable[[Any], Any]


@pytest.fixture
def lie(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | tuple[str, ...], Lie], None]:
    """The hub answers something else at paths that begin so."""

    def begin(start: str | tuple[str, ...], change: Lie) -> None:
        honest = RemoteHub._ask

        def ask(hub: RemoteHub, path: str, params: dict[str, str]) -> tuple[int, bytes]:
            status, data = honest(hub, path, params)
            if status == 200 and path.startswith(start):
                data = json.dumps(change(json.loads(data))).encode()
            return status, data

        monkeypatch.setattr(RemoteHub, "_ask", ask)

    return begin


def test_they_are_the_same_pages(village: Village) -> None:
    with opened(village) as url:
        for path in village.paths:
            theirs, ours = httpx.get(village.url + path, timeout=60), httpx.get(url + path, timeout=60)
            assert ours.status_code == theirs.status_code
            assert ours.text == theirs.text.replace(village.url, url), path
        about = httpx.get(f"{url}/about", timeout=60).text
        assert f"registry hub compare {village.url} " in about, "it names the hub whose facts they are"


@pytest.mark.parametrize(
    ("start", "change", "path"),
    [
        ("/v1/assets/1", lambda hit: {**hit, "owner": "0x" + "66" * 20}, "/a/1"),
        ("/v1/assets/1", lambda hit: {**hit, "name": "Pirated penguins"}, "/a/1"),
        ("/v1/search", lambda page: {**page, "hits": [{**page["hits"][0], "delisted": True}]}, "/?q=penguin"),
        ("/v1/accounts", lambda told: {**told, "owned": [{**told["owned"][0], "expires": 2**40}]}, "/mine?account="),
    ],
    ids=["owner", "name", "state of a hit", "what is held"],
)
def test_a_page_that_would_show_something_untrue_names_the_hub(
    village: Village, lie: Any, start: str, change: Lie, path: str
) -> None:
    whole = path + (village.buyer.address.lower() if path.endswith("=") else "")
    with opened(village) as url:
        lie(start, change)
        answer = httpx.get(url + whole, timeout=60)
        assert answer.status_code == 502 and f"What the hub {village.url} says of" in answer.text


@pytest.mark.parametrize(
    "change",
    [
        lambda told: {**told, "columns": told["columns"][:-1]},
        lambda told: {**told, "rows": [["1"] * len(told["columns"])]},
        lambda told: {**told, "rows": [row[:-1] for row in told["rows"]]},
        lambda told: {**told, "rows": [[None] * len(told["columns"])]},
        lambda told: {**told, "more": 1},
        lambda told: [told],
    ],
    ids=["a column less", "text for numbers", "short rows", "nulls", "a field more", "a list"],
)
def test_rows_that_are_none_are_refused(village: Village, lie: Any, change: Lie) -> None:
    with opened(village) as url:
        lie("/v1/rows/licences", change)
        answer = httpx.get(f"{url}/a/{village.data.did.asset_id}", timeout=60)
        assert answer.status_code == 502 and "could not be fetched" in answer.text


def test_what_a_hub_writes_is_text_and_scripts_are_of_this_machine(village: Village, lie: Any) -> None:
    markup = "<script src=//evil.example></script><img src=x onerror=alert(1)>"

    with opened(village) as url:
        lie("/v1/rows/votes", lambda told: {**told, "rows": [[str(village.proposal), markup, 1, "5", markup]]})
        lie("/v1/rows/delegate", lambda told: {**told, "rows": [[markup, markup, "1", "1"]]})
        for path in (f"/dao/0x{village.proposal:064x}", f"/u/{village.author.address.lower()}", "/dao"):
            answer = httpx.get(url + path, timeout=60)
            assert "<script src=//evil" not in answer.text and "<img src=x" not in answer.text
            assert "script-src 'self'" in answer.headers["content-security-policy"]
        edition = httpx.get(url, timeout=60).text.partition("/static/")[2].partition("/")[0]
        ours = httpx.get(f"{url}/static/{edition}/wallet.js", timeout=60).content
        assert ours == (STATIC / "wallet.js").read_bytes()


MARKUP = "<script src=//evil.example></script>"


def _odd(number: int, text: str, bytes_: str) -> Lie:
    """Every row with other values of the same kinds."""

    def change(told: Any) -> Any:
        if "columns" not in told:
            return told
        table = next(one for one in BY_NAME.values() if list(one.names) == told["columns"])
        odd = {"int": number, "big": str(number), "text": text, "blob": bytes_}
        return {**told, "rows": [[odd[kind] for _, kind in table.columns]] * 3}

    return change


def _blown_up(told: Any) -> Any:
    """Every number as large as an answer may have it, and every text that is no address as markup."""
    if isinstance(told, dict):
        return {name: _blown_up(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_blown_up(one) for one in told]
    if isinstance(told, int) and not isinstance(told, bool):
        return 2**63 - 1
    if isinstance(told, str) and told.isdigit():
        return "9" * 78
    return MARKUP if isinstance(told, str) and not told.startswith(("0x", "did:")) else told


@pytest.mark.parametrize(
    ("starts", "change"),
    [
        ("/v1/rows", _odd(0, "", "")),
        ("/v1/rows", _odd(2**63 - 1, MARKUP, "ff" * 32)),
        ("/v1/rows", _odd(-1, "x" * 20_000, "00" * 32)),
        ("/v1/rows", _odd(2**63, "0x", "ff")),
        ("/v1/rows", lambda told: {**told, "rows": []}),
        (("/v1/power", "/v1/activity", "/v1/sales", "/v1/assets/1/", "/v1/assets/2/"), _blown_up),
        ("/v1/hub", lambda told: {**told, "lag": 2**63 - 1, "waits": MARKUP, "engine": MARKUP, "version": MARKUP}),
    ],
    ids=["nothing", "the largest", "below nothing", "too large", "no rows", "sums", "facts"],
)
def test_whatever_a_hub_tells_a_page_is_made_or_the_hub_is_named(
    village: Village, lie: Any, starts: Any, change: Lie
) -> None:
    with opened(village) as url:
        lie(starts, change)
        for path in [*village.paths, "/about"]:
            answer = httpx.get(url + path, timeout=60)
            assert answer.status_code in (200, 404, 502), (path, answer.text)
            assert MARKUP not in answer.text, path


def test_an_asset_that_the_hub_does_not_tell_of_hides_nothing_that_is_held(village: Village, lie: Any) -> None:
    with opened(village) as url:
        lie("/v1/assets", lambda told: {**told, "hits": []} if "hits" in told else told)
        answer = httpx.get(f"{url}/mine?account={village.buyer.address.lower()}", timeout=60)
        assert answer.status_code == 200 and "Palmer penguins" in answer.text


def test_a_hub_of_another_registry_is_refused(village: Village, lie: Any) -> None:
    lie("/v1/hub", lambda told: {**told, "registry": "0x" + "66" * 20})
    with pytest.raises(InputError, match="is of registry 0x6666"):
        HubElsewhere(village.url, village.author.as_account(None), HubSettings("http://127.0.0.1:1"))


def test_a_hub_that_fell_silent_is_named_on_the_page(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(village) as url:

        def silent(hub: RemoteHub, path: str, params: dict[str, str]) -> Any:
            raise HubUnavailable(f"{path} of {hub.name}", ["nobody answers"])

        with monkeypatch.context() as patched:
            patched.setattr(RemoteHub, "_ask", silent)
            answer = httpx.get(f"{url}/a/{village.data.did.asset_id}", timeout=60)
            assert answer.status_code == 502 and "nobody answers" in answer.text
        assert httpx.get(f"{url}/a/{village.data.did.asset_id}", timeout=60).status_code == 200


def test_of_a_crowd_of_delegates_those_with_the_most_votes_are_summed_up(village: Village) -> None:
    index = own_index(village)
    before = index.catalogue.power()
    assert before.delegates and int(before.delegated) == sum(int(one.votes) for one in before.ranked)
    store = index.indexer.store
    crowd = [
        {**BY_NAME["delegate"].fresh((f"0x{number:040x}",)), "votes": number + 1, "balance": 1}
        for number in range(1, 20_011)
    ]
    with store.writing():
        store.put("delegate", crowd)
    power = index.catalogue.power()
    known = before.delegates
    assert power.delegates == 20_000 and power.ranked[: len(before.ranked)] == before.ranked
    least = 11 + known
    assert int(power.delegated) == int(before.delegated) + sum(one["votes"] for one in crowd if one["votes"] > least)
    index.close()


# --- Reasons -------------------------------------------------------------------------------------


def test_a_reason_is_kept_if_a_flag_names_it_and_nothing_else_is(village: Village) -> None:
    def hand_in(url: str, data: bytes) -> int:
        return httpx.post(f"{url}/v1/reasons", content=data, timeout=60).status_code

    with opened(village) as url:
        for one in (village.url, url):
            assert hand_in(one, REASON.encode()) == 201, "also by way of the pages of this machine"
            assert [hand_in(one, data) for data in (b"", b"Something else.", b"x" * 10_001)] == [404, 404, 413]
            assert httpx.get(f"{one}/v1/reasons", timeout=60).status_code == 405


def test_a_reason_that_is_kept_stays_when_the_store_is_cleared(village: Village, tmp_path: Path) -> None:
    index = own_index(village)
    store = LocalStore(tmp_path)
    settings = HubSettings("http://127.0.0.1:1")
    hub = Hub(index, settings, chain_id=village.author.chain.chain_id, keeps=store)
    assert hub.keep(REASON.encode()) and not hub.keep(b"Something else.")
    store.gc(grace=0)
    assert [store.get(one.cid) for one in store.pins()] == [REASON.encode()]
    assert not Hub(index, settings, chain_id=village.author.chain.chain_id).keep(REASON.encode()), "it has no store"
    index.close()
