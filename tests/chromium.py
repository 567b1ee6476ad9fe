"""Chromium without a window, by its DevTools protocol: one tab that tells what it asked for, said and refused."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

QUIET: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
)

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


def launch(command: Sequence[str], profile: Path) -> tuple[subprocess.Popen[bytes], str, ClientConnection]:
    """Start a browser that is told ``--remote-debugging-port=0``: its process, where it lists what is open, and a
    connection to its one tab."""
    process = subprocess.Popen(
        [*command, f"--user-data-dir={profile}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    marker, until = profile / "DevToolsActivePort", time.monotonic() + 60
    while not (marker.exists() and marker.read_text().count("\n")):
        assert time.monotonic() < until and process.poll() is None, "Chromium did not start"
        time.sleep(0.05)
    port = marker.read_text().split("\n")[0]
    listing = f"http://127.0.0.1:{port}/json"
    with urllib.request.urlopen(listing, timeout=20) as listed:
        page = next(target for target in json.load(listed) if target["type"] == "page")
    return process, listing, connect(page["webSocketDebuggerUrl"], max_size=None)


_LEFT: Final = ("Inspected target navigated", "Execution context was destroyed", "Cannot find context")


class PageLeft(AssertionError):
    """The page was left while it was asked something."""


class Chromium:
    """One tab. After `open`, `requests` has the URLs that the page asked for, `said` what it wrote to the console or
    threw, `refused` what its policy kept it from."""

    def __init__(self, profile: Path, program: str = "") -> None:
        found = program or next(path for path in map(shutil.which, NAMES) if path)
        self._process, self._listing, self._socket = launch([found, *QUIET], profile)
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.said: list[str] = []
        self.refused: list[str] = []
        self.dialogs: list[str] = []
        self.called: Callable[[str], str] | None = None
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.do(f"{domain}.enable")

    def stop(self) -> None:
        """End it."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(20)

    def do(self, method: str, *, seconds: float = 60, **params: Any) -> Any:
        """Ask for something; returns the result."""
        self._number += 1
        number = self._number
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        until = time.monotonic() + seconds
        while True:
            message = json.loads(self._socket.recv(timeout=max(0.1, until - time.monotonic())))
            if message.get("id") == number:
                if "error" in message:
                    left = message["error"].get("message", "").startswith(_LEFT)
                    raise (PageLeft if left else AssertionError)(f"{method}: {message['error']}")
                return message["result"]
            self._noted(message)

    def _noted(self, message: dict[str, Any]) -> None:
        method, params = message.get("method", ""), message.get("params", {})
        self._events.append(message)
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.said.append(json.dumps(params)[:400])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.said.append(params["entry"]["text"])
        elif method == "Audits.issueAdded" and "contentSecurityPolicyIssueDetails" in params["issue"].get(
            "details", {}
        ):
            self.refused.append(json.dumps(params["issue"]["details"]["contentSecurityPolicyIssueDetails"])[:400])
        elif method == "Runtime.bindingCalled" and self.called is not None:
            self._number += 1
            answer = {"expression": self.called(params["payload"])}
            self._socket.send(json.dumps({"id": self._number, "method": "Runtime.evaluate", "params": answer}))
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            self._number += 1
            self._socket.send(
                json.dumps({"id": self._number, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}})
            )

    def open(self, url: str, *, seconds: float = 60) -> None:
        """Open a page and wait until it has all that it asked for."""
        self._events.clear()
        for noted in (self.requests, self.said, self.refused, self.dialogs):
            noted.clear()
        self.do("Page.navigate", url=url)
        self._until(lambda: any(one.get("method") == "Page.loadEventFired" for one in self._events), seconds)

    def until(self, expression: str, *, seconds: float = 20) -> None:
        """Wait until an expression of the page is true, of the next one if another is opened meanwhile."""

        def holds() -> bool:
            try:
                return bool(self.evaluate(f"Boolean({expression})"))
            except PageLeft:
                return False

        self._until(holds, seconds)

    def _until(self, holds: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, "the page took too long"
            with suppress(PageLeft):
                self.do("Runtime.evaluate", expression="1")
            time.sleep(0.02)

    def evaluate(self, expression: str, *, seconds: float = 60) -> Any:
        """The value of an expression in the page, a promise waited for."""
        found = self.do(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, seconds=seconds
        )
        assert "exceptionDetails" not in found, json.dumps(found["exceptionDetails"])[:600]
        return found["result"].get("value")

    def within(self, address: str, expression: str) -> Any:
        """The value of an expression in the frame of another site whose address begins so; None if there is none."""
        with urllib.request.urlopen(self._listing, timeout=20) as listed:
            found = [one for one in json.load(listed) if one["type"] == "iframe" and one["url"].startswith(address)]
        if not found:
            return None
        with connect(found[0]["webSocketDebuggerUrl"], max_size=None) as frame:
            told = {"expression": expression, "awaitPromise": True, "returnByValue": True}
            frame.send(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": told}))
            return json.loads(frame.recv(timeout=60))["result"]["result"].get("value")

    def give(self, expression: str, *files: Path) -> None:
        """Choose files in the field that an expression of the page names."""
        found = self.do("Runtime.evaluate", expression=expression)["result"]["objectId"]
        self.do("DOM.setFileInputFiles", files=[str(file) for file in files], objectId=found)

    def bind(self, name: str, called: Callable[[str], str], *, script: str) -> str:
        """Give pages a function that takes a text; `called` answers with an expression that the page then evaluates.
        `script` runs before each page's own. Returns what `unbind` takes."""
        self.called = called
        self.do("Runtime.addBinding", name=name)
        found: str = self.do("Page.addScriptToEvaluateOnNewDocument", source=script)["identifier"]
        return found

    def unbind(self, script: str) -> None:
        """Pages that are opened from now on have no such function."""
        self.called = None
        self.do("Page.removeScriptToEvaluateOnNewDocument", identifier=script)

    def look(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Be a screen of so many pixels, in one of the two colour schemes."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])

    def script(self, on: bool) -> None:
        """Whether pages may run script."""
        self.do("Emulation.setScriptExecutionDisabled", value=not on)

    def shot(self, *, whole: bool = False, most: int = 4_000, kind: str = "png", quality: int | None = None) -> bytes:
        """A picture of the page, or of all of it down to so many pixels."""
        extra: dict[str, Any] = {"quality": quality} if quality is not None else {}
        if whole:
            size = self.do("Page.getLayoutMetrics")["cssContentSize"]
            extra["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most), "scale": 1}
            extra["captureBeyondViewport"] = True
        return base64.b64decode(self.do("Page.captureScreenshot", format=kind, **extra)["data"])
