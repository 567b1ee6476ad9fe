"""Publishing from a browser: the blocks that a page makes are Python's, go to the node that its reader named and
nowhere else, and what is signed is said in words."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from chromium import Chromium
from eth_utils.crypto import keccak
from injected_wallet import Wallet, at, injected
from pages_world import serious, served

from integration.support import Anvil
from registry import Licence, Registry
from registry.chain.artifacts import artifact
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.hub.judging import Writing, check
from registry.hub.pages.desk import STATIC
from registry.ipfs.builder import Builder, TreePart
from registry.ipfs.dagpb import Link
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore, MemoryStore, NullSink
from registry.ipfs.unixfs import add_tree, compute_cid

ANN, BOB = 1, 2
TINY = {"chunk": 7, "width": 3, "threshold": 150, "fanout": 8}
"""A layout with few bytes in a leaf, so that small trees have every shape."""

Tree = dict[str, Any] | list[int]


class Desk:
    """A registry without assets on a node, its pages at `url`, and Ann's store, which is served at `to`."""

    def __init__(self, node: Anvil, store: LocalStore) -> None:
        self.node, self.store = node, store
        chain = Chain.connect(node.url)
        self.ann = Registry.on(
            chain,
            signer=dev_signer(ANN),
            deployment=deploy_local(chain),
            store=MemoryStore(),
            journal=Journal.in_memory(),
        )
        self.url = self.to = self.token = ""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    node = Anvil()
    made = Desk(node, LocalStore(tmp_path_factory.mktemp("ann"), durable=False))
    with served(made.ann) as url, Server(made.store, pair=url) as server:
        made.url, made.to, made.token = url, server.url, server.pairing
        yield made
    node.stop()


@pytest.fixture
def wallet(browser: Chromium, desk: Desk) -> Iterator[Wallet]:
    browser.look(1_200, 900)
    with injected(browser, Wallet(at(desk.node.url), dev_signer(ANN).address)) as made:
        yield made


def folder(place: Path) -> Path:
    """Something that Ann has measured."""
    made = place / "heights"
    (made / "raw" / "deep").mkdir(parents=True)
    (made / "README.md").write_text("# Heights\n\nOf forty larches.\n")
    (made / "heights.csv").write_text("tree,metres\n1,22.5\n2,19.0\n")
    (made / "raw" / "deep" / "größe \U0001f332.json").write_text("{}")
    (made / "raw" / "large.bin").write_bytes(random.Random(3).randbytes(2 * 1024 * 1024 + 5))
    (made / ".env").write_text("SECRET=1")
    return made


