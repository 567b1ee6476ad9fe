"""An app of a stranger within the page of its asset: shown where its operator says, and no way out of its frame."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from chromium import Chromium
from pages_world import served

from integration.sandbox.wheels import lay_installed
from registry import Published, Registry
from registry.errors import InputError
from registry.hub.hub_settings import HubSettings
from registry.sandbox.ingress.app_server import RunningApp
from registry.sandbox.ingress.ingress_rules import AppOrigin
from registry.sandbox.runs.lock import LOCK_FILE, Lock
from registry.system.serving import listen

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
STRANGER = HERE.parent / "sandbox" / "stranger.py"

QUIET_WHEN_TRIED = {"prefetch", "speculation", "beacon", "call"}
"""What a browser does not tell the page that tried it; whether it got anywhere is seen outside."""


class Elsewhere:
    """A service of this machine, such as a node, that lets in every page; `heard` is what reached it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._tcp = listen("127.0.0.1", 0)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._tcp.getsockname()[1]}"
        self.udp = self._udp.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._hear, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                one, _ = self._tcp.accept()
            except OSError:
                return
            with one:
                one.settimeout(10)
                self.heard.append(one.recv(2**16)[:60])
                one.sendall(b"HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\ncontent-length: 0\r\n\r\n")

    def _hear(self) -> None:
        while True:
            try:
                self.heard.append(b"a datagram of " + str(len(self._udp.recv(2**16))).encode())
            except OSError:
                return

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    made = Registry.local()
    made.experiments.workshop.home = tmp_path_factory.mktemp("home")
    return made


