"""Acts of a registry from its pages: in a real browser, with a wallet that signs on a real node. What a hub says is
held against the chain through the wallet, and where the two differ nobody is asked to sign."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Chromium
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from injected_wallet import Wallet, at, injected
from page_acts import ActPage, act_button
from pages_world import served

from integration.support import Anvil
from registry import Draft, Licence, Registry
from registry.chain.artifacts import artifact
from registry.chain.calldata import signature_of
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer
from registry.errors import Unverified
from registry.hub import wallet_script
from registry.hub.wallet_script import DIGEST
from registry.ipfs.store import MemoryStore

DAY = 86_400
SCRIPT = Path(__file__).parents[3] / "scripts" / "_toolchain" / "wallet_script.py"
STATIC = Path(__file__).parents[3] / "registry" / "hub" / "pages" / "static"
AUTHOR, BUYER, VOTER, STRANGER, PASSER_BY = 0, 1, 2, 5, 6


class Shop:
    """A registry on a node, with its pages: `url`; a hub that lies rewrites pages with `lie`."""

    def __init__(self, node: Anvil) -> None:
        self.node = node
        chain = Chain.connect(node.url)
        votes = {dev_signer(n).address: 1_000 for n in (AUTHOR, BUYER, VOTER)}
        deployment = found_local(chain, deploy_local(chain), votes, guardian=dev_signer(3).address)
        self.author = Registry.on(
            chain, signer=dev_signer(AUTHOR), deployment=deployment, store=MemoryStore(), journal=Journal.in_memory()
        )
        for number in (AUTHOR, BUYER, VOTER, STRANGER):
            self.as_(number).fund("1000 USD")
        for number in (AUTHOR, VOTER):
            self.as_(number).governance.delegate()
        self.asset = self.author.publish(
            None,
            name="Palmer penguins",
            type="dataset",
            license="CC0-1.0",
            licences=[
                Licence.period("commercial", days=30, price="12.5 USD"),
                Licence.free("research", limit=1),
                Licence.stream("by the second", price="60 USD", per="30 days"),
                Licence.uses("predictions", uses=10, price="0.01 ETH"),
            ],
        )
        self.other = self.author.publish(
            None,
            name="Runs",
            type="dataset",
            license="MIT",
            licences=[
                Licence.period("as dear", days=1, price="12.5 USD"),
                Licence.run("runs", price="2 USD", per="100 seconds"),
            ],
        )
        self.url = ""

    def as_(self, number: int) -> Registry:
        return self.author.as_account(dev_signer(number))

    def propose(self) -> str:
        """A proposal that can be voted on; returns its path."""
        governance = self.author.governance
        self.author.fund("50 USD", account=governance.dao.timelock)
        calls = [governance.payment(dev_signer(BUYER).address, "5 USD")]
        made = governance.propose(
            governance.draft(calls, title=f"A grant {self.author.chain.block().number}", body="x")
        )
        self.author.chain.advance(DAY + 60)
        return f"0x{made.id:064x}"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    node = Anvil()
    made = Shop(node)
    with served(made.author) as url:
        made.url = url
        yield made
    node.stop()


@pytest.fixture
def wallet(browser: Chromium, shop: Shop) -> Iterator[Wallet]:
    browser.look(1_200, 900)
    with injected(browser, Wallet(at(shop.node.url), dev_signer(BUYER).address)) as made:
        yield made


@pytest.fixture
def page(browser: Chromium, shop: Shop) -> Callable[..., ActPage]:
    def opened(act: str, licence: int | None = None, *, path: str = "") -> ActPage:
        return ActPage(browser, shop.url, path or f"/a/{shop.asset.did.asset_id}", act_button(act, licence))

    return opened


# --- Acts ----------------------------------------------------------------------------------------


def test_one_buys_with_one_permit_and_one_transaction(shop: Shop, page: Any, wallet: Wallet) -> None:
    here = page("buy", 0)
    here.open()
    here.says("Nothing is signed yet")
    assert "Palmer penguins (asset" in here.text and "12.50 USD" in here.text and "30 days of access" in here.text
    assert not wallet.asked, "all of it was said before the wallet was asked"
    here.press("Sign in the wallet")
    here.says("You have access until")
    assert wallet.signed == ["eth_signTypedData_v4", "eth_sendTransaction"]
    permit = json.loads(wallet.asked[0][1][1])
    assert permit["message"]["value"] == "12500000" and permit["message"]["spender"].lower() == (
        shop.author.deployment.marketplace.lower()
    )
    assert shop.as_(BUYER).has_access(shop.asset.did)
    usd = next(one.address for one in shop.author.tokens if one.symbol == "USD")
    allowance = shop.author.erc20(usd).functions.allowance(wallet.account, shop.author.deployment.marketplace)
    assert shop.author.chain.call(allowance) == 0, "nothing is left for the market to take"


def test_what_is_free_takes_one_transaction(shop: Shop, page: Any, wallet: Wallet) -> None:
    here = page("buy", 1)
    here.open()
    here.press("Sign in the wallet")
    here.says("You have access")
    assert wallet.signed == ["eth_sendTransaction"] and wallet.asked[0][1][0]["value"] == "0x0"
    # A limit of one: the chain would refuse the second, so the wallet is not asked.
    wallet.asked.clear()
    again = page("buy", 1)
    again.open()
    again.press("Sign in the wallet")
    again.says("The contract refuses")
    assert not wallet.asked


def test_the_native_coin_travels_along(shop: Shop, page: Any, wallet: Wallet) -> None:
    here = page("buy", 3)
    here.open()
    here.press("Sign in the wallet")
    here.says("You have 10 uses")
    assert int(wallet.asked[0][1][0]["value"], 16) == 10**16


def test_a_token_without_permit_takes_an_approval_of_just_the_price(shop: Shop, page: Any, wallet: Wallet) -> None:
    wallet.account = dev_signer(STRANGER).address
    # An account with code signs otherwise than a key does.
    wallet.lies["eth_getCode"] = lambda params: (
        "0x6001" if params[0].lower() == wallet.account.lower() else shop.node.rpc("eth_getCode", *params)
    )
    here = page("buy", 0)
    here.open()
    here.press("Sign in the wallet")
    here.says("You have access until")
    assert wallet.signed == ["eth_sendTransaction"] * 2
    assert int(wallet.asked[0][1][0]["data"][-64:], 16) == 12_500_000


def test_one_subscribes_extends_and_ends_it(shop: Shop, page: Any, wallet: Wallet) -> None:
    here = page("subscribe", 2)
    here.open()
    here.fill(days="10")
    here.press("Go on")
    here.says("Nothing is signed yet")
    assert "20 USD" in here.text and "10 days of access" in here.text and "the rest is paid back" in here.text
    here.press("Sign in the wallet")
    here.says("You have access until")
    assert shop.as_(BUYER).streams.subscription(shop.asset.did, 2).active
    more = page("subscribe", 2)
    more.open()
    more.fill(days="5")
    more.press("Go on")
    more.press("Sign in the wallet")
    more.says("You have access until")
    found = shop.as_(BUYER).streams.subscription(shop.asset.did, 2)
    assert found.end - found.start == 15 * DAY
    wallet.asked.clear()
    mine = page("cancel", path=f"/mine?account={wallet.account.lower()}")
    mine.open()
    mine.says("Nothing is signed yet")
    assert "about 29.9" in mine.text
    mine.press("Sign in the wallet")
    mine.says("It is ended")
    assert wallet.signed == ["eth_sendTransaction"]
    assert not shop.as_(BUYER).streams.subscription(shop.asset.did, 2).active


def test_one_redeems_datatokens(shop: Shop, page: Any, wallet: Wallet) -> None:
    shop.as_(VOTER).buy(shop.asset.did, 3, units=2, as_tokens=True)
    wallet.account = dev_signer(VOTER).address
    here = page("redeem", path=f"/mine?account={wallet.account.lower()}")
    here.open()
    here.fill(units="2")
    here.press("Go on")
    here.says("Nothing is signed yet")
    assert "20 uses" in here.text and "gone for good" in here.text
    here.press("Sign in the wallet")
    here.says("You have 20 uses")


def test_one_delegates_and_votes(shop: Shop, page: Any, wallet: Wallet) -> None:
    here = page("delegate", path="/dao")
    here.open()
    here.fill(to="")
    here.press("Go on")
    here.says("Nothing is signed yet")
    assert "1,000" in here.text and "yourself" in here.text
    here.press("Sign in the wallet")
    here.says("They are delegated")
    assert shop.as_(BUYER).governance.voting_power().delegate == dev_signer(BUYER).address
    proposal = shop.propose()
    voting = page("vote", path=f"/dao/{proposal[:10]}")
    voting.open()
    voting.fill(choice="against", reason="Grüße: zu teuer")
    voting.press("Go on")
    voting.says("Nothing is signed yet")
    assert proposal in voting.text and "Vote against" in voting.text
    voting.press("Sign in the wallet")
    voting.says("Your vote is counted")
    found = shop.author.governance.proposal(proposal)
    assert found.against_votes == 1_000 * 10**18
    again = page("vote", path=f"/dao/{proposal[:10]}")
    wallet.asked.clear()
    again.open()
    again.fill(choice="for")
    again.press("Go on")
    again.says("has voted on it")
    assert not wallet.asked


def test_one_flags_an_asset(shop: Shop, page: Any, wallet: Wallet) -> None:
    here = page("flag")
    here.open()
    here.fill(reason="A copy of another data set, byte for byte.")
    here.press("Go on")
    here.says("Nothing is signed yet")
    assert "byte for byte" in here.text and "Bond" in here.text
    here.press("Sign in the wallet")
    here.says("This hub keeps your reason")
    assert wallet.signed == ["eth_sendTransaction"] * 2, "the bond is approved, and the flag sent"


# --- When it is not to be ------------------------------------------------------------------------


def test_without_a_wallet_it_says_so(browser: Chromium, shop: Shop, page: Any) -> None:
    here = page("buy", 0)
    here.open()
    here.says("There is no wallet in this browser")


@pytest.mark.parametrize("method", ["eth_signTypedData_v4", "eth_sendTransaction"])
def test_who_declines_has_bought_nothing(shop: Shop, page: Any, wallet: Wallet, method: str) -> None:
    wallet.declines.add(method)
    before = shop.author.chain.call(shop.author.erc20(_usd(shop)).functions.balanceOf(wallet.account))
    here = page("buy", 0)
    here.open()
    here.press("Sign in the wallet")
    here.says("You declined in the wallet")
    assert shop.author.chain.call(shop.author.erc20(_usd(shop)).functions.balanceOf(wallet.account)) == before


def test_on_another_chain_it_asks_to_switch_first(shop: Shop, page: Any, wallet: Wallet) -> None:
    wallet.chain = 1
    here = page("buy", 0)
    here.open()
    here.says("the wallet is on chain 1")
    assert not wallet.asked and "eth_requestAccounts" not in wallet.methods
    here.press("Switch to chain")
    here.says("Nothing is signed yet")
    assert wallet.signed == ["wallet_switchEthereumChain"]


def test_an_account_that_changes_is_looked_at_anew(browser: Chromium, shop: Shop, page: Any, wallet: Wallet) -> None:
    here = page("buy", 0)
    here.open()
    here.says("Nothing is signed yet")
    assert dev_signer(BUYER).address.lower() in here.text.lower()
    wallet.account = dev_signer(STRANGER).address
    browser.evaluate("tellWallet('accountsChanged', [])")
    here.until(f"document.querySelector('.act-box').innerText.toLowerCase().includes({wallet.account.lower()!r})")
    # And a wallet that does not tell is asked again.
    here.says("Nothing is signed yet")
    wallet.account = dev_signer(BUYER).address
    here.press("Sign in the wallet")
    here.says("Begin again")
    assert not wallet.asked


def test_an_account_that_changes_between_two_steps_signs_no_second(shop: Shop, page: Any, wallet: Wallet) -> None:
    def change(method: str) -> None:
        if wallet.asked:
            wallet.account = dev_signer(STRANGER).address

    wallet.before = change
    here = page("buy", 0)
    here.open()
    here.press("Sign in the wallet")
    here.says("The wallet is at")
    assert wallet.signed == ["eth_signTypedData_v4"]


def test_a_price_raised_after_the_page_was_made_is_refused(shop: Shop, page: Any, wallet: Wallet) -> None:
    made = shop.author.publish(
        None, name="Rising", type="dataset", license="MIT", licences=[Licence.hold("for good", price="5 USD")]
    )
    here = page("buy", 0, path=f"/a/{made.did.asset_id}")
    shop.author.reprice(made.did, 0, "500 USD")
    here.open()
    here.says("The page shows 5 USD; the chain asks for 500 USD")
    assert not wallet.asked
    # And while it is looked at.
    later = page("buy", 0, path=f"/a/{made.did.asset_id}")
    later.lie(total="500000000")
    later.open()
    later.says("Nothing is signed yet")
    shop.author.reprice(made.did, 0, "600 USD")
    later.press("Sign in the wallet")
    later.says("the chain asks for 600 USD")
    assert not wallet.asked


PLACES: list[tuple[dict[str, str], str]] = [
    ({"registry": "0x" + "11" * 20}, "There is none on this chain"),
    ({"registry": "javascript:alert(1)"}, "is no address"),
    ({"chain": "1"}, "The page is about chain 1"),
    ({"chain": ""}, "gives no chain"),
]
"""Lies about the place of an act, with what the reader is told of each."""

ASSETS: list[tuple[dict[str, str], str]] = [
    ({"asset": "999999"}, "No asset has this id"),
    ({"digest": "0x" + "11" * 32}, "another document of asset"),
    ({"name": "Something else"}, "its document says “Palmer penguins”"),
]
"""Lies about the asset of one."""

NO_TOKEN = {"token": "0x" + "0" * 40}


def _lies(shop: Shop, act: str) -> list[tuple[dict[str, str], str]]:
    """What a hub may say otherwise on the page of an act, and what the reader is told of it."""
    other = {"asset": str(shop.other.did.asset_id), "digest": f"0x{shop.author.get(shop.other.did).digest.hex()}"}
    told: dict[str, list[tuple[dict[str, str], str]]] = {
        "buy": [
            ({"total": "1000000"}, "The page shows 1 USD; the chain asks for 12.50 USD"),
            ({"total": "99000000"}, "the chain asks for 12.50 USD"),
            ({"total": ""}, "gives no price"),
            (NO_TOKEN, "in the token 0x0000"),
            ({"asset": other["asset"]}, "another document of asset"),
            (other, "its document says"),
            ({"licence": "3"}, "the chain asks for 0.01"),
            ({"licence": "77"}, "no licence of this number"),
            ({"registry": shop.author.deployment.marketplace}, "is not that of AssetRegistry"),
            ({"registry": _usd(shop)}, "is not that of AssetRegistry"),
        ],
        "subscribe": [
            ({"total": "1"}, "the chain asks for"),
            (NO_TOKEN, "in the token 0x0000"),
            (other | {"name": "Runs", "licence": "1", "total": "2000000"}, "sold by another contract"),
        ],
        "cancel": [
            ({"licence": "3"}, "no subscription"),
            (other | {"name": "Runs", "licence": "1"}, "no subscription"),
        ],
        "redeem": [
            ({"licence": "0"}, "holds 0 whole datatokens"),
            (other | {"name": "Runs"}, "no licence of this number"),
        ],
        "flag": [({"total": "1"}, "the chain asks for"), ({"token": "0x" + "11" * 20}, "does not answer symbol")],
        "vote": [
            ({"proposal": "0x" + "0" * 63 + "1"}, "The wallet says"),
            ({"proposal": "1"}, "names no proposal"),
        ],
        "delegate": [],
    }
    return [*told[act], *PLACES, *(ASSETS if act not in ("vote", "delegate") else [])]


FORMS: dict[str, dict[str, str]] = {
    "subscribe": {"days": "10"},
    "redeem": {"units": "1"},
    "flag": {"reason": "A copy of another data set."},
    "vote": {"choice": "for"},
    "delegate": {"to": ""},
}
"""What is filled in before the chain is asked."""

SPENDERS = {
    "buy": ("marketplace", "Marketplace"),
    "subscribe": ("streams", "Streams"),
    "cancel": ("streams", "Streams"),
    "flag": ("curation", "Curation"),
    "vote": ("governor", "RegistryGovernor"),
    "delegate": ("token", "RegistryToken"),
}
"""The contract to which an act goes, where it is not the registry itself; and whose code it has."""


@pytest.fixture
def act_page(shop: Shop, page: Any, wallet: Wallet) -> Callable[[str], ActPage]:
    """The page of an act, of an account that can do it."""

    def opened(act: str) -> ActPage:
        paths = {"delegate": "/dao"}
        if act == "vote":
            paths["vote"] = f"/dao/{shop.propose()[:10]}"
        if act in ("cancel", "redeem"):
            wallet.account = dev_signer(VOTER).address
            paths[act] = f"/mine?account={wallet.account.lower()}"
            if act == "cancel":
                shop.as_(VOTER).streams.subscribe(shop.asset.did, 2, time="30 days")
            else:
                shop.as_(VOTER).buy(shop.asset.did, 3, as_tokens=True)
        found: ActPage = page(act, {"buy": 0, "subscribe": 2}.get(act), path=paths.get(act, ""))
        return found

    return opened


@pytest.mark.parametrize("act", ["buy", "subscribe", "cancel", "redeem", "flag", "vote", "delegate"])
def test_a_hub_that_lies_is_found_out_before_the_wallet_is_asked(
    shop: Shop, act_page: Callable[[str], ActPage], wallet: Wallet, act: str
) -> None:
    """Last of all the code of the registry is right, but what it lists as the contract of the act is not."""
    here = act_page(act)

    def tried(values: dict[str, str], words: str) -> None:
        with here.lying(**values):
            if act in FORMS:
                here.fill(**FORMS[act])
                here.press("Go on")
            here.says(words)
        assert not wallet.asked, values

    for values, words in _lies(shop, act):
        tried(values, words)
    if act in SPENDERS:
        entry, name = SPENDERS[act]
        thief = dev_signer(STRANGER).address[2:].lower()
        deployed, dao = shop.author.deployment, shop.author.governance.dao
        own = str(getattr(deployed if hasattr(deployed, entry) else dao, entry))[2:].lower()
        listed = shop.author.assets.functions.contracts()._encode_transaction_data()

        def call(params: list[Any]) -> Any:
            answer = shop.node.rpc("eth_call", *params)
            return answer.replace(own, thief) if params[0]["data"] == listed else answer

        wallet.lies["eth_call"] = call
        tried({}, f"is not that of {name}")


def test_an_item_that_nobody_minted_is_bought_by_what_its_collection_lists(
    shop: Shop, page: Any, wallet: Wallet
) -> None:
    drafts = [Draft(name=f"Heron {number}", type="dataset", license="MIT") for number in range(5)]
    month = Licence.period("month", days=30, price="2.5 USD")
    herons = shop.author.publish_collection(drafts, name="Herons", licences=[month], royalty_bps=500)
    item, proof = herons.item(3), ".".join(f"{7:064x}" for _ in range(3))
    other = shop.author.collections.prove(herons.item(2))
    digest, listed = f"0x{other.listed.digest.hex()}", ".".join(one.hex() for one in other.listed.proof)
    path = f"/a/{item.asset_id}"
    for told in (
        {"proof": proof},
        {"proof": ""},
        {"digest": digest},
        {"digest": digest, "proof": listed},
        {"digest": digest + listed},
    ):
        here = page("buy", 0, path=path)
        here.lie(**told)
        here.open()
        here.says("shows another document of asset")
    here = page("buy", 0, path=path)
    here.lie(name="Heron 2")
    here.open()
    here.says("its document says")
    assert not wallet.asked
    here = page("buy", 0, path=path)
    here.open()
    here.says("Nothing is signed yet")
    assert "Buy “month”" in here.text and "Heron 3 (asset" in here.text
    here.press("Sign in the wallet")
    here.says("You have access until")
    assert shop.as_(BUYER).has_access(item) and not shop.as_(BUYER).has_access(herons.item(2))


def _usd(shop: Shop) -> str:
    return next(str(one.address) for one in shop.author.tokens if one.symbol == "USD")


# --- The wallet's own faults ---------------------------------------------------------------------


def test_a_wallet_with_a_name_of_script_is_shown_as_text(browser: Chromium, shop: Shop, page: Any) -> None:
    name = "<img src=x onerror=window.hacked=1>"
    with injected(browser, Wallet(at(shop.node.url), dev_signer(BUYER).address), name=name, icon="javascript:1"):
        here = page("buy", 0)
        here.open()
        here.says("Nothing is signed yet")
        assert name in here.text and browser.evaluate("typeof window.hacked") == "undefined"


def test_what_a_wallet_answers_is_checked(shop: Shop, page: Any, wallet: Wallet) -> None:
    wallet.lies["eth_signTypedData_v4"] = lambda _: "0x1234"
    here = page("buy", 0)
    here.open()
    here.press("Sign in the wallet")
    here.says("no signature of a key")
    wallet.lies = {"eth_signTypedData_v4": lambda _: "0x" + "11" * 64 + "1b"}
    here.press("Begin again")
    here.press("Sign in the wallet")
    here.says("The contract refuses")
    assert wallet.signed == ["eth_signTypedData_v4"] * 2


# --- The script itself ---------------------------------------------------------------------------


def test_it_knows_the_contracts_of_this_release_and_is_the_file_that_pages_name() -> None:
    """Run scripts/_toolchain/wallet_script.py after a change of a contract or of the script."""
    spec = importlib.util.spec_from_file_location("wallet_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    script = made.SCRIPT.read_text(encoding="utf-8")
    assert made.with_known(script) == script
    assert made.digest(script.encode("utf-8")) == DIGEST
    assert len(script.encode("utf-8")) < made.MOST
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?://", script)


def test_a_script_that_neither_the_package_nor_the_dao_names_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wallet_script.check(shop.url, frozenset()).sent == DIGEST
    other = "sha256-" + "A" * 43 + "="
    monkeypatch.setattr(wallet_script, "DIGEST", other)
    with pytest.raises(Unverified, match="neither this package's nor one that the DAO adopted"):
        wallet_script.check(shop.url, frozenset())
    assert wallet_script.check(shop.url, frozenset({DIGEST})).named == DIGEST, "of another release, and adopted"
    monkeypatch.setattr(wallet_script, "digest_of", lambda data: other)
    with pytest.raises(Unverified, match="its pages name sha256-"):
        wallet_script.check(shop.url, frozenset({DIGEST, other}))


def test_its_calldata_is_that_of_the_library(browser: Chromium, shop: Shop) -> None:
    browser.open(shop.url)
    words = [1, 2**255 + 7, "0x" + "ab" * 20, 3, 2**256 - 1, "0x" + "cd" * 32]
    permit = ["0x" + "ef" * 20, 5, 6, 27, "0x" + "01" * 32, "0x" + "02" * 32]
    cases: list[tuple[str, str, list[Any]]] = [
        ("Marketplace", "buyAccessWithPermit", [words, permit]),
        ("Streams", "subscribe", [words]),
        ("RegistryGovernor", "castVoteWithReason", [2**200, 1, {"text": "Grüße \U0001f427 " * 9}]),
        ("RegistryGovernor", "castVoteWithReason", [2**200, 1, {"text": "x" * 32}]),
        ("RegistryGovernor", "castVoteWithReason", [2**200, 1, {"text": ""}]),
        ("AssetRegistry", "redeem", [1, 2, 3, "0x" + "ab" * 20]),
        ("Curation", "flag", [1, "0x" + "cd" * 32, "0x" + "ab" * 20, 10**18]),
        ("RegistryToken", "delegate", ["0x" + "ab" * 20]),
    ]
    static = browser.evaluate("document.querySelector('link[rel=stylesheet]').getAttribute('href')").rpartition("/")[0]
    for contract, name, values in cases:
        entry = next(one for one in artifact(contract).abi if one.get("name") == name and one["type"] == "function")
        signature = signature_of(entry)
        kinds = re.findall(r"\([^()]*\)|[^,()]+", signature.partition("(")[2][:-1])
        data = encode(kinds, [_plain(one) for one in values]).hex()
        script = f"import('{static}/wallet.js').then(m => m.encode('{name}', ...{_script(values)}))"
        assert browser.evaluate(script)[10:] == data, signature


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_plain(one) for one in value)
    if isinstance(value, dict):
        return value["text"]
    return bytes.fromhex(value[2:]) if isinstance(value, str) and len(value) == 66 else value


def _script(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_script, value))}]"
    return f"{value}n" if isinstance(value, int) else json.dumps(value)


# --- What one says -------------------------------------------------------------------------------

# A page that was loaded anew has forgotten what was set before, and is there to be read only when it is complete.
ANEW = "(!window.before && document.readyState == 'complete')"


def _say(browser: Chromium, shop: Shop, kind: str, **fields: str) -> str:
    """Fill in a form of the page of comments, and sign; returns what stands beside its button then."""
    browser.open(f"{shop.url}/a/{shop.asset.did.asset_id}/talk")
    form = f"form[data-say={kind}]"
    browser.until(f"document.querySelector('{form}:not([hidden])')", seconds=40)
    for name, value in fields.items():
        browser.evaluate(f"document.querySelector('{form}').elements.{name}.value = {json.dumps(value)}")
    browser.evaluate(f"window.before = true; document.querySelector('{form} button').click()")
    status = f"document.querySelector('{form} [role=status]')?.innerText"
    browser.until(f"{ANEW} || /refused|may not|declined|No wallet|on chain/i.test({status})", seconds=40)
    return str(browser.evaluate(f"window.before ? {status} : ''"))


def _answer(browser: Chromium, shop: Shop, text: str) -> None:
    """Answer the first comment of the page where it stands."""
    browser.open(f"{shop.url}/a/{shop.asset.did.asset_id}/talk")
    browser.until("document.querySelector('form[data-say=comment]:not([hidden])')", seconds=40)
    browser.evaluate("document.querySelector('.answer summary').click()")
    form = ".answer form[data-say=comment]"
    browser.until(f"document.querySelector('{form}')")
    browser.evaluate(f"document.querySelector('{form}').elements.text.value = {json.dumps(text)}")
    browser.evaluate(f"window.before = true; document.querySelector('{form} button').click()")
    browser.until(f"{ANEW} && document.body.innerText.includes({json.dumps(text)})", seconds=40)


def _decline(browser: Chromium, shop: Shop) -> str:
    """Decline the one request that waits; returns what still waits."""
    browser.open(f"{shop.url}/mine?account={shop.author.address.lower()}")
    form = "form[data-say=answer]"
    browser.until(f"document.querySelector('{form}:not([hidden])')", seconds=40)
    browser.evaluate(f"window.before = true; document.querySelector('{form} button').click()")
    browser.until(ANEW, seconds=40)
    return str(browser.evaluate("document.querySelector('.inbox')?.innerText ?? ''"))


def test_one_comments_likes_and_asks_by_signatures_alone(browser: Chromium, shop: Shop, wallet: Wallet) -> None:
    buyer = shop.as_(BUYER)
    wallet.account = dev_signer(PASSER_BY).address  # who never bought anything
    assert "may not do that" in _say(browser, shop, "comment", text="It is not mine to say.")
    assert _say(browser, shop, "request", licence="1", use='A "lecture"\n\u00fcber Pinguine \U0001f427.') == ""
    wallet.account = buyer.address
    buyer.buy(shop.asset.did, "commercial")
    wallet.asked.clear()
    text = 'Rows 219 and 271 have no "mass" \\ <b>none</b>.'
    until = time.monotonic() + 40
    while "may not do that" in (told := _say(browser, shop, "comment", text=text)):
        assert time.monotonic() < until, "the hub does not see the purchase"
    assert told == "" and text in browser.evaluate("document.querySelector('.talk').innerText")
    assert _say(browser, shop, "like") == ""
    assert "1 like\n" in browser.evaluate("document.body.innerText")
    assert {method for method, _ in wallet.asked} == {"eth_signTypedData_v4"}, "nothing is sent"
    wallet.declines = {"eth_signTypedData_v4"}
    assert "declined" in _say(browser, shop, "comment", text="No.").lower()
    wallet.declines, wallet.chain = set(), 5
    assert "on chain 5" in _say(browser, shop, "comment", text="No.")
    wallet.chain = None
    wallet.account = shop.author.address
    _answer(browser, shop, "They were too quick.")
    assert _decline(browser, shop) == ""
    talk = shop.author.talk.of(shop.asset.did, hub=shop.url)
    first, second = talk.remarks
    assert (first.said.text, second.said.text) == (text, "They were too quick.") and second.level == 1
    assert [one.answer and one.answer.outcome for one in talk.requests] == ["declined"]
    assert talk.likes == (buyer.address.lower(),)
    assert [one.said.use for one in talk.requests] == ['A "lecture"\n\u00fcber Pinguine \U0001f427.']


def test_an_owner_grants_a_request_in_the_page(browser: Chromium, shop: Shop, page: Any, wallet: Wallet) -> None:
    use = "To compare two classifiers for a thesis."
    made = shop.author.publish(
        None, name="Asked for", type="dataset", license="MIT", licences=[Licence.hold("year", price="90 USD")]
    )
    page("buy", 0, path=f"/a/{made.did.asset_id}")  # the hub knows it
    asked = shop.as_(STRANGER).requests.ask(made.did, "year", use=use, hub=shop.url)
    assert asked.cid
    wallet.account = shop.author.address
    mine, act = f"/mine?account={shop.author.address.lower()}", ".act[data-name='Asked for'] > button"
    for told, words in (
        ({"to": dev_signer(PASSER_BY).address.lower()}, "and the page names"),
        ({"request": "0x" + "11" * 32}, "does not have the request"),
        ({"licence": "7"}, "for something else"),
        ({"digest": "0x" + "11" * 32}, "another document"),
    ):
        here = ActPage(browser, shop.url, mine, act)
        here.lie(**told)
        here.open()
        here.says(words)
    assert not wallet.asked, "a hub that lies is found out before"
    wallet.declines.add("eth_signTypedData_v4")
    here = ActPage(browser, shop.url, mine, act)
    here.open()
    here.says("Nothing is signed yet")
    assert use in here.text and dev_signer(STRANGER).address.lower() in here.text.lower()
    here.press("Sign in the wallet")
    here.says("You declined")
    assert shop.as_(STRANGER).has_access(made.did), "it is given, and not said yet"
    wallet.declines.clear()
    wallet.asked.clear()
    again = ActPage(browser, shop.url, mine, act)
    again.open()
    again.says("Nothing is signed yet")
    assert "has access by now" in again.text
    again.press("Sign in the wallet")
    again.says("It is granted, and said")
    assert wallet.signed == ["eth_signTypedData_v4"], "nothing is given twice"
    (request,) = shop.author.talk.of(made.did, hub=shop.url).requests
    assert request.answer is not None and request.answer.outcome == "granted"


def test_the_selector_that_grants_is_that_of_the_registry() -> None:
    script = (STATIC / "grant_act.js").read_text(encoding="utf-8")
    entry = next(one for one in artifact("AssetRegistry").abi if one.get("name") == "grant")
    assert f'GRANT = "0x{keccak(text=signature_of(entry))[:4].hex()}"' in script