class Page:
    """The page, after its reader named a node."""

    def __init__(self, browser: Chromium, desk: Desk, *, to: str = "", kind: str = "serve") -> None:
        self.browser = browser
        browser.open(f"{desk.url}/publish")
        browser.evaluate(
            f"document.getElementById('to').value = {json.dumps(to or desk.to)};"
            f"document.getElementById('kind').value = {json.dumps(kind)};"
            "document.querySelector('form[method=post]').submit()"
        )
        self.until("document.querySelector('[data-publish]:not([hidden])')")

    def until(self, expression: str, *, seconds: float = 40) -> None:
        try:
            self.browser.until(expression, seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{expression}: {self.text}") from None

    @property
    def text(self) -> str:
        return str(self.browser.evaluate("document.querySelector('main').innerText"))

    def choose(self, path: Path, part: str = "folder") -> None:
        root = self.browser.do("DOM.getDocument")["root"]["nodeId"]
        node = self.browser.do("DOM.querySelector", nodeId=root, selector=f"[data-part={part}]")["nodeId"]
        self.browser.do("DOM.setFileInputFiles", nodeId=node, files=[str(path)])
        self.until("document.querySelector('[data-part=cid]').textContent || document.querySelector('.drop .bad')")

    def drop(self, path: Path) -> None:
        """Let a folder fall on the place for it."""
        box = self.browser.evaluate("JSON.stringify(document.querySelector('.drop').getBoundingClientRect())")
        place = json.loads(box)
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.browser.do("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)
        self.until("document.querySelector('[data-part=cid]').textContent || document.querySelector('.drop .bad')")

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            field = f"document.querySelector('.publish [name={name}]')"
            event = "dispatchEvent(new Event('input', {bubbles: true}))"
            self.browser.evaluate(
                f"{field}.value = {json.dumps(value)}; {field}.{event}; "
                f"{field}.dispatchEvent(new Event('change', {{bubbles: true}}))"
            )

    def press(self, part: str) -> None:
        self.until(f"!document.querySelector('[data-part={part}]').disabled")
        self.browser.evaluate(f"document.querySelector('[data-part={part}]').click()")

    def says(self, words: str, *, within: str = "main") -> None:
        self.until(f"document.querySelector('{within}')?.innerText.includes({json.dumps(words)})")


# --- Blocks --------------------------------------------------------------------------------------


def pythons(tree: Tree, profile: dict[str, int]) -> str:
    """The root that Python gives a tree."""
    layout = replace(
        UNIXFS_V1_2025,
        chunk=profile["chunk"],
        width=profile["width"],
        hamt_threshold=profile["threshold"],
        fanout=profile["fanout"],
    )

    def built(builder: Builder, one: Tree, path: str) -> TreePart:
        if isinstance(one, list):
            return builder.file(io.BytesIO(bytes(one)), path)
        parts = {name: built(builder, one[name], f"{path}/{name}") for name in sorted(one, key=str.encode)}
        links = [Link(part.cid, name.encode(), part.tsize) for name, part in parts.items()]
        return TreePart(*builder.folder(links, path), sum(part.size for part in parts.values()))

    with Builder(NullSink(), layout, None) as builder:
        return str(built(builder, tree, "").cid)


def trees(count: int) -> Iterator[Tree]:
    """Trees with files at every border of chunks and levels, and folders that are plain, sharded, empty."""
    chance = random.Random(11)

    def tree(depth: int = 0) -> Tree:
        if chance.random() < 0.4 * depth:
            return [chance.randrange(256) for _ in range(chance.choice([0, 1, 6, 7, 8, 20, 21, 22]))]
        return {
            chance.choice(["a", "\u00fc", "\U0001f332", "name"]) + str(chance.randrange(10**18)): tree(depth + 1)
            for _ in range(chance.choice([0, 1, 2, 5]))
        }

    yield from (tree() for _ in range(count))
    yield from ([index % 251 for index in range(size)] for size in (0, 6, 7, 8, 20, 21, 22, 62, 63, 64, 70))
    yield {f"n{index}": [1] for index in range(60)}


MAKE = """
(async () => {
  const { Builder, PROFILE, textOf, Reader } = await import(STATIC + "/unixfs.js");
  const tree = (one) => Array.isArray(one) ? new Blob([new Uint8Array(one)])
    : new Map(Object.entries(one).map(([name, below]) => [name, tree(below)]));
  const roots = [];
  for (const one of TREES) {
    const builder = new Builder({ ...PROFILE, ...LAYOUT });
    const { cid, size } = await builder.build(tree(one));
    const held = (name) => new Blob([builder.blocks.get(name).data]);
    const reader = new Reader(async (name) => new Uint8Array(await held(name).arrayBuffer()));
    let read = 0;
    for (const file of builder.files) {
      for await (const part of reader.bytes(await reader.resolve(cid, file.path))) read += part.length;
    }
    roots.push(read === size ? textOf(cid) : `it read ${read} of ${size} bytes`);
  }
  return roots;
})()
"""


def static_of(browser: Chromium) -> str:
    style = browser.evaluate("document.querySelector('link[rel=stylesheet]').getAttribute('href')")
    return str(style.rpartition("/")[0])


def made_in_page(browser: Chromium, desk: Desk, given: Sequence[Tree], layout: dict[str, int]) -> list[str]:
    browser.open(f"{desk.url}/publish")
    script = MAKE.replace("STATIC", json.dumps(static_of(browser))).replace("LAYOUT", json.dumps(layout))
    found: list[str] = browser.evaluate(script.replace("TREES", json.dumps(given)), seconds=120)
    return found


def test_the_blocks_of_a_page_are_those_of_python(browser: Chromium, desk: Desk) -> None:
    given = list(trees(8))
    assert made_in_page(browser, desk, given, TINY) == [pythons(one, TINY) for one in given]
    wide = {**TINY, "fanout": 256}
    given = [{f"n{index}": [1] for index in range(60)}]
    assert made_in_page(browser, desk, given, wide) == [pythons(one, wide) for one in given]


def test_files_at_the_borders_of_real_chunks_have_pythons_cid(browser: Chromium, desk: Desk, tmp_path: Path) -> None:
    mega = UNIXFS_V1_2025.chunk
    sizes = [mega - 1, mega, mega + 1, 2 * mega]
    make = """
      (async () => {
        const { Builder, textOf } = await import(STATIC + "/unixfs.js");
        const rootOf = (size) => new Builder().build(new Blob([new Uint8Array(size)]));
        return Promise.all(SIZES.map(async (size) => textOf((await rootOf(size)).cid)));
      })()"""
    browser.open(f"{desk.url}/publish")
    found = browser.evaluate(make.replace("STATIC", json.dumps(static_of(browser))).replace("SIZES", json.dumps(sizes)))
    expected = []
    for size in sizes:
        (tmp_path / "zeros").write_bytes(bytes(size))
        expected.append(str(add_tree(tmp_path / "zeros", NullSink()).cid))
    assert found == expected


# --- The whole way -------------------------------------------------------------------------------


def test_a_folder_is_published_from_the_browser(browser: Chromium, desk: Desk, wallet: Wallet, tmp_path: Path) -> None:
    page = Page(browser, desk)
    page.choose(folder(tmp_path))
    page.says("Left out, as its name begins with a dot: .env.")
    page.says("4 files")
    page.fill(license="no licence?")
    page.says("It is neither", within="[data-fault=license]")
    assert browser.evaluate("document.querySelector('[data-part=send]').disabled"), "a fault is mended first"
    page.fill(name="Heights of larches", license="CC-BY-4.0", tags="trees, larch", author="Ann", description="Forty.")
    page.fill(kind="1", price="12.5", token="USD")
    page.says("30 days of access for 12.5 USD", within="[data-words]")
    browser.evaluate(f"document.getElementById('token').value = {json.dumps(desk.token)}")
    page.press("send")
    page.says("has pinned it")
    licence = Licence.period("research", days=30, price="12.5 USD")
    (planned,) = desk.ann.publish(
        tmp_path / "heights",
        name="Heights of larches",
        type="dataset",
        license="CC-BY-4.0",
        tags=["trees", "larch"],
        author="Ann",
        description="Forty.",
        licences=[licence],
        dry_run=True,
    ).documents
    assert planned.content is not None
    pinned = {pin.cid for pin in desk.store.pins()}
    assert {planned.cid, planned.content.cid} <= pinned, "the document and the content are those that Python makes"
    assert not wallet.asked
    page.press("sign")
    page.says("Nothing is signed yet", within=".act-box")
    told = browser.evaluate("document.querySelector('.act-box').innerText")
    for words in (
        "Publish “Heights of larches”",
        "30 days of access, for 12.50 USD",
        str(planned.cid),
        "cannot be taken",
    ):
        assert words in told
    assert not wallet.asked, "all of it was said before the wallet was asked"
    browser.evaluate("document.querySelector('.act-box .button').click()")
    page.says("It is published as asset 1.", within=".act-box")
    assert wallet.signed == ["eth_sendTransaction"]
    assert desk.ann.chain.call(desk.ann.assets.functions.ownerOf(1)) == dev_signer(ANN).address
    browser.evaluate("document.querySelector('.act-box .plain-button').click()")
    until = time.monotonic() + 60
    while "Heights of larches" not in (text := httpx.get(f"{desk.url}/a/1", timeout=30).text):
        assert time.monotonic() < until, text[:500]
        time.sleep(0.5)
    # A second time the chain tells that it is there.
    browser.evaluate("document.querySelector('[data-part=sign]').click()")
    page.says("published this document before, as asset 1", within=".act-box")
    assert wallet.signed == ["eth_sendTransaction"]


def test_a_folder_is_dropped_and_its_empty_folders_with_it(browser: Chromium, desk: Desk, tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made / "raw" / "none yet").mkdir()
    page = Page(browser, desk)
    page.drop(made)
    page.says(".env")
    assert browser.evaluate("document.querySelector('[data-part=cid]').textContent") == f"ipfs://{compute_cid(made)}"
    assert not serious(browser)


def test_what_was_changed_after_it_was_sent_is_sent_again_before_it_is_signed(
    browser: Chromium, desk: Desk, wallet: Wallet, tmp_path: Path
) -> None:
    page = Page(browser, desk)
    (tmp_path / "one.csv").write_text("a\n1\n")
    page.choose(tmp_path / "one.csv", "file")
    page.fill(name="One", license="MIT")
    browser.evaluate(f"document.getElementById('token').value = {json.dumps(desk.token)}")
    page.press("send")
    page.says("has pinned it")
    page.until("!document.querySelector('[data-part=sign]').disabled")
    page.fill(name="Another")
    page.until("!document.querySelector('[data-part=send]').disabled")
    assert browser.evaluate("document.querySelector('[data-part=sign]').disabled")


def test_a_wrong_token_or_a_node_that_is_not_there_is_told(
    browser: Chromium, desk: Desk, wallet: Wallet, tmp_path: Path
) -> None:
    (tmp_path / "one.csv").write_text("a\n2\n")
    page = Page(browser, desk)
    page.choose(tmp_path / "one.csv", "file")
    page.fill(name="One", license="MIT")
    browser.evaluate("document.getElementById('token').value = 'guessed'")
    page.press("send")
    page.says("the token is not the one")
    silent = Page(browser, desk, to="http://127.0.0.1:1081")
    silent.choose(tmp_path / "one.csv", "file")
    silent.fill(name="One", license="MIT")
    silent.press("send")
    silent.says("cannot be reached from this page")


# --- Whom it reaches -----------------------------------------------------------------------------


def test_it_reaches_the_node_that_was_named_and_nobody_else(browser: Chromium, desk: Desk) -> None:
    page = Page(browser, desk)
    reach = "fetch(URL).then(() => 'reached', () => 'kept')"
    assert browser.evaluate(reach.replace("URL", json.dumps(desk.node.url))) == "kept"
    assert browser.refused, "by the policy of the page"
    assert browser.evaluate(reach.replace("URL", json.dumps(f"{desk.to}/ipfs/bafy"))) == "reached"
    assert page.text
    # Before somebody named a node, and wherever a link leads, it reaches nobody.
    for path in ("/publish", f"/publish?to={desk.to}&kind=serve"):
        browser.open(desk.url + path)
        assert browser.evaluate(reach.replace("URL", json.dumps(f"{desk.to}/ipfs/bafy"))) == "kept"


@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none"])
def test_no_link_and_no_form_of_a_stranger_names_whom_it_reaches(desk: Desk, site: str | None) -> None:
    headers = {"sec-fetch-site": site} if site else {}
    answer = httpx.post(f"{desk.url}/publish", data={"to": "https://evil.example", "kind": "serve"}, headers=headers)
    assert answer.status_code == 403 and "evil.example" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("https://evil.example; script-src *", "serve"),
        ("https://evil.example https://other.example", "serve"),
        ("https://*.example", "serve"),
        ("*", "serve"),
        ("data:", "serve"),
        ("http://192.168.0.1:8080", "serve"),
        ("https://user@host.example", "serve"),
        ("http://127.0.0.1:22", "serve"),
        ("", "serve"),
        ("http://127.0.0.1:8080", "other"),
        ("http://127.0.0.1:8080\r\nset-cookie: a=b", "serve"),
    ],
)
def test_what_is_no_address_of_one_node_is_refused(desk: Desk, to: str, kind: str) -> None:
    answer = httpx.post(f"{desk.url}/publish", data={"to": to, "kind": kind}, headers={"sec-fetch-site": "same-origin"})
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 422 and "connect-src 'self';" in policy and "evil" not in policy


