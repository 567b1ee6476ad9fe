"""The sign-in page in a real browser: Chromium with a wallet (EIP-1193) that the test puts into the page."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import NAMES, launch
from skips import INSTALL, program

from registry.chain.signatures import recover, text_digest, typed_digest
from registry.chain.signers import KeySigner
from registry.chain.wallets import BrowserSigner
from registry.errors import SignerError
from registry.gated.protocol import Invitation

OWNER = KeySigner("0x" + "42" * 32)

WALLET = """
window.ethereum = {request: ({method, params}) => new Promise((resolve, reject) => {
  window.wallets = window.wallets || {};
  const id = String(Math.random());
  window.wallets[id] = {resolve, reject};
  window.askWallet(JSON.stringify({id, method, params}));
})};
"""


class Browser:
    """Chromium without a window, by its DevTools protocol. `answer` is what its wallet does."""

    def __init__(self, profile: Path) -> None:
        chromium = program(*NAMES, hint=INSTALL.format(package="chromium"))
        command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        self._process, _, self._socket = launch(command, profile)
        self._number = 0
        self.declines = False
        self.shot: bytes = b""
        self.text = ""
        self.do("Page.enable")
        self.do("Runtime.enable")
        self.do("Runtime.addBinding", name="askWallet")
        self.do("Page.addScriptToEvaluateOnNewDocument", source=WALLET)

    def stop(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(20)

    def send(self, method: str, **params: Any) -> int:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        return self._number

    def do(self, method: str, **params: Any) -> Any:
        number = self.send(method, **params)
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("id") == number:
                return message["result"]

    def show(self, url: str) -> None:
        """Open the page, press its button, and be its wallet, in a thread as a user would beside the program."""
        threading.Thread(target=self._use, args=(url,), daemon=True).start()

    def _use(self, url: str) -> None:
        self.do("Page.navigate", url=url)
        until = time.monotonic() + 20
        while not self.evaluate("document.readyState == 'complete' && !!document.getElementById('go')"):
            assert time.monotonic() < until
            time.sleep(0.05)
        self.text = self.evaluate("document.body.innerText")
        self.shot = base64.b64decode(self.do("Page.captureScreenshot")["data"])
        self.send("Runtime.evaluate", expression="document.getElementById('go').click()")
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("method") == "Runtime.bindingCalled":
                break
        asked = json.loads(message["params"]["payload"])
        outcome, value = self._wallet(asked["method"], asked.get("params", []))
        self.do("Runtime.evaluate", expression=f"wallets[{asked['id']!r}].{outcome}({json.dumps(value)})")

    def evaluate(self, expression: str) -> Any:
        return self.do("Runtime.evaluate", expression=expression)["result"].get("value")

    def _wallet(self, method: str, params: list[Any]) -> tuple[str, Any]:
        if method == "eth_requestAccounts":
            return "resolve", [OWNER.address.lower()]
        if self.declines:
            return "reject", {"code": 4001, "message": "User rejected the request."}
        if method == "personal_sign":
            assert params[1] == OWNER.address
            return "resolve", "0x" + OWNER.sign_text(bytes.fromhex(params[0][2:])).hex()
        assert method == "eth_signTypedData_v4"
        return "resolve", "0x" + OWNER.sign_typed_data(json.loads(params[1])).hex()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.stop()


def test_a_wallet_in_the_browser_signs_in(browser: Browser, tmp_path: Path) -> None:
    signer = BrowserSigner(open=browser.show, seconds=30.0)
    assert signer.address == OWNER.address
    message = b"keys.example wants you to sign in with your Ethereum account:\n</script><b>x</b>"
    assert recover(text_digest(message), signer.sign_text(message)) == OWNER.address
    assert "</script><b>x</b>" in browser.text, "what is signed is shown as it is, and not run"
    (tmp_path / "page.png").write_bytes(browser.shot)
    assert browser.shot[:8] == b"\x89PNG\r\n\x1a\n"


def test_it_signs_typed_data(browser: Browser) -> None:
    signer = BrowserSigner(open=browser.show, seconds=30.0)
    did = "did:nft:eip155:1_erc721:0x" + "ab" * 20 + "_1"
    values = {"did": did, "account": OWNER.address, "from": 1, "until": 2, "nonce": 3}
    message = Invitation.model_validate(values).message()
    assert recover(typed_digest(message), signer.sign_typed_data(message)) == OWNER.address


def test_who_declines_in_the_wallet_declines_here(browser: Browser) -> None:
    signer = BrowserSigner(open=browser.show, seconds=30.0)
    assert signer.address == OWNER.address
    browser.declines = True
    try:
        with pytest.raises(SignerError, match="User rejected"):
            signer.sign_text(b"hello")
    finally:
        browser.declines = False
