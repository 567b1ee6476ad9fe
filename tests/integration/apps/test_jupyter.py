"""Widgets in a real JupyterLab, in a real browser, with a wallet that signs on a real node."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import nbformat
import pytest
from chromium import Chromium
from injected_wallet import Wallet, at, injected

from registry.chain.signers import dev_signer
from registry.ipfs.importer import compute_cid

from .support import BUYER, STRANGER, Market, free_port

MANAGER = "@jupyter-widgets/jupyterlab-manager"


@pytest.fixture(scope="module")
def address(market: Market) -> str:
    """JupyterLab, which saves the state of widgets with notebooks."""
    settings = market.folder / "settings"
    place = settings / MANAGER
    place.mkdir(parents=True)
    (place / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    (market.folder / "notes").mkdir()
    port = free_port()
    options = ("--no-browser", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={market.folder / 'notes'}")
    options += ("--IdentityProvider.token=", "--allow-root", "--expose-app-in-browser", "--LabApp.news_url=")
    quiet = {"JUPYTERLAB_SETTINGS_DIR": str(settings), "BROWSER": "true"}  # a program that opens nothing
    return market.serve("-m", "jupyterlab", *options, port=port, ready="/api", **quiet)


@pytest.fixture(scope="module")
def signer(browser: Chromium, market: Market) -> Iterator[Wallet]:
    browser.look(1_200, 900)
    with injected(browser, Wallet(at(market.node.url), dev_signer(BUYER).address)) as made:
        yield made


@pytest.fixture(scope="module")
def lab(browser: Chromium, address: str, signer: Wallet) -> Chromium:
    browser.open(f"{address}/lab", seconds=120)
    browser.until("globalThis.jupyterapp", seconds=90)
    browser.evaluate("jupyterapp.restored.then(() => 1)", seconds=90)
    return browser


@pytest.fixture
def wallet(signer: Wallet) -> Wallet:
    signer.account = dev_signer(BUYER).address
    signer.chain = None
    for kept in (signer.declines, signer.asked, signer.methods, signer.lies):
        kept.clear()
    return signer


OPEN = """
(async () => {
  window.panel = await jupyterapp.commands.execute('docmanager:open', TOLD);
  await panel.context.ready;
  jupyterapp.shell.activateById(panel.id);
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
})()
"""


class Note:
    """A notebook with cells, all of which run; its widgets are pressed as a reader does."""

    def __init__(self, lab: Chromium, market: Market, name: str, *cells: str) -> None:
        self._lab, self.path = lab, market.folder / "notes" / f"{name}.ipynb"
        note = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        note.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(note, self.path)
        told = {"path": self.path.name, "factory": "Notebook", "kernel": {"name": "python3"}}
        lab.evaluate(OPEN.replace("TOLD", json.dumps(told)), seconds=90)

    def run(self) -> None:
        """Run all cells, and do not wait."""
        self._lab.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")

    @property
    def text(self) -> str:
        return str(self._lab.evaluate("panel.node.innerText"))

    def says(self, words: str, *, seconds: float = 60) -> None:
        found = f"panel.node.innerText.includes({json.dumps(words)})"
        try:
            self._lab.until(found, seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in {self.text!r}; {self._lab.said}") from None

    def press(self, words: str) -> None:
        buttons = "[...document.querySelectorAll('.registry-part button, .act-box button')]"
        found = f"{buttons}.find(b => b.innerText.startsWith({json.dumps(words)}) && !b.disabled)"
        try:
            self._lab.until(f"(found => found && (found.click(), true))({found})", seconds=60)
        except AssertionError:
            raise AssertionError(f"no button {words!r} in {self.text!r}; {self._lab.said}") from None

    def type(self, name: str, text: str) -> None:
        field = f"document.querySelector('.registry-part [name={name}]')"
        value = f"found.value = {json.dumps(text)}, found.dispatchEvent(new Event('input')), true"
        try:
            self._lab.until(f"(found => found && ({value}))({field})", seconds=60)
        except AssertionError:
            raise AssertionError(f"no field {name!r} in {self.text!r}; {self._lab.said}") from None

    def dialog(self, words: str) -> None:
        said = "document.querySelector('.act-box')?.innerText ?? ''"
        try:
            self._lab.until(f"({said}).includes({json.dumps(words)})", seconds=60)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in {self._lab.evaluate(said)!r}") from None

    def tell(self, event: str, value: object) -> None:
        self._lab.evaluate(f"tellWallet({json.dumps(event)}, {json.dumps(value)})")

    def saved(self) -> str:
        self._lab.evaluate("panel.context.save().then(() => 1)")
        return self.path.read_text()

    def restart(self) -> None:
        self._lab.evaluate("panel.sessionContext.restartKernel().then(() => 1)", seconds=90)

    def close(self) -> None:
        self._lab.evaluate(
            "(async () => { if (panel.isDisposed) return; await panel.context.save(); "
            "await panel.sessionContext.shutdown(); panel.dispose(); })()"
        )


@pytest.fixture
def note(
    lab: Chromium, market: Market, wallet: Wallet, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Note]]:
    made: list[Note] = []

    def opened(*cells: str) -> Note:
        made.append(Note(lab, market, request.node.name, *cells))
        made[-1].run()
        return made[-1]

    yield opened
    for one in made:
        one.close()


LOGIN = "from registry.apps.logging_in import login\nme = login()\nprint('I am', me.address)"
WAITED = """
from time import sleep
from IPython.display import display
from registry.apps.notebook import SignIn
me = SignIn()
display(me)
while me.account is None:
    sleep(0.1)
