"""Gated content in a browser: its key comes from key gateways on a real node by one signature of a wallet, and what is
shown and saved is what Python reads, byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import httpx
import pytest
from chromium import Chromium
from injected_wallet import Wallet, at, injected
from pages_world import BlockGateway, serious, served

from integration.gateway.support import AUTHOR, BUYER, MONTH, ONCE, OTHER, STRANGER, Town, shares
from integration.support import Anvil
from registry import Gated, Published
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.receipt_contract import receipts_of
from registry.chain.signers import dev_signer
from registry.gateway.database import StoredShare
from registry.gateway.gas_budget import hand_in
from registry.gateway.keys import seal
from registry.gateway.service import GatewayService
from registry.hub.wallet_script import DIGEST
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
from registry.system.serving import listen

CHUNK: Final = 64 * 1024
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
CONTENT: Final[dict[str, bytes]] = {
    "note.txt": b"Larches, measured.\n",
    "empty.txt": b"",
    "below/one.bin": b"\x00",
    "below/chunk.bin": random.Random(1).randbytes(CHUNK),
    "below/two chunks.bin": random.Random(2).randbytes(2 * CHUNK),
    "large.txt": b"0123456789abcdef" * 200_000,
    "dot.png": PNG,
    "ä, 樹.txt": "Lärchen.\n".encode(),
}


class Vault:
    """Gated assets, three key gateways that let the pages at `url` in, and a gateway of IPFS."""

    def __init__(self, town: Town, url: str, place: Path) -> None:
        self.town, self.url = town, url
        for number in (AUTHOR, BUYER, STRANGER):
            town.person(number).fund("1000 USD")
        self.voices = [town.gateway(name, depth=0, pages=frozenset({url})) for name in ("a", "b", "c")]
        self.services: list[GatewayService] = [town.made[name] for name in ("a", "b", "c")]
        made = place / "files"
        for path, data in CONTENT.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(data)
        self.author, self.buyer = town.person(AUTHOR), town.person(BUYER)
        self.open_names = self._publish(made, "Open names", hide_names=False)
        self.hidden = self._publish(made, "Hidden names", hide_names=True)
        for asset in (self.open_names, self.hidden):
            self.buyer.buy(asset.did, "month", max_total="12.5 USD")
        self.blocks = BlockGateway(LocalStore(town.folder / "homes" / str(AUTHOR) / "blocks"))

    def _publish(self, folder: Path, name: str, *, hide_names: bool) -> Published:
        gated = Gated(gateways=[one.url for one in self.voices], threshold=2, hide_names=hide_names)
        return self.author.publish(
            folder, name=name, type="dataset", license="MIT", licences=[MONTH, ONCE], gated=gated
        )

    def path(self, asset: Published) -> str:
        """Its page, once the hub knows it."""
        url, until = f"{self.url}/a/{asset.did.asset_id}/open", time.monotonic() + 40
        while httpx.get(url).status_code != 200:
            assert time.monotonic() < until, "the hub does not see the asset"
            time.sleep(0.1)
        return url


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_KEYS", "memory")
        node, place = Anvil(), tmp_path_factory.mktemp("vault")
        town = Town(node, deploy_local(Chain.connect(node.url)), place)
        with town.stack:
            sock = listen("127.0.0.1", 0)
            made = Vault(town, f"http://127.0.0.1:{sock.getsockname()[1]}", place)
            with made.blocks.serving(), served(made.author, sock):
                yield made
        node.stop()


@pytest.fixture
def wallet(browser: Chromium, vault: Vault) -> Iterator[Wallet]:
    browser.look(1_100, 900)
    with injected(browser, Wallet(at(vault.town.anvil.url), dev_signer(BUYER).address)) as made:
        yield made


@pytest.fixture(autouse=True)
def honest(vault: Vault) -> None:
    vault.blocks.lie = lambda cid, block: block
    vault.blocks.asked.clear()


SAID = "document.querySelector('.act-box [role=status]')?.innerText ?? ''"
TOLD = "document.querySelector('[data-part=said]').innerText"


class Page:
    """The page of an asset, its gateways named."""

    def __init__(self, browser: Chromium, vault: Vault, asset: Published, *, keys: int = 3) -> None:
        self._browser = browser
        browser.open(vault.path(asset))
        browser.evaluate(
            f"document.getElementById('gateway').value = {json.dumps(vault.blocks.url)};"
            f"[...document.querySelectorAll('[name=key]')].slice({keys}).forEach((one) => {{ one.checked = false; }});"
            "setTimeout(() => document.querySelector('form[method=post]').submit());"
        )
        browser.until("document.querySelector('[data-open]:not([hidden])')", seconds=40)

    def begin(self) -> Page:
        """Press *Open it*, and come as far as the wallet would be asked or the dialog refuses."""
        self._browser.evaluate("document.querySelector('[data-part=open]').click()")
        self._browser.until(
            f"document.querySelector('.act-box .notice.bad') || ({SAID}).includes('Nothing is signed')"
            " || document.querySelector('[data-part=said].notice')",
            seconds=40,
        )
        return self

    def sign(self) -> str:
        """Sign; returns what the dialog says then."""
        self._browser.evaluate("document.querySelector('.act-box .foot-line .button').click()")
        self._browser.until("document.querySelector('.act-box [role=status].notice')", seconds=60)
        return str(self._browser.evaluate(SAID))

    def facts(self) -> dict[str, str]:
        """What is shown before it is signed."""
        return dict(
            self._browser.evaluate(
                "[...document.querySelectorAll('.act-box .facts > div')]"
                ".map((one) => [one.children[0].innerText, one.children[1].innerText])"
            )
        )

    def close(self) -> str:
        """Close the dialog; returns what the page says then."""
        self._browser.evaluate("document.querySelector('.act-box .plain-button').click()")
        self._browser.until("document.querySelector('[data-part=said].notice')", seconds=60)
        return str(self._browser.evaluate(TOLD))

    def open(self) -> str:
        """All of it; returns what the page says then."""
        assert "It is open" in self.begin().sign()
        return self.close()

    def act(self, label: str) -> str:
        """Press a button of a file; returns what the page says then."""
        self._browser.evaluate(
            "document.querySelector('[data-part=said]').className = '';"
            "[...document.querySelectorAll('.files button')]"
            f".find((one) => one.getAttribute('aria-label') === {json.dumps(label)}).click()"
        )
        self._browser.until("document.querySelector('[data-part=said].notice')", seconds=60)
        return str(self._browser.evaluate(TOLD))


SAVING = """
  window.showSaveFilePicker = async () => {
    const parts = [];
    return { createWritable: async () => ({
      write: async (part) => { parts.push(part.slice()); },
      abort: async () => { window.saved = "aborted"; },
      close: async () => {
        const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
        window.saved = [...new Uint8Array(digest)].map((one) => one.toString(16).padStart(2, "0")).join("");
      },
    }) };
  };
