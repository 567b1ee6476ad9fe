"""Apps in a real Streamlit, in a real browser, with a wallet that signs on a real node."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import Chromium
from injected_wallet import Wallet, at, injected

from registry.chain.signers import dev_signer
from registry.ipfs.importer import compute_cid
from registry.ipfs.local_store import LocalStore

from .page import Page
from .support import AUTHOR, BUYER, STRANGER, Market, free_port

APP = """
import streamlit as st
from registry.apps.streamlit import buy, gate, open_asset, run_compute, sign_in, store_on_ipfs

page = st.query_params.get("page")
if page == "docs":
    exec(DOCS)
    st.stop()
account = sign_in()
st.write(f"account: {account}")
if page == "buy":
    held = buy(ASSET, st.query_params["licence"])
    st.write(f"held: {held.active if held else held}")
elif page == "open":
    file = open_asset(SEALED, "penguins.csv")
    st.write(f"read: {file.read() if file else None}")
elif page == "store":
    file = store_on_ipfs(most=1_000, kept="We keep it for a year.")
    st.write(f"stored: {file.url if file else None}")
elif page == "run":
    job = run_compute(CODE, RUNS)
    st.write(f"result: {job.open().read().decode() if job else None}")
elif page == "gate":
    st.write("before the gate")
    found = gate(ASSET)
    st.write(f"inside {found.name}")
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def url(market: Market) -> str:
    app = market.folder / "app.py"
    docs = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "apps.md").read_text("utf-8"), re.DOTALL)[0]
    docs = re.sub('"did:[^"]*"', repr(str(market.asset.did)), docs)
    text = APP.replace("ASSET", repr(str(market.asset.did))).replace("SEALED", repr(str(market.sealed.did)))
    offer, code = market.offer_runs()
    text = text.replace("DOCS", repr(docs)).replace("CODE", repr(str(code))).replace("RUNS", repr(str(offer.did)))
    app.write_text(text)
    port = free_port()
    options = ("--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true")
    options += ("--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none")
    return market.serve("-m", "streamlit", "run", str(app), *options, port=port, ready="/_stcore/health")


@pytest.fixture
def wallet(browser: Chromium, market: Market) -> Iterator[Wallet]:
    browser.look(1_200, 900)
    with injected(browser, Wallet(at(market.node.url), dev_signer(BUYER).address)) as made:
        yield made


@pytest.fixture
def visit(browser: Chromium, url: str) -> Callable[[str], Page]:
    return lambda query="": Page(browser, f"{url}/{query}")


def test_one_signs_in_and_out_again(visit: Callable[..., Page], wallet: Wallet) -> None:
    page = visit()
    page.says("account: None")
    page.press("Sign in with a wallet")
    page.says(f"account: {wallet.account}")
    assert wallet.signed == ["personal_sign"]
    asked = bytes.fromhex(wallet.asked[0][1][0][2:]).decode()
    assert asked.startswith("127.0.0.1:") and "wants you to sign in" in asked and wallet.account in asked
    page.press("Sign out")
    page.says("account: None")


@pytest.fixture
def signed_in(visit: Callable[..., Page], wallet: Wallet) -> Callable[[str], Page]:
    def opened(query: str) -> Page:
        page = visit(query)
        page.press("Sign in with a wallet")
        page.says(f"account: {wallet.account}")
        wallet.asked.clear()
        return page

    return opened


def test_whose_signature_is_anothers_is_nobody(visit: Callable[..., Page], wallet: Wallet, market: Market) -> None:
    theirs = dev_signer(STRANGER)
    wallet.lies["personal_sign"] = lambda params: "0x" + theirs.sign_text(bytes.fromhex(params[0][2:])).hex()
    page = visit()
    page.press("Sign in with a wallet")
    page.says(f"the signature is not that of {wallet.account}")
    assert "account: None" in page.text


def test_who_declines_is_told_so_and_may_begin_again(visit: Callable[..., Page], wallet: Wallet) -> None:
    wallet.declines.add("personal_sign")
    page = visit()
    page.press("Sign in with a wallet")
    page.says("You declined in the wallet")
    wallet.declines.clear()
    page.press("Sign in with a wallet")
    page.says(f"account: {wallet.account}")


def test_without_a_wallet_it_says_so(visit: Callable[..., Page]) -> None:
    page = visit()
    page.press("Sign in with a wallet")
    page.says("There is no wallet in this browser")
    assert "account: None" in page.text


def test_on_another_chain_it_offers_to_switch(visit: Callable[..., Page], wallet: Wallet) -> None:
    wallet.chain = 5
    page = visit()
    page.press("Sign in with a wallet")
    page.says("The wallet is on chain 5, this app on chain 1337")
    assert not wallet.signed
    page.press("Switch to chain 1337")
    page.says(f"account: {wallet.account}")


def test_who_changes_account_in_the_wallet_is_signed_out(
    browser: Chromium, signed_in: Callable[..., Page], wallet: Wallet
) -> None:
    page = signed_in("?page=buy&licence=commercial")
    page.says("Buy 'commercial'")
    wallet.account = dev_signer(STRANGER).address
    browser.evaluate(f"tellWallet('accountsChanged', [{json.dumps(wallet.account)}])")
    page.says(f"The wallet is at {wallet.account} now")
    page.lacks("Buy 'commercial'")
    assert "account: None" in page.text