def test_the_policy_names_the_origin_alone(desk: Desk) -> None:
    answer = httpx.post(
        f"{desk.url}/publish",
        data={"to": "https://node.example:8443/path", "kind": "kubo"},
        headers={"sec-fetch-site": "same-origin"},
    )
    assert "connect-src 'self' https://node.example:8443;" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store" and len(answer.content) < 60_000


# --- What is signed ------------------------------------------------------------------------------


def act(browser: Chromium, desk: Desk, **told: Any) -> str:
    """Have the act made with what a page says; returns its words, or why it is refused."""
    browser.open(f"{desk.url}/publish")
    registry = {"chain": str(desk.ann.chain.chain_id), "registry": desk.ann.deployment.registry, "act": "publish"}
    script = """
      (async () => {
        const wallet = await import(STATIC + "/wallet.js");
        await import(STATIC + "/publish_act.js");
        const [{ provider }] = await wallet.wallets();
        try {
          const plan = await wallet.prepare(provider, TOLD, ACCOUNT);
          return JSON.stringify([plan.title, plan.facts, plan.steps.map((one) => [one.to, one.data])]);
        } catch (error) {
          return wallet.inWords(error);
        }
      })()"""
    for name, value in (
        ("STATIC", static_of(browser)),
        ("TOLD", {**registry, **told}),
        ("ACCOUNT", dev_signer(ANN).address.lower()),
    ):
        script = script.replace(name, json.dumps(value))
    return str(browser.evaluate(script))