"""


@pytest.mark.parametrize("hidden", [False, True], ids=["open names", "hidden names"])
def test_each_file_is_what_python_reads_and_the_wallet_was_asked_once(
    browser: Chromium, vault: Vault, wallet: Wallet, hidden: bool
) -> None:
    asset = vault.hidden if hidden else vault.open_names
    page = Page(browser, vault, asset)
    assert "The key is here" in page.open()
    listed = browser.evaluate("[...document.querySelectorAll('.files td.name')].map((one) => one.innerText)")
    assert sorted(listed) == sorted(CONTENT)
    browser.evaluate(SAVING)
    for path in CONTENT:
        assert "It is saved" in page.act(f"Save {path}")
        with vault.buyer.open(asset.did, path) as file:
            read = file.read()
        assert read == CONTENT[path]
        assert browser.evaluate("window.saved") == hashlib.sha256(read).hexdigest(), path
    assert wallet.signed == ["personal_sign"], "once, for all files"
    mine = (vault.url, vault.blocks.url, *(one.url for one in vault.voices), "blob:", "data:")
    assert not [one for one in browser.requests if not one.startswith(mine)] and not browser.refused


def test_what_is_signed_says_page_asset_and_gateways(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    page = Page(browser, vault, vault.open_names).begin()
    facts = page.facts()
    assert "Open names" in facts["What"] and "month" in facts["Your access"]
    hosts = [one.url.partition("://")[2] for one in vault.voices]
    assert facts["Key from"] == f"{', '.join(hosts)}: 2 of them make it"
    assert not wallet.signed
    page.sign()
    [(_, [message, account])] = wallet.asked
    text = bytes.fromhex(message[2:]).decode()
    assert account == dev_signer(BUYER).address.lower()
    host = vault.url.partition("://")[2]
    assert text.startswith(f"{host} wants you to sign in with your Ethereum account:\n{dev_signer(BUYER).address}\n")
    assert f"URI: {vault.url}\n" in text and f"- {vault.open_names.did}\n" in text
    assert [one.url in text for one in vault.voices] == [True] * 3


def test_of_a_large_file_the_beginning_is_fetched_and_no_more(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    page = Page(browser, vault, vault.open_names)
    page.open()
    vault.blocks.asked.clear()
    assert "the first 0.26 MB are shown" in page.act("Show large.txt")
    # Its root, the first of its four blocks, and the last, which says that it is whole.
    assert len(set(vault.blocks.asked)) == 3
    assert browser.evaluate("document.querySelector('[data-part=shown]').innerText").startswith("0123456789abcdef")
    assert "Every block" in page.act("Show dot.png")
    assert browser.evaluate("document.querySelector('[data-part=shown]').firstElementChild.tagName") == "IMG"


def other_share(service: GatewayService, text: str) -> list[StoredShare]:
    """What a gateway would keep if it had been handed other words."""
    sealed = seal(text.encode(), service.keys.recipient)
    return [StoredShare("", 1, 0, 2, sealed, "", 0)]


@contextmanager
def lying(service: GatewayService, answer: Callable[[Any], Any]) -> Iterator[None]:
    """A gateway that hands out other shares than it was given, signed and sealed as it should."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_shares", answer)
        yield


