"""A wallet that is put into pages: it announces itself (EIP-6963), reads through a node, and signs with the node's
development accounts what the test lets it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import requests
from chromium import Chromium

SCRIPT: Final = """
(() => {
  const waiting = new Map(), heard = {};
  window.answerWallet = (id, error, value) => {
    const [resolve, reject] = waiting.get(id);
    waiting.delete(id);
    error ? reject(Object.assign(new Error(error.message), error)) : resolve(value);
  };
  window.tellWallet = (event, value) => (heard[event] ?? []).forEach((one) => one(value));
  const provider = {
    request: ({method, params}) => new Promise((resolve, reject) => {
      const id = String(Math.random());
      waiting.set(id, [resolve, reject]);
      window.askWallet(JSON.stringify({id, method, params: params ?? []}));
    }),
    on: (event, one) => { (heard[event] ??= []).push(one); },
    removeListener: (event, one) => { heard[event] = (heard[event] ?? []).filter((other) => other !== one); },
  };
  const info = {uuid: "6a3c2c6e-2f63-4c5c-9a57-2f3a5b4c1d01", name: NAME, icon: ICON, rdns: "org.example.wallet"};
  const detail = Object.freeze({info, provider});
  const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", {detail}));
  addEventListener("eip6963:requestProvider", announce);
  announce();
})();
"""

SIGNS: Final = ("eth_sendTransaction", "eth_signTypedData_v4", "personal_sign", "wallet_switchEthereumChain")
"""What a reader confirms."""


class Refusal(Exception):
    """An error of a wallet (EIP-1193)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def at(url: str) -> Callable[..., Any]:
    """A node that is asked over HTTP. Raises `Refusal`."""

    def ask(method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        told = requests.post(url, json=body, timeout=20).json()
        if "error" in told:
            raise Refusal(told["error"]["code"], json.dumps(told["error"]))
        return told["result"]

    return ask


class Wallet:
    """`node` is asked what the wallet does not know itself. `account` is the one that is chosen, `chain` the number of
    the chain that it says it is on (None: the node's);
    `asked` is what a reader had to confirm. `before` may change the world before a method is answered, and `lies`
    answers instead of the node."""

    def __init__(self, node: Callable[..., Any], account: str) -> None:
        self._node = node
        self.account = account
        self.chain: int | None = None
        self.declines: set[str] = set()
        self.asked: list[tuple[str, list[Any]]] = []
        self.methods: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.lies: dict[str, Callable[[list[Any]], Any]] = {}

    def answer(self, method: str, params: list[Any]) -> Any:
        """What it answers. Raises `Refusal`."""
        self.methods.append(method)
        self.before(method)
        if method in SIGNS:
            self.asked.append((method, params))
        if method in self.declines:
            raise Refusal(4001, "User rejected the request.")
        if method in self.lies:
            return self.lies[method](params)
        if method in ("eth_accounts", "eth_requestAccounts"):
            return [self.account]
        if method == "eth_chainId" and self.chain is not None:
            return hex(self.chain)
        if method == "wallet_switchEthereumChain":
            self.chain = None
            return None
        return self._node(method, *params)

    def called(self, payload: str) -> str:
        """Answer a page; returns the expression that gives it the answer."""
        asked = json.loads(payload)
        try:
            error, value = None, self.answer(asked["method"], asked["params"])
        except Refusal as refusal:
            error, value = {"code": refusal.code, "message": str(refusal)}, None
        return f"answerWallet({json.dumps(asked['id'])}, {json.dumps(error)}, {json.dumps(value)})"

    @property
    def signed(self) -> list[str]:
        """The methods that a reader had to confirm."""
        return [method for method, _ in self.asked]


@contextmanager
def injected(browser: Chromium, wallet: Wallet, *, name: str = "Test wallet", icon: str = "") -> Iterator[Wallet]:
    """Pages have the wallet."""
    script = SCRIPT.replace("NAME", json.dumps(name)).replace("ICON", json.dumps(icon))
    made = browser.bind("askWallet", wallet.called, script=script)
    try:
        yield wallet
    finally:
        browser.unbind(made)