DOCUMENT: dict[str, Any] = {
    "version": "1.0.0",
    "type": "dataset",
    "name": "Larches",
    "description": "",
    "license": "MIT",
    "licences": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}],
}


def test_what_is_sent_is_what_python_sends(browser: Chromium, desk: Desk, wallet: Wallet) -> None:
    usd = next(token for token in desk.ann.tokens if token.symbol == "USD")
    usd_at = usd.address
    offers = [
        {"kind": 0, "price": "0"},
        {"kind": 1, "amount": 86_400, "price": "12500000", "token": usd_at},
        {"kind": 2, "amount": 10, "price": "1", "token": usd_at, "cap": 5, "limit": 2},
        {"kind": 3, "amount": 86_400, "price": "3", "token": usd_at, "minimum": 3_600},
    ]
    text = json.dumps(DOCUMENT, separators=(",", ":"), sort_keys=True)
    title, facts, steps = json.loads(act(browser, desk, document=text, offers=json.dumps(offers), royalty="250"))
    assert title == "Publish “Larches”" and ["Derivatives", "allowed, for 2.5 % of their sales"] in facts
    assert ["Licence “c”", "10 uses, for 0.000001 USD; at most 5 units in all, 2 units for one account"] in facts
    assert facts[-4][1].endswith(" per 1 day; 1 hour at the start cannot be paid back")
    zero = "0x" + "00" * 20
    streams = desk.ann.deployment.streams
    terms = [
        (0, 0, 0, 0, 0, 0, 0, zero),
        (12_500_000, usd.index, 1, 86_400, 0, 0, 0, zero),
        (1, usd.index, 2, 10, 5, 2, 0, zero),
        (3, usd.index, 3, 86_400, 0, 0, 3_600, streams),
    ]
    publication = (sha256(text.encode()).digest(), zero, (True, 250), [], 0, terms)
    contract = desk.ann.assets
    expected = contract.encode_abi("publish", args=[dev_signer(ANN).address, publication])
    assert steps == [[desk.ann.deployment.registry.lower(), expected]]