"""
SIGN_IN = "from registry.apps.notebook import SignIn\nme = SignIn()\nme"


def test_without_a_wallet_it_says_so_and_a_login_goes_on_by_a_link(lab: Chromium, note: Callable[..., Note]) -> None:
    unheard = "window.dispatchEvent = (event) => event.type.startsWith('eip6963') || honest.call(window, event)"
    lab.evaluate(f"void (window.honest = window.dispatchEvent, {unheard})")
    here = note(SIGN_IN)
    here.press("Sign in with a wallet")
    here.says("There is no wallet in this browser")
    here.close()
    here = note(LOGIN)
    here.press("Sign in with a wallet")
    here.says("Open this in the browser that has your wallet: http://127.0.0.1:")
    lab.evaluate("void delete window.dispatchEvent")


def test_a_cell_waits_for_the_wallet_and_later_cells_ask_it_again(
    note: Callable[..., Note], wallet: Wallet, market: Market
) -> None:
    market.person(BUYER).buy(market.sealed.did, "research")
    here = note(LOGIN, f"print(me.open({str(market.sealed.did)!r}, 'penguins.csv').read())")
    here.press("Sign in with a wallet")
    here.says(f"I am {wallet.account}")
    here.press("Sign in the wallet")
    here.says("Adelie")
    assert wallet.signed == ["personal_sign"] * 2
    saved = here.saved()
    assert '"told"' in saved, "the state of widgets is saved"
    for _, params in wallet.asked:
        signature = dev_signer(BUYER).sign_text(bytes.fromhex(params[0][2:])).hex()
        assert signature not in saved and "Nonce" not in saved, "and what was signed, and how, is not in it"
    here.restart()
    here.run()
    here.press("Sign in with a wallet")
    here.says(f"I am {wallet.account}")


def test_every_way_to_fail_is_said_and_one_may_begin_again(note: Callable[..., Note], wallet: Wallet) -> None:
    here = note(SIGN_IN)
    theirs = dev_signer(STRANGER)
    wallet.lies["personal_sign"] = lambda params: "0x" + theirs.sign_text(bytes.fromhex(params[0][2:])).hex()
    here.press("Sign in with a wallet")
    here.says(f"the signature is not that of {wallet.account}")
    wallet.lies.clear()
    wallet.declines.add("personal_sign")
    here.press("Sign in with a wallet")
    here.says("You declined in the wallet")
    wallet.declines.clear()
    wallet.chain = 5
    here.press("Sign in with a wallet")
    here.says("The wallet is on chain 5, this app on chain 1337")
    here.press("Switch to chain 1337")
    here.says(f"Signed in as {wallet.account}")
    wallet.account = theirs.address
    here.tell("accountsChanged", [theirs.address])
    here.says(f"The wallet is at {theirs.address} now")


def test_a_licence_and_a_stream_are_taken_in_the_wallet(
    note: Callable[..., Note], wallet: Wallet, market: Market
) -> None:
    did = str(market.asset.did)
    taken = f"from registry.apps.notebook import Subscribe, Take\ntake = Take(me, {did!r}, 'commercial')\ntake"
    here = note(WAITED, taken, f"Subscribe(me, {did!r})")
    here.press("Sign in with a wallet")
    here.press("Buy 'commercial': 12.5 USD")
    here.dialog("30 days of access")
    here.press("Sign in the wallet")
    here.dialog("You have access until")
    here.press("Close")
    assert wallet.signed == ["personal_sign", "eth_signTypedData_v4", "eth_sendTransaction"]
    assert market.person(BUYER).has_access(market.asset.did)
    here.press("Subscribe to 'by the second'")
    here.press("Go on")
    here.dialog("the rest is paid back")
    here.press("Not now")


def test_one_looks_for_assets_narrows_down_and_buys(
    note: Callable[..., Note], wallet: Wallet, market: Market, lab: Chromium
) -> None:
    here = note(WAITED, "from registry.apps.notebook_forms import Browse\nbrowse = Browse(me)\nbrowse")
    here.press("Sign in with a wallet")
    here.type("text", "penguins")
    here.type("type", "dataset")
    here.press("Search")
    here.says("2 found.")
    here.press("Sealed penguins")
    here.says("Its content is encrypted, and opened by those with access alone.")
    here.type("format", "csv")
    here.type("only", "paid")
    here.press("Search")
    here.says("1 found.")
    here.press("Palmer penguins")
    here.says("penguins.csv, 25 bytes")
    here.says("penguins.csv: 2 columns, the first 1 of 1 rows")
    here.says("5076")
    here.press("Take 'research'")
    here.press("Sign in the wallet")
    here.dialog("You have access")
    here.press("Close")
    assert market.person(BUYER).holding(market.asset.did, "research").active
    here.type("price", "twenty")
    here.press("Search")
    here.says("twenty")


def test_a_file_comes_into_the_store_and_a_folder_is_published(
    note: Callable[..., Note], market: Market, lab: Chromium, wallet: Wallet
) -> None:
    file = market.folder / "salary of ada.csv"
    file.write_bytes(b"species,mass\nChinstrap,3733\n")
    cid = compute_cid(file)
    forms = "from registry.apps.notebook_forms import Publish, Upload\nupload = Upload()\nupload"
    here = note(WAITED, forms, f"publish = Publish({str(market.folder / 'penguins.csv')!r}, me)\npublish")
    here.press("Sign in with a wallet")
    here.says("What is sold, one a line", seconds=240)
    lab.give("document.querySelector('.registry-part input[type=file]')", file)
    here.says("28 bytes, text/plain. Whoever knows this CID may read it. Its name is not kept.")
    here.press("Store it")
    here.says("Stored.")
    assert market.author.store.has(cid)
    here.press("Look")
    here.says("The field 'name' is empty")
    here.type("name", "Penguins of a form")
    here.type("licences", "commercial: 30 days, 12.5 USD")
    here.press("Look")
    here.says("Press Publish to send it")
    here.type("licences", "commercial: 30 days, 13 USD")
    here.press("Publish")
    here.says("Press Publish to send it")
    here.press("Publish")
    here.press("Publish it in the wallet")
    here.dialog("Publish “Penguins of a form”")
    here.dialog("30 days of access, for 13 USD")
    here.press("Sign in the wallet")
    here.dialog("It is published as asset")
    here.press("Close")
    here.says("Published as did:nft:")
    (found,) = market.author.search("form")
    assert found.price_text == "13 USD" and found.owner == str(wallet.account).lower()
    assert wallet.signed == ["personal_sign", "eth_sendTransaction"]
    saved = here.saved()
    assert (
        "salary" not in saved and "Chinstrap" not in saved and base64.b64encode(b"Chinstrap")[:8].decode() not in saved
    )
