"""Widgets in a real JupyterLab, in a real browser, with a wallet that signs on a real node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import nbformat
import pytest
from chromium import Chromium
from injected_wallet import Wallet, at, injected

from registry.chain.signers import dev_signer

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
    return market.serve("-m", "jupyterlab", *options, port=port, ready="/api", JUPYTERLAB_SETTINGS_DIR=str(settings))


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
            "(async () => { await panel.context.save(); await panel.sessionContext.shutdown(); panel.dispose(); })()"
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


def test_without_a_wallet_it_says_so(lab: Chromium, note: Callable[..., Note]) -> None:
    unheard = "window.dispatchEvent = (event) => event.type.startsWith('eip6963') || honest.call(window, event)"
    lab.evaluate(f"void (window.honest = window.dispatchEvent, {unheard})")
    here = note(SIGN_IN)
    here.press("Sign in with a wallet")
    here.says("There is no wallet in this browser")
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