@pytest.mark.parametrize(
    ("offers", "document", "words"),
    [
        ([{"kind": 0}], {}, "other licences than would be sold"),
        (
            [{"kind": 1, "amount": 5, "price": "1", "token": "0x" + "ab" * 20}],
            {"licences": [{"name": "a"}]},
            "takes no",
        ),
        ([{"kind": 4, "amount": 5}], {"licences": [{"name": "a"}]}, "no such kind"),
        ([{"kind": 1}], {"licences": [{"name": "a"}]}, "no length"),
        ([{"kind": 1, "amount": 2**32}], {"licences": [{"name": "a"}]}, "larger than the registry keeps"),
        ([], {"licences": [], "parents": ["did:nft:x"]}, "made from other assets"),
        ([], {"licences": [], "name": 5}, "gives no document"),
    ],
)
def test_what_a_page_says_otherwise_is_refused_before_the_wallet_is_asked(
    browser: Chromium, desk: Desk, wallet: Wallet, offers: list[Any], document: dict[str, Any], words: str
) -> None:
    told = act(browser, desk, document=json.dumps({**DOCUMENT, **document}), offers=json.dumps(offers))
    assert words in told and not wallet.asked


def test_the_event_that_it_looks_for_is_that_of_the_registry() -> None:
    assert any(one.get("name") == "MetadataPublished" for one in artifact("AssetRegistry").abi)
    topic = keccak(text="MetadataPublished(uint256,uint256,bytes32,address)").hex()
    script = (STATIC / "publish_act.js").read_text()
    assert topic.removeprefix("0x") in script and "innerHTML" not in script