def test_a_gate_lets_in_who_bought_and_nobody_else(signed_in: Callable[..., Page], visit: Callable[..., Page]) -> None:
    stranger = visit("?page=gate")
    stranger.says("Sign in to see what is for those with access to 'Palmer penguins'")
    assert "before the gate" in stranger.text and "inside" not in stranger.text
    page = signed_in("?page=gate")
    page.says("This needs access to 'Palmer penguins'")
    assert "inside" not in page.text
    page.press("Take 'research'")
    page.says("Nothing is signed yet")
    assert "Palmer penguins (asset" in page.text, "the document came along, and is proven by its digest"
    page.press("Sign in the wallet")
    page.says("You have access")
    page.press("Close")
    page.says("inside Palmer penguins")


def test_one_buys_in_words_with_a_permit_and_a_transaction(
    signed_in: Callable[..., Page], wallet: Wallet, market: Market
) -> None:
    page = signed_in("?page=buy&licence=commercial")
    page.says("held: False")
    page.press("Buy 'commercial': 12.5 USD")
    page.says("Nothing is signed yet")
    assert "30 days of access" in page.text and wallet.account.lower() in page.text.lower() and not wallet.signed
    page.press("Sign in the wallet")
    page.says("You have access until")
    assert wallet.signed == ["eth_signTypedData_v4", "eth_sendTransaction"]
    page.press("Close")
    page.says("held: True")
    assert market.person(BUYER).has_access(market.asset.did)


def test_one_who_signed_in_buys_with_no_other_account(signed_in: Callable[..., Page], wallet: Wallet) -> None:
    page = signed_in("?page=buy&licence=by%20the%20second")
    page.says("Subscribe to 'by the second'")
    wallet.account = dev_signer(STRANGER).address  # and the wallet tells no page
    page.press("Subscribe to")
    page.press("Go on")
    page.says(f"The wallet is at {wallet.account}, and you signed in as")
    assert not wallet.signed


def test_gated_content_is_opened_by_the_visitors_own_signature(
    signed_in: Callable[..., Page], wallet: Wallet, market: Market
) -> None:
    page = signed_in("?page=open")
    page.says("wants you to sign in")
    assert "read: None" in page.text and not wallet.signed, "it is read before the wallet is asked"
    page.press("Sign in the wallet")
    page.says("it holds no licence that is valid now")
    market.person(BUYER).buy(market.sealed.did, "research")
    page = signed_in("?page=open")
    for _ in range(3):  # again, where the gateway has not seen the purchase yet
        page.press("Sign in the wallet")
        page.says("read: ")
        with contextlib.suppress(AssertionError):
            page.says("Adelie", seconds=10)
            break
    page.says("Adelie")
    assert set(wallet.signed) == {"personal_sign"}
    assert not list((market.home / "keys").glob("*")), "the visitor's key was in memory alone"


def test_a_visitors_file_is_stored_by_its_cid_and_without_its_name(
    signed_in: Callable[..., Page], visit: Callable[..., Page], market: Market
) -> None:
    file = market.folder / "salary of ada.csv"
    file.write_bytes(b"species,mass\nChinstrap,3733\n")
    cid = compute_cid(file)
    stranger = visit("?page=store")
    stranger.says("Sign in to store a file")
    stranger.says("stored: None")
    page = signed_in("?page=store")
    page.give(file)
    page.says(str(cid))
    page.says(
        "28 bytes, text/plain. Whoever knows this CID may read it, for ever. Its name is not kept. We keep it for"
    )
    assert not market.author.store.has(cid), "nothing is stored before the button is pressed"
    page.press("Store it")
    page.says(f"stored: ipfs://{cid}")
    store = market.author.store
    assert isinstance(store, LocalStore)
    assert [pin.name for pin in store.pins() if pin.cid == cid] == ["stored by a visitor of an app"]
    file.write_bytes(bytes(1_001))
    page = signed_in("?page=store")
    page.give(file)
    page.says("The file has 1,001 bytes")
    page.says("stored: None")


def test_a_visitors_wallet_orders_a_job_on_data_that_stay_and_the_app_shows_what_came_out(
    signed_in: Callable[..., Page], wallet: Wallet, market: Market
) -> None:
    page = signed_in("?page=run")
    page.says("result: None")
    assert not wallet.asked, "nothing is asked before the button is pressed"
    page.press("Run it on 'Ward 7'")
    for told in ("Receipt", "ComputeJob", "Ask for a job."):
        page.says(told, seconds=60)
        page.press("Sign in the wallet")
    page.says("result: 2 patients", seconds=90)
    assert wallet.signed == ["eth_signTypedData_v4", "eth_signTypedData_v4", "personal_sign"]
    assert not list((market.home / "orders").glob("*")), "the visitor's order was in memory alone"


def test_who_holds_no_runs_is_shown_what_they_cost_and_signs_nothing(
    signed_in: Callable[..., Page], wallet: Wallet
) -> None:
    wallet.account = dev_signer(STRANGER).address
    page = signed_in("?page=run")
    page.says("Runs on 'Ward 7' need a licence")
    page.says("Buy 'runs': 3 USD")
    assert "Run it on" not in page.text and not wallet.asked


def test_the_app_of_the_manual_shows_its_table_to_who_has_access(
    visit: Callable[..., Page], wallet: Wallet, market: Market
) -> None:
    wallet.account = dev_signer(AUTHOR).address
    page = visit("?page=docs")
    page.press("Sign in with a wallet")
    page.says("Only those with access see this")
    assert bytes.fromhex(wallet.asked[0][1][0][2:]).startswith(b"penguins.example wants you to sign in")