@pytest.fixture(scope="module")
def asset(author: Registry, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("app")
    (folder / "stranger.py").write_bytes(STRANGER.read_bytes())
    (folder / "run.toml").write_text('entry = "stranger.py"\nserves = "program"\n')
    return author.publish(folder, name="A stranger's app", type="app", license="MIT")


@contextmanager
def shown(author: Registry, asset: Published, **told: Any) -> Iterator[tuple[RunningApp, str]]:
    """The app, and the address of its page at a hub that was told of it."""
    sock = listen("127.0.0.1", 0)
    hub = f"http://127.0.0.1:{sock.getsockname()[1]}"
    params = {"page": "<h1>Good day</h1>", **told, "hub": hub}
    params["page"] = params["page"].replace("TOLD", json.dumps({**told, "hub": hub, "page": ""}))
    with (
        author.experiments.serve(asset.did, params=params, shown_at=[hub]) as app,
        served(author, sock, apps={asset.did.asset_id: AppOrigin(app.origin)}) as url,
    ):
        yield app, f"{url}/a/{asset.did.asset_id}"


def reports(app: RunningApp) -> dict[str, str]:
    host = httpx.URL(app.origin)
    told = {"host": f"{host.host}:{host.port}"}
    found = httpx.get(f"http://127.0.0.1:{host.port}/reports", headers=told, timeout=60, trust_env=False).json()
    return dict(one.split(": ", 1) for one in found)


def test_no_way_leads_out_of_the_frame_of_an_app(author: Registry, asset: Published, browser: Chromium) -> None:
    """Neither to the network, to the node and other ports of this machine, nor into the hub's page and its wallet."""
    elsewhere = Elsewhere()
    page = (HERE / "hostile_app.html").read_text()
    with shown(author, asset, page=page, elsewhere=elsewhere.url, udp=elsewhere.udp) as (app, url):
        wallet = "window.ethereum = {request: async () => ['0x' + '11'.repeat(20)]}"
        added = browser.do("Page.addScriptToEvaluateOnNewDocument", source=f"if (top === self) {wallet}")
        browser.open(url)
        browser._until(lambda: "all" in reports(app), 90)
        found = reports(app)
        browser._until(lambda: "it" in reports(app) or browser.within(app.origin, "1") is None, 60)
        browser.do("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
        assert browser.evaluate("location.href") == url and browser.evaluate("ethereum.request().then(a => a.length)")
    ways = re.findall(r"^  \"?(\w[\w ]*)\"?: ", page.split("const tries")[1], re.MULTILINE)
    assert set(found) == {*ways, "all"} and len(ways) >= 26
    assert {name for name, got in found.items() if not got.startswith("shut")} <= {*QUIET_WHEN_TRIED, "all"}, found
    assert elsewhere.heard == []
    elsewhere.close()


def test_the_example_is_published_run_and_shown_whole(author: Registry, browser: Chromium) -> None:
    """Streamlit itself in the sandbox, through its web socket, on the data of another asset, in the hub's page."""
    workshop = author.experiments.workshop
    lay_installed(Lock.from_bytes((EXAMPLES / "penguin_app" / LOCK_FILE).read_bytes()), workshop.home)
    penguins = author.publish(EXAMPLES / "penguins", name="Penguins", type="dataset", license="CC0-1.0")
    app = author.publish(EXAMPLES / "penguin_app", name="Which penguin?", type="app", license="CC0-1.0")
    sock = listen("127.0.0.1", 0)
    hub = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with (
        author.experiments.serve(app.did, {"penguins": penguins.did}, shown_at=[hub]) as running,
        served(author, sock, apps={app.did.asset_id: AppOrigin(running.origin)}) as url,
    ):
        browser.look(1280, 1000)
        browser.open(f"{url}/a/{app.did.asset_id}")
        seen = lambda: str(browser.within(running.origin, "document.body?.innerText"))  # noqa: E731
        browser._until(lambda: "53% of the 15 nearest" in seen() and "Your penguin" in seen(), 120)
        assert "Error" not in seen() and browser.refused == []


def test_it_is_shown_in_a_frame_from_another_origin(author: Registry, asset: Published, browser: Chromium) -> None:
    with shown(author, asset) as (app, url):
        browser.open(url)
        browser._until(lambda: browser.within(app.origin, "document.body?.innerText") == "Good day", 60)
        policy = httpx.get(url, trust_env=False).headers["content-security-policy"]
        assert policy.endswith(f"; frame-src {app.origin}")
        assert "frame-src" not in httpx.get(f"{url}/files", trust_env=False).headers["content-security-policy"]
        frame = browser.evaluate(
            "Object.fromEntries([...document.querySelector('iframe').attributes].map(a => [a.name, a.value]))"
        )
        assert frame["src"] == f"{app.origin}/" and frame["allow"] == ""
        assert set(frame["sandbox"].split()) == {"allow-scripts", "allow-same-origin", "allow-forms", "allow-downloads"}
        # The page that is served beside it shows it, too; another page does not.
        browser.open(app.url)
        browser._until(lambda: browser.within(app.origin, "document.body?.innerText") == "Good day", 60)
        assert "A stranger's app" in browser.evaluate("document.body.innerText")
        browser.open(f"{app.origin}/")
        assert browser.evaluate("location.href") == app.url


def test_nothing_is_shown_that_was_not_named_and_no_app_under_the_name_of_the_hub(
    author: Registry, asset: Published, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text("x\n")
    data = author.publish(tmp_path / "x.csv", name="Data", type="dataset", license="MIT")
    origin = AppOrigin("http://app-1.localhost:8457")
    with served(author) as url:
        page = httpx.get(f"{url}/a/{asset.did.asset_id}", trust_env=False)
    assert "<iframe" not in page.text and "frame-src" not in page.headers["content-security-policy"]
    with served(author, apps={data.did.asset_id: origin}) as url:
        page = httpx.get(f"{url}/a/{data.did.asset_id}", trust_env=False)
    assert "<iframe" not in page.text and "frame-src" not in page.headers["content-security-policy"]
    for hub, app in (
        ("https://hub.example.org", "https://hub.example.org:8443"),
        ("http://127.0.0.1:8455", "http://127.0.0.1:8457"),
    ):
        with pytest.raises(InputError, match="under the host of the hub itself"):
            HubSettings(hub, apps={1: AppOrigin(app)})