# --- What the hub is handed ----------------------------------------------------------------------


def test_a_hub_takes_a_document_that_its_chain_names_and_no_other(desk: Desk) -> None:
    assert httpx.post(f"{desk.url}/v1/documents", content=b"{}").status_code == 404
    assert httpx.post(f"{desk.url}/v1/documents", content=bytes(2**20 + 1)).status_code == 413


def test_what_is_written_is_judged_as_python_judges(desk: Desk) -> None:
    def asked(**told: Any) -> Any:
        return httpx.post(f"{desk.url}/v1/check", content=json.dumps(told)).json()

    text = json.dumps(DOCUMENT, separators=(",", ":"), sort_keys=True)
    fine = asked(document=text, licences=[{"name": "a", "kind": 2, "amount": 3, "price": "1", "symbol": "USD"}])
    assert fine["faults"] == [] and fine["licences"] == ["3 uses for 1 USD"]
    wrong = asked(document='{"name": ""}', names=["a/CON.txt", "b/ok"], licences=[{"name": "x", "kind": 1}])
    told = {one["pointer"]: one["reason"] for one in wrong["faults"]}
    assert {"/name", "/license", "/content", "/licences/0"} <= set(told) and "device" in told["/content"]
    for nonsense in ("", "[]", '{"document": 5}', '{"document": "", "more": 1}', "\ud800"):
        assert httpx.post(f"{desk.url}/v1/check", content=nonsense.encode("utf-8", "surrogatepass")).status_code == 422
    assert httpx.post(f"{desk.url}/v1/check", content=bytes(5_000_000)).status_code == 413
    deep = check(Writing(document="[" * 100_000))
    assert deep.faults and len(deep.faults) <= 100
