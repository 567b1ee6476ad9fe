"""Apps in a real Gradio, in a real browser, with a wallet that signs on a real node. In an environment of its own."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from chromium import Chromium
from gradio_client import Client
from gradio_client.exceptions import AppError
from injected_wallet import Wallet, at, injected
from integration.apps.page import Page
from integration.apps.support import AUTHOR, BUYER, STRANGER, Market, free_port
from integration.sandbox.wheels import installed_lock, lay_installed

from registry.chain.signers import dev_signer
from registry.ipfs.importer import compute_cid
from registry.ipfs.local_store import LocalStore
from registry.sandbox.runs.lock import LOCK_FILE

APP = """
import gradio as gr
from registry.apps.gradio import buy, gate, open_asset, run_compute, sign_in, store_on_ipfs

with gr.Blocks() as app:
    visitor = sign_in()
    who = gr.Textbox("account: None", show_label=False)
    visitor.change(lambda: f"account: {visitor.value()}", None, who)
    gr.Button("Who").click(lambda: f"asked: {visitor.value()}", None, gr.Textbox(), api_name="who", queue=False)
    held = buy(ASSET, "commercial")
    buy(ASSET, "by the second")
    file = open_asset(SEALED, "penguins.csv")
    read = gr.Textbox("read: nothing", show_label=False)
    file.change(lambda: f"read: {file.value().read() if file.value() else None}", None, read)
    job = run_compute(CODE, RUNS)
    mean = gr.Textbox("came out: nothing", show_label=False)
    job.change(lambda: f"came out: {job.value().open().read() if job.value() else None}", None, mean)
    stored = store_on_ipfs(most=1_000, kept="We keep it for a year.")
    kept = gr.Textbox("stored: nothing", show_label=False)
    stored.change(lambda: f"stored: {stored.value().url if stored.value() else None}", None, kept)

    @gate(ASSET)
    def members():
        return "members: you are one"

    @gate(ASSET)
    def steps():
        yield "members: step by step"

    gr.Button("Compute").click(members, None, told := gr.Textbox(show_label=False), api_name="members")
    gr.Button("Step").click(steps, None, told, api_name="steps")

    @gr.render(triggers=[app.load, visitor.change])
    @gate(ASSET)
    def inside():
        gr.Textbox("inside the gate", show_label=False)


app.launch(server_name="127.0.0.1", server_port=PORT, quiet=True)
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def url(market: Market) -> str:
    port = free_port()
    text = APP.replace("ASSET", repr(str(market.asset.did))).replace("SEALED", repr(str(market.sealed.did)))
    offer, code = market.offer_runs()
    text = text.replace("CODE", repr(str(code))).replace("RUNS", repr(str(offer.did)))
    (market.folder / "app.py").write_text(text.replace("PORT", str(port)))
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(market.folder / "gradio")}
    return market.serve(str(market.folder / "app.py"), port=port, **quiet)


def holds(browser: Chromium, words: str) -> None:
    """A field of the page has it, whose text is no text of the page."""
    fields = "[...document.querySelectorAll('textarea, input')].map(e => e.value)"
    try:
        browser.until(f"{fields}.some(e => e.includes({json.dumps(words)}))", seconds=90)
    except AssertionError:
        raise AssertionError(f"{words!r} is not in {browser.evaluate(fields)}") from None


@pytest.fixture
def wallet(browser: Chromium, market: Market) -> Iterator[Wallet]:
    with injected(browser, Wallet(at(market.node.url), dev_signer(BUYER).address)) as made:
        yield made


@pytest.fixture
def visit(browser: Chromium, url: str) -> Callable[[], Page]:
    browser.look(1_200, 1_400)
    return lambda: Page(browser, url)


@pytest.fixture
def page(visit: Callable[[], Page], wallet: Wallet) -> Page:
    """Of somebody who signed in."""
    opened = visit()
    opened.press("Sign in with a wallet")
    opened.says(f"Signed in as {wallet.account}")
    wallet.asked.clear()
    return opened


def test_without_a_wallet_it_says_so(visit: Callable[[], Page]) -> None:
    page = visit()
    page.press("Sign in with a wallet")
    page.says("There is no wallet in this browser")


