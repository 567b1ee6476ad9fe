"""The wallet in a browser as a signer, whose key stays there."""

from __future__ import annotations

import json
import secrets
import threading
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, Final

from registry.errors import SignerError
from registry.ipfs.nesting import load_json
from registry.types import Address, to_address

__all__ = ["BrowserSigner"]


class BrowserSigner:
    """The wallet of a browser (EIP-1193), through one page that this machine serves to itself while it lasts.

    `open` is called with the page's address, by default it opens the user's browser; the user may also type it.
    `seconds` is how long to wait for an answer. The wallet keeps the key, and shows what it signs. Transactions are not
    sent this way. Raises `SignerError` if nobody answers, or the wallet's owner declines.
    """

    def __init__(self, *, open: Callable[[str], object] = webbrowser.open, seconds: float = 300.0) -> None:
        self.patience: Final = seconds
        self._open = open
        self._told = ""
        self._address: Address | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> Address:
        """The account that the user chooses in the wallet; asked for once."""
        if self._address is None:
            answer = self._ask({"method": "eth_requestAccounts", "title": "Connect your wallet"})
            accounts = answer if isinstance(answer, list) else []
            if not accounts:
                raise SignerError("The wallet named no account.", hint="Choose one in the wallet and try again.")
            self._address = to_address(str(accounts[0]))
        return self._address

    def __repr__(self) -> str:
        return f"BrowserSigner({self._address or 'not connected'})"

    def telling(self, told: str) -> BrowserSigner:
        """The same wallet, whose page says `told` before what is signed."""
        made = BrowserSigner(open=self._open, seconds=self.patience)
        made._told, made._address, made._lock = told, self._address, self._lock
        return made

    def sign_text(self, message: bytes) -> bytes:
        """The wallet's signature of a personal message."""
        return self._signature("personal_sign", ["0x" + message.hex(), self.address], _readable(message))

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """The wallet's signature of an EIP-712 message."""
        text = json.dumps(full_message, default=lambda value: "0x" + bytes(value).hex())
        return self._signature("eth_signTypedData_v4", [self.address, text], json.dumps(json.loads(text), indent=1))

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Raises `SignerError`: wallets of browsers send transactions themselves."""
        raise SignerError(
            "A browser wallet signs messages here, and no transactions.", hint="Send them with a key file or ape."
        )

    def _signature(self, method: str, params: list[str], shown: str) -> bytes:
        shown = "\n\n".join(filter(None, (self._told, shown)))
        answer = self._ask({"method": method, "params": params, "title": "Sign this message", "shown": shown})
        try:
            return bytes.fromhex(str(answer).removeprefix("0x"))
        except ValueError:
            raise SignerError("The wallet answered with no signature.", hint="Try another wallet.") from None

    def _ask(self, request: dict[str, Any]) -> Any:
        """Have the page ask the wallet, and wait for what it says."""
        with self._lock:
            page = _Page(request)
            try:
                self._open(page.url)
                answer = page.answer(self.patience)
            finally:
                page.close()
        if "error" in answer:
            said = "".join(char for char in str(answer["error"]) if char.isprintable())[:200]
            raise SignerError(f"The wallet did not sign: {said}.", hint="Confirm it in the wallet and try again.")
        return answer.get("result")


def _readable(message: bytes) -> str:
    """A personal message as it can be read to its last byte: as text if all of it is, else in hexadecimal too."""
    text = message.decode("utf-8", "backslashreplace")
    told = "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
    return told if told == text else f"{told}\n\n{len(message):,} bytes: 0x{message.hex()}"


_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class _Page:
    """One question to one wallet, on a port of loopback; only who knows the secret in its address is answered."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        secret, nonce = secrets.token_urlsafe(24), secrets.token_urlsafe(16)
        # Inside a script nothing may look like the end of it.
        data = json.dumps(request).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        html = _HTML.replace("NONCE", nonce).replace("REQUEST", data).encode("utf-8")
        policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'"
        handler = _handler(secret, html, policy, self._answers)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url: Final = f"http://127.0.0.1:{self._server.server_address[1]}/{secret}/"
        threading.Thread(target=self._server.serve_forever, name="sign-in page", daemon=True).start()

    def answer(self, seconds: float) -> dict[str, Any]:
        """What the page sent. Raises `SignerError` if nothing came in time."""
        try:
            return self._answers.get(timeout=seconds)
        except Empty:
            raise SignerError(
                f"Nobody answered at {self.url} within {seconds:g} s.", hint="Open it in the browser with the wallet."
            ) from None

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _handler(
    secret: str, html: bytes, policy: str, answers: SimpleQueue[dict[str, Any]]
) -> type[BaseHTTPRequestHandler]:
    """What serves the page below `secret`, and puts what it sends into `answers`."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            found = self._is_ours("/")
            self._reply(200 if found else 404, html if found else b"", {"Content-Security-Policy": policy})

        def do_POST(self) -> None:
            size = self.headers.get("Content-Length", "")
            if not self._is_ours("/answer") or not size.isdecimal() or int(size) > 65_536:
                self._reply(404, b"", {})
                return
            try:
                answer = load_json(self.rfile.read(int(size)))
            except ValueError:
                answer = None
            if isinstance(answer, dict):
                answers.put(answer)
            self._reply(204, b"", {})

        def _is_ours(self, path: str) -> bool:
            # The name in the request too: a page elsewhere may have its own name lead to this machine.
            host = f"127.0.0.1:{self.server.server_address[1]}"  # type: ignore[index]
            return self.headers.get("Host") == host and secrets.compare_digest(
                self.path.encode("latin-1", "replace"), f"/{secret}{path}".encode("ascii")
            )

        def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**_HEADERS, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """The address has a secret in it."""

    return Handler


_HTML: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>AI Asset Registry</title>
<style nonce="NONCE">
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1b1f24}
main{max-width:44rem;margin:8vh auto;padding:2rem;background:#fff;border-radius:12px;box-shadow:0 1px 8px #0002}
h1{font-size:1.3rem;margin:0 0 1rem}
pre{white-space:pre-wrap;word-break:break-all;background:#f4f5f7;padding:1rem;border-radius:8px;
max-height:50vh;overflow:auto}
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:8px;background:#1f5fd0;color:#fff;cursor:pointer}
button:disabled{background:#9aa4b2;cursor:default}
#state{margin-top:1rem;min-height:1.5em}
@media(prefers-color-scheme:dark){body{background:#16181d;color:#e6e8eb}main{background:#20242b}
pre{background:#16181d}}
</style></head><body><main>
<h1 id="title"></h1>
<pre id="shown" hidden></pre>
<button id="go">Go on in the wallet</button>
<p id="state" role="status"></p>
<script nonce="NONCE">
const request = REQUEST;
const at = id => document.getElementById(id);
at("title").textContent = request.title;
if (request.shown) { at("shown").textContent = request.shown; at("shown").hidden = false; }
const send = answer => fetch("answer", {method: "POST", body: JSON.stringify(answer)});
async function ask() {
  at("go").disabled = true;
  at("state").textContent = "Waiting for the wallet...";
  if (!window.ethereum) {
    at("state").textContent = "This browser has no wallet. Open this address in the one that has yours.";
    at("go").disabled = false;
    return;
  }
  try {
    const result = await window.ethereum.request({method: request.method, params: request.params || []});
    await send({result});
    at("state").textContent = "Done. You can close this page.";
  } catch (error) {
    await send({error: error && error.message || String(error)});
    at("state").textContent = "The wallet did not sign. You can close this page.";
  }
}
at("go").addEventListener("click", ask);
</script>
</main></body></html>
"""