def test_a_gateway_that_lies_about_its_share_is_named_and_another_asked(
    browser: Chromium, vault: Vault, wallet: Wallet
) -> None:
    first = vault.services[0]
    host = first.settings.domain
    for words in (shares(2, 3)[0], "no words of a share", "\n".join(shares(2, 3) * 5)):
        with lying(first, lambda _, words=words: other_share(first, words)):
            told = Page(browser, vault, vault.open_names).open()
        assert f"{host}: its share is not of this key" in told and "The key is here" in told


def test_two_liars_of_three_open_nothing_and_are_named(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    one, two = vault.services[:2]
    agreed = shares(2, 3)
    with lying(one, lambda _: other_share(one, agreed[0])), lying(two, lambda _: other_share(two, agreed[1])):
        said = Page(browser, vault, vault.open_names).begin().sign()
    assert "Fewer than 2 of 3 key gateways gave a right share" in said
    assert all(f"{service.settings.domain}: its share is not of this key" in said for service in (one, two))


def test_a_gateway_that_speaks_for_another_is_not_taken(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    first = vault.services[0]
    keys = SimpleNamespace(signer=dev_signer(OTHER), open_share=first.keys.open_share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first, "keys", keys)
        told = Page(browser, vault, vault.open_names).open()
    assert f"{first.settings.domain}: its answer is not signed by its account" in told


def test_who_has_no_access_is_told(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    wallet.account = dev_signer(STRANGER).address
    page = Page(browser, vault, vault.hidden).begin()
    assert "none that the chain knows" in page.facts()["Your access"]
    assert "Fewer than 2 of 3 key gateways gave a right share" in page.sign() and wallet.signed == ["personal_sign"]


class User:
    """An account that has uses of an asset and nothing else."""

    def __init__(self, vault: Vault, wallet: Wallet) -> None:
        self.client = vault.town.person(STRANGER)
        self._did = vault.open_names.did
        wallet.account = dev_signer(STRANGER).address
        self.client.buy(self._did, "once", max_total="0.002 ETH")

    @property
    def left(self) -> int:
        """The uses that are left."""
        return self.client.holding(self._did, "once").uses or 0


KEPT = "Object.keys(localStorage).length"


def test_a_use_is_given_for_opening_and_one_alone(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    user = User(vault, wallet)
    before = user.left
    page = Page(browser, vault, vault.open_names).begin()
    assert "once" in page.facts()["Your access"] and page.facts()["It costs"].startswith("one use")
    assert not wallet.signed
    assert "It is open" in page.sign()
    assert wallet.signed == ["eth_signTypedData_v4", "personal_sign"], "no transaction of the account"
    assert "The key is here" in page.close() and user.left == before - 1
    assert "Every block" in page.act("Show note.txt") and "Every block" in page.act("Show large.txt")
    assert user.left == before - 1 and browser.evaluate(KEPT) == 0


def test_who_declines_between_the_two_signatures_gives_no_second_use(
    browser: Chromium, vault: Vault, wallet: Wallet
) -> None:
    user = User(vault, wallet)
    before = user.left
    wallet.declines.add("eth_signTypedData_v4")
    assert "declined" in Page(browser, vault, vault.open_names).begin().sign()
    assert browser.evaluate(KEPT) == 0 and wallet.signed == ["eth_signTypedData_v4"]
    wallet.declines = {"personal_sign"}
    assert "declined" in Page(browser, vault, vault.open_names).begin().sign()
    assert browser.evaluate(KEPT) == 1 and user.left == before
    wallet.declines.clear()
    wallet.asked.clear()
    page = Page(browser, vault, vault.open_names).begin()
    assert "gave before" in page.facts()["Your access"] and page.facts()["It costs"].startswith("no other use")
    assert "It is open" in page.sign() and "The key is here" in page.close()
    assert wallet.signed == ["personal_sign"] and user.left == before - 1 and browser.evaluate(KEPT) == 0


def test_where_no_gateway_pays_for_handing_a_use_in_the_account_is_asked_to(
    browser: Chromium, vault: Vault, wallet: Wallet
) -> None:
    user = User(vault, wallet)
    before = user.left

    def none_left(*_: Any) -> None:
        raise hand_in("this account has had its gas of a day")

    with pytest.MonkeyPatch.context() as patch:
        for service in vault.services:
            patch.setattr(service.uses.budget, "reserve", none_left)
        page = Page(browser, vault, vault.open_names).begin()
        assert "It is open" in page.sign()
    [*signatures, (method, [sent])] = wallet.asked
    assert [one for one, _ in signatures] == ["eth_signTypedData_v4", "personal_sign"]
    assert method == "eth_sendTransaction" and sent["to"] == receipts_of(vault.town.deployment.registry).lower()
    assert user.left == before - 1 and "The key is here" in page.close()


def test_declined_nothing_is_opened(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    wallet.declines.add("personal_sign")
    page = Page(browser, vault, vault.open_names).begin()
    assert "declined" in page.sign()
    assert "Nothing was opened" in page.close()
    assert browser.evaluate("document.querySelector('[data-part=files]').childElementCount") == 0


@contextmanager
def naming_another(browser: Chromium, name: str, value: str) -> Iterator[None]:
    """The hub's page names something else to be opened."""
    lie = (
        "new MutationObserver(() => { const page = document.querySelector('[data-open]');"
        f" if (page) page.dataset.{name} = {json.dumps(value)}; }})"
        ".observe(document, { childList: true, subtree: true });"
    )
    script = browser.do("Page.addScriptToEvaluateOnNewDocument", source=lie)["identifier"]
    try:
        yield
    finally:
        browser.unbind(script)


def test_a_hub_that_names_another_document_is_refused_before_the_wallet_is_asked(
    browser: Chromium, vault: Vault, wallet: Wallet
) -> None:
    """It could name gateways of its own, and so learn who opens what."""
    with naming_another(browser, "document", str(vault.author.get(vault.hidden.did).cid)):
        Page(browser, vault, vault.open_names).begin()
    assert "another document" in browser.evaluate(SAID) and not wallet.signed


@pytest.mark.parametrize("place", [0, -1], ids=["its beginning", "its end"])
def test_ciphertext_that_was_changed_is_not_shown(browser: Chromium, vault: Vault, wallet: Wallet, place: int) -> None:
    page = Page(browser, vault, vault.open_names)
    page.open()

    def changed(cid: CID, block: bytes) -> bytes:
        data = bytearray(block)
        data[place] ^= 1
        return bytes(data)

    vault.blocks.lie = changed
    assert "is something else" in page.act("Show note.txt")
    assert browser.evaluate("document.querySelector('[data-part=shown]').childElementCount") == 0


def test_a_gateway_that_lets_no_pages_in_is_named(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    shut = [vault.town.gateway(name, depth=0) for name in ("shut", "closed")]
    made = vault.author.publish(
        vault.town.folder / "files" / "note.txt",
        name="Shut",
        type="dataset",
        license="MIT",
        licences=[MONTH],
        gated=Gated(gateways=[one.url for one in shut]),
    )
    Page(browser, vault, made).begin()
    assert f"lets no pages of {vault.url} in" in browser.evaluate(SAID) and not wallet.signed


def test_access_that_is_not_deep_enough_is_waited_for_without_another_signature(
    browser: Chromium, vault: Vault, wallet: Wallet
) -> None:
    town, stop = vault.town, threading.Event()
    deep = [town.gateway(name, depth=3, pages=frozenset({vault.url})) for name in ("deep", "deeper")]
    ticking = threading.Thread(target=lambda: [town.mine() for _ in iter(lambda: stop.wait(0.5), True)])
    ticking.start()
    try:
        made = vault.author.publish(
            vault.town.folder / "files" / "note.txt",
            name="Deep",
            type="dataset",
            license="MIT",
            licences=[MONTH],
            gated=Gated(gateways=[one.url for one in deep], threshold=2),
        )
    finally:
        stop.set()
        ticking.join()
    page = Page(browser, vault, made)
    vault.buyer.buy(made.did, "month", max_total="12.5 USD")
    page.begin()
    later = threading.Timer(2.0, lambda: town.mine(4))
    later.start()
    assert "It is open" in page.sign()
    assert wallet.signed == ["personal_sign"]
    later.join()


def test_the_page_reaches_those_that_its_reader_named_and_of_key_gateways_those_of_the_document(vault: Vault) -> None:
    url, mine = vault.path(vault.open_names), {"sec-fetch-site": "same-origin"}
    keys = [one.url for one in vault.voices]
    for site in ("cross-site", "none", ""):
        refused = httpx.post(url, data={"gateway": "https://gw.example", "key": keys}, headers={"sec-fetch-site": site})
        assert refused.status_code == 403
    named = httpx.post(
        url, data={"gateway": "https://gw.example/x", "key": [*keys[:2], "https://evil.example"]}, headers=mine
    )
    assert f"connect-src 'self' https://gw.example {keys[0]} {keys[1]};" in named.headers["content-security-policy"]
    few = httpx.post(
        url, data={"gateway": "https://gw.example", "key": [keys[0], "https://evil.example"]}, headers=mine
    )
    assert few.status_code == 422 and "Fewer key gateways" in few.text
    assert "connect-src 'self';" in httpx.get(url).headers["content-security-policy"]


def test_the_page_is_accessible_as_narrow_as_its_screen_and_small(
    browser: Chromium, vault: Vault, wallet: Wallet
) -> None:
    """Before gateways are named, after, and with a file shown; the bundle comes only once something is opened."""
    path = vault.path(vault.open_names)
    for width, dark in ((1_360, False), (320, True)):
        browser.look(width, 900, dark=dark, phone=width < 500)
        browser.open(path)
        assert not serious(browser) and browser.evaluate("document.documentElement.scrollWidth") <= width
        page = Page(browser, vault, vault.open_names)
        sent = {one for one in browser.requests if "/static/" in one}
        assert not serious(browser) and not any("sealed" in one or "gated" in one for one in sent)
        page.open()
        page.act("Show note.txt")
        assert not serious(browser) and browser.evaluate("document.documentElement.scrollWidth") <= width
    html = httpx.get(path).content
    assert len(html) <= 60_000
    assert len(gzip.compress(html, 5)) + sum(_sent(one) for one in sent) <= 150_000


def _sent(url: str) -> int:
    with httpx.stream("GET", url) as answer:
        return sum(map(len, answer.iter_raw()))


def test_without_script_the_page_says_what_does_the_same(browser: Chromium, vault: Vault) -> None:
    browser.script(False)
    try:
        browser.open(vault.path(vault.open_names))
        assert "2 of 3 make the key" in browser.evaluate("document.body.innerText")
    finally:
        browser.script(True)


def test_a_hub_that_serves_other_means_of_opening_than_it_names_is_found_out(
    browser: Chromium, vault: Vault, wallet: Wallet
) -> None:
    with naming_another(browser, "sealed", DIGEST):
        Page(browser, vault, vault.open_names).begin()
    assert "other means of opening" in browser.evaluate(TOLD) and not wallet.signed


def test_an_owner_invites_who_asked_in_the_page(browser: Chromium, vault: Vault, wallet: Wallet) -> None:
    asset, guest = vault.open_names, vault.town.person(STRANGER)
    vault.path(asset)  # the hub knows it
    guest.requests.ask(asset.did, "month", use="To compare two classifiers.", hub=vault.url)
    wallet.account = vault.author.address
    browser.open(f"{vault.url}/mine?account={wallet.account.lower()}")
    browser.evaluate("document.querySelector('.inbox a.button').click()")
    browser.until("document.querySelector('form[method=post]')", seconds=40)
    assert "To compare two classifiers." in browser.evaluate("document.querySelector('main').innerText")
    browser.evaluate(
        "document.querySelector('[name=days]').value = '3';"
        "setTimeout(() => document.querySelector('form[method=post]').submit());"
    )
    browser.until("document.querySelector('[data-act=invite] > button')", seconds=40)
    act = "document.querySelector('[data-act=invite]')"
    truth = browser.evaluate(f"({{...{act}.dataset}})")
    foreign = json.dumps(["https://evil.example", vault.voices[0].url])
    for told, words in (
        ({"to": dev_signer(OTHER).address.lower()}, "and the page names"),
        ({"request": "0x" + "11" * 32}, "does not have the request"),
        ({"digest": "0x" + "11" * 32}, "another document"),
        ({"gateways": foreign}, "Fewer key gateways of the document"),
        ({"days": "-1"}, "gives no number of days"),
    ):
        browser.evaluate(f"Object.assign({act}.dataset, {json.dumps(truth | told)}); {act}.firstChild.click()")
        browser.until(f"({SAID}).includes({json.dumps(words)})", seconds=40)
        browser.evaluate("document.querySelector('.act-box').close()")
        browser.until("!document.querySelector('.act-box')")
    assert not wallet.asked, "a hub that lies is found out before"
    browser.evaluate(f"Object.assign({act}.dataset, {json.dumps(truth)}); {act}.firstChild.click()")
    browser.until(f"({SAID}).includes('Nothing is signed')", seconds=40)
    said = browser.evaluate("document.querySelector('.act-box').innerText")
    assert guest.address.lower() in said.lower() and "To compare two classifiers." in said
    browser.evaluate("document.querySelector('.act-box .foot-line .button').click()")
    browser.until(f"({SAID}).includes('It is invited, and said')", seconds=60)
    assert wallet.signed == ["eth_signTypedData_v4"] * 2, "nothing is sent"
    with guest.open(asset.did, "note.txt") as file:
        assert file.read() == CONTENT["note.txt"]
    (request,) = vault.author.talk.of(asset.did, hub=vault.url).requests
    assert request.answer is not None and request.answer.outcome == "invited"