def test_every_way_to_fail_is_said_and_one_may_begin_again(
    browser: Chromium, visit: Callable[[], Page], wallet: Wallet
) -> None:
    page, theirs = visit(), dev_signer(STRANGER)
    wallet.lies["personal_sign"] = lambda params: "0x" + theirs.sign_text(bytes.fromhex(params[0][2:])).hex()
    page.press("Sign in with a wallet")
    page.says(f"the signature is not that of {wallet.account}")
    wallet.lies.clear()
    wallet.declines.add("personal_sign")
    page.press("Sign in with a wallet")
    page.says("You declined in the wallet")
    wallet.declines.clear()
    wallet.chain = 5
    page.press("Sign in with a wallet")
    page.says("The wallet is on chain 5, this app on chain 1337")
    page.press("Switch to chain 1337")
    page.says(f"Signed in as {wallet.account}")
    asked = bytes.fromhex(wallet.asked[0][1][0][2:]).decode()
    assert asked.startswith("127.0.0.1:") and "wants you to sign in" in asked
    wallet.account = theirs.address
    browser.evaluate(f"tellWallet('accountsChanged', [{json.dumps(theirs.address)}])")
    page.says(f"The wallet is at {theirs.address} now")
    page.lacks("Buy 'commercial'")


def test_who_knows_the_name_of_a_session_alone_is_nobody_in_it(
    browser: Chromium, page: Page, url: str, wallet: Wallet
) -> None:
    page.press("Who")
    holds(browser, f"asked: {wallet.account}")
    seen = next(one for one in browser.requests if "session_hash=" in one)
    session = parse_qs(urlsplit(seen).query)["session_hash"][0]
    told = httpx.post(f"{url}/gradio_api/run/who", json={"data": [], "session_hash": session}, timeout=30)
    assert told.json()["data"] == ["asked: None"], told.text
    signed = browser.evaluate("JSON.stringify({...localStorage})")
    assert "personal_sign" not in signed and "wants you to sign in" not in signed, "and no run of it is kept"


def test_a_gate_lets_in_who_bought_and_nobody_else(
    browser: Chromium, page: Page, url: str, wallet: Wallet, market: Market
) -> None:
    with pytest.raises(AppError, match="Sign in"):
        Client(url, verbose=False).predict(api_name="/members")
    with pytest.raises(AppError, match="Sign in"):
        Client(url, verbose=False).predict(api_name="/steps")
    page.press("Compute")
    page.says("This needs access to 'Palmer penguins'")
    page.press("Take 'research'")
    page.says("Palmer penguins (asset")
    page.press("Sign in the wallet")
    page.says("You have access")
    page.press("Close")
    page.press("Compute")
    holds(browser, "members: you are one")
    page.press("Step")
    holds(browser, "members: step by step")


def test_one_buys_in_words_and_with_no_other_account(page: Page, wallet: Wallet, market: Market) -> None:
    page.press("Buy 'commercial': 12.5 USD")
    page.says("30 days of access")
    page.press("Sign in the wallet")
    page.says("You have access until")
    page.press("Close")
    assert wallet.signed == ["eth_signTypedData_v4", "eth_sendTransaction"]
    assert market.person(BUYER).holding(market.asset.did, "commercial").active
    wallet.account = dev_signer(STRANGER).address  # and the wallet tells no page
    page.press("Subscribe to")
    page.press("Go on")
    page.says(f"The wallet is at {wallet.account}, and you signed in as")


def test_gated_content_is_opened_by_the_visitors_own_signature(
    browser: Chromium, page: Page, wallet: Wallet, market: Market
) -> None:
    market.person(BUYER).buy(market.sealed.did, "research")
    for _ in range(3):  # again, where the gateway has not seen the purchase yet
        page.press("Open penguins.csv")
        page.says("wants you to sign in")
        page.press("Sign in the wallet")
        with contextlib.suppress(AssertionError):
            page.says("Opened.", seconds=10)
            break
    holds(browser, "Adelie")
    assert set(wallet.signed) == {"personal_sign"}
    assert not list((market.home / "keys").glob("*")), "the visitor's key was in memory alone"


def test_a_visitor_has_code_run_on_data_that_stay_and_sees_what_came_out(
    browser: Chromium, page: Page, wallet: Wallet, market: Market
) -> None:
    page.press("Run it on 'Ward 7'")
    for told in ("Receipt", "ComputeJob", "Ask for a job."):
        page.says(told, seconds=60)
        page.press("Sign in the wallet")
    page.says("The job is delivered.", seconds=90)
    holds(browser, "came out: b'2 patients")
    assert wallet.signed == ["eth_signTypedData_v4", "eth_signTypedData_v4", "personal_sign"]
    assert not list((market.home / "keys").glob("*")), "the key of the result was in memory alone"


def test_a_visitors_file_is_stored_by_its_cid_and_its_name_stays_in_the_browser(
    browser: Chromium, page: Page, market: Market
) -> None:
    file = market.folder / "salary of ada.csv"
    file.write_bytes(b"species,mass\nChinstrap,3733\n")
    cid, store = compute_cid(file), market.author.store
    assert isinstance(store, LocalStore)
    page.give(file)
    page.says(str(cid))
    page.says(
        "28 bytes, text/plain. Whoever knows this CID may read it, for ever. Its name is not kept. We keep it for"
    )
    assert not store.has(cid), "nothing is stored before the button is pressed"
    page.press("Store it")
    page.says("Stored.")
    assert [pin.name for pin in store.pins() if pin.cid == cid] == ["stored by a visitor of an app"]
    holds(browser, f"stored: ipfs://{cid}")
    assert not [path for path in market.folder.rglob("*") if "salary" in path.name and path != file]
    file.write_bytes(bytes(1_001))
    page.give(file)
    page.says("The file has 1,001 bytes")


def test_the_app_of_the_manual_shows_its_table_to_who_has_access(
    browser: Chromium, wallet: Wallet, market: Market
) -> None:
    docs = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "apps.md").read_text("utf-8"), re.DOTALL)
    text = next(one for one in docs if "gradio" in one)
    text = re.sub('"did:[^"]*"', repr(str(market.asset.did)), text).replace("app.launch()", "")
    port = free_port()
    (market.folder / "docs.py").write_text(
        f"{text}\napp.launch(server_name='127.0.0.1', server_port={port}, quiet=True)"
    )
    address = market.serve(str(market.folder / "docs.py"), port=port, GRADIO_ANALYTICS_ENABLED="False")
    wallet.account = dev_signer(AUTHOR).address
    page = Page(browser, address)
    page.press("Sign in with a wallet")
    page.press("Open penguins.csv")
    page.says("Gentoo")
    assert bytes.fromhex(wallet.asked[0][1][0][2:]).startswith(b"penguins.example wants you to sign in")


# --- As an asset, in the sandbox of whoever looks at it ------------------------------------------

STRANGERS = """
import csv
import os

import gradio as gr

with open(os.environ["REGISTRY_INPUTS"] + "/penguins") as file:
    masses = {row["species"]: row["mass"] for row in csv.DictReader(file)}

with gr.Blocks(title="How heavy?") as app:
    species = gr.Textbox("Gentoo", label="Species")
    mass = gr.Textbox(label="Mass")
    gr.Button("Weigh it").click(lambda name: f"{masses[name]} g", species, mass)
"""


def test_an_app_that_is_an_asset_runs_in_the_sandbox_and_answers_who_presses(
    browser: Chromium, market: Market, tmp_path: Path
) -> None:
    """Gradio itself, which has no network there, through its streams of events, on the data of another asset."""
    author, lock = market.author, installed_lock("gradio")
    lay_installed(lock, author.experiments.workshop.home)
    (tmp_path / "app.py").write_text(STRANGERS)
    (tmp_path / "run.toml").write_text('entry = "app.py"\nserves = "gradio"\n[limits]\nmemory = 2147483648\n')
    (tmp_path / LOCK_FILE).write_bytes(lock.to_bytes())
    did = author.publish(tmp_path, name="How heavy?", type="app", license="MIT").did
    with author.experiments.serve(did, {"penguins": market.asset.did}) as app:
        browser.open(app.url)
        button = "[...document.querySelectorAll('button')].find(b => b.innerText === 'Weigh it')"
        pressed = f"(found => found && (found.click(), true))({button})"
        browser._until(lambda: browser.within(app.origin, pressed) is True, 90)
        fields = "[...document.querySelectorAll('textarea, input')].map(e => e.value).join()"
        browser._until(lambda: "5076 g" in str(browser.within(app.origin, fields)), 90)
