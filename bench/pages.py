"""What a page of a hub costs its server: CPU of one core from the request to the bytes that are sent, and their sizes.

The pages are those of a year of a small registry, and some that are as full as they get: 100 sales of 32 licences, 30
versions, 40 derived assets, a folder of 2,000 files, which a document does not list. Each is asked for as a browser
would, through everything but the reading of HTTP from a socket, by a client in the same process, whose own work is
counted too; with each comes what it loads. Previews are made once, in the sandbox, and not counted. ``python -m
bench.pages`` measures and writes results/pages.json, in some 100 seconds of CPU.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from registry import Licence, Registry
from registry.hub.follower import Hub
from registry.hub.hub_api import make_app
from registry.hub.hub_settings import HubSettings
from registry.hub.pages.site import Site
from registry.index.home_index import open_local

RESULTS: Final = Path(__file__).parent / "results" / "pages.json"

ROUNDS: Final = 9

BARS: Final = {"cpu_ms": 30.0, "html_bytes": 60_000, "sent_bytes": 150_000}
"""At most: CPU of a page in milliseconds (the median of the rounds), its HTML, and all that it loads, as it is sent."""


def measure() -> dict[str, Any]:
    """CPU and sizes of every page, the worst of each, and what is over a bar."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from pages_world import build, gate, pages

    with tempfile.TemporaryDirectory(prefix="registry-pages-") as place:
        world = build(Path(place))
        gate(world, Path(place))
        listed = pages(world) | _full(world.registry, Path(place))
        index = open_local(world.registry)
        index.catch_up()
        reader = world.registry.as_account(None)
        settings = HubSettings("https://hub.example", rate=1e6, burst=10**6, seconds=60)
        hub = Hub(index, settings, chain_id=reader.chain.chain_id)
        site = Site(hub, reader)
        try:
            found = asyncio.run(_asked(make_app(hub, site), listed))
        finally:
            site.stop()
    worst = {name: max(one[name] for one in found.values()) for name in BARS}
    return {
        "bars": BARS,
        "pages": found,
        "worst": worst,
        "missed": [name for name, bar in BARS.items() if worst[name] > bar],
    }


def _full(registry: Registry, folder: Path) -> dict[str, str]:
    """Pages with as much on them as there may be."""
    crowded = folder / "crowded"
    crowded.mkdir()
    for number in range(2_000):
        (crowded / f"part-{number:04}.csv").write_text(f"a,b\n{number},1\n")
    (crowded / "README.md").write_text("# Many\n\n" + "A sentence with a [link](part-0001.csv) and `code`. " * 1_000)
    asset = registry.publish(
        crowded,
        name="Many files",
        type="dataset",
        license="CC0-1.0",
        royalty_bps=500,
        licences=[Licence.uses(f"licence {number}", uses=5, price=f"{number + 1} USD") for number in range(32)],
    )
    for number in range(100):
        registry.as_account("buyer").buy(asset.did, number % 32)
    for number in range(29):
        registry.update(asset.did, description=f"Edition {number}.")
    for number in range(40):
        registry.publish(
            None, name=f"Child {number}", type="model", license="MIT", parents=[asset.did], licences=[Licence.free("x")]
        )
    base = f"/a/{asset.did.asset_id}"
    tabs = {f"full {name}": f"{base}/{name}" for name in ("files", "versions", "sales")}
    people = {name: registry.as_account(name).address.lower() for name in ("author", "buyer")}
    return {
        "full asset": base,
        **tabs,
        "full person": f"/u/{people['author']}",
        "full mine": f"/mine?account={people['buyer']}",
        "full search": "/?q=child",
    }


async def _asked(app: Any, listed: Mapping[str, str]) -> dict[str, dict[str, float]]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://hub.example", timeout=120) as client:
        for path in listed.values():
            await _ready(client, path)
        loaded: dict[str, tuple[int, bytes]] = {}
        found = {name: await _measured(client, path, loaded) for name, path in listed.items()}
        keys = re.findall('name="key" value="([^"]+)"', (await client.get(listed["opening"])).text)
        forms: dict[str, dict[str, Any]] = {
            "reading": {"gateway": "https://gateway.example"},
            "opening": {"gateway": "https://gateway.example", "key": keys},
            "publish": {"to": "https://node.example", "kind": "kubo"},
        }
        for name, form in forms.items():
            found[f"{name}, named"] = await _measured(client, listed[name], loaded, form)
        return found


async def _ready(client: httpx.AsyncClient, path: str) -> None:
    """Ask until every preview on a page is made."""
    until = time.monotonic() + 120
    while "again in a moment" in (await client.get(path)).text and time.monotonic() < until:
        await asyncio.sleep(0.5)


async def _static(client: httpx.AsyncClient, html: str, loaded: dict[str, tuple[int, bytes]]) -> int:
    """What a page loads besides its HTML, as it is sent: style, scripts with what they import, fonts. What comes only
    once somebody acts, like the means of opening what is encrypted, is not among it."""
    waiting = {part.split('"')[0] for part in html.split('="')[1:] if part.startswith("/static/")}
    folder = next(iter(waiting)).rpartition("/")[0]
    waiting.add(f"{folder}/source-serif-4.woff2")
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        if path not in loaded:
            answer = await client.get(path)
            data = answer.content
            loaded[path] = len(gzip.compress(data, 5)) if "content-encoding" in answer.headers else len(data), data
        imported = re.findall(rb'^import .*? from "./([\w.]+)";', loaded[path][1], re.MULTILINE)
        waiting |= {f"{folder}/{one.decode()}" for one in imported} - seen
    return sum(loaded[path][0] for path in seen)


async def _measured(
    client: httpx.AsyncClient, path: str, loaded: dict[str, tuple[int, bytes]], form: Mapping[str, Any] | None = None
) -> dict[str, float]:
    """What a page costs; with a `form` the one that acts, once its reader named whom it reaches."""
    headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        answer = await client.request("POST" if form else "GET", path, headers=headers, data=form)
        taken.append(1_000 * (time.process_time() - begun))
    html = answer.content
    if answer.status_code != 200 and path != "/a/999":
        raise SystemExit(f"{path} answered {answer.status_code}: {answer.text[-400:]}")
    return {
        "cpu_ms": round(statistics.median(taken), 1),
        "html_bytes": len(html),
        "sent_bytes": await _static(client, answer.text, loaded) + len(gzip.compress(html, 5)),
    }


def show(console: Console, result: dict[str, Any]) -> None:
    """Print the dearest pages, and the worst beside the bars."""
    dearest = sorted(result["pages"].items(), key=lambda one: -one[1]["cpu_ms"])
    for name, one in dearest[:12]:
        console.print(
            f"{name:16} {one['cpu_ms']:>8} ms {one['html_bytes']:>9,} bytes {one['sent_bytes']:>9,} sent",
            highlight=False,
        )
    for name, bar in result["bars"].items():
        console.print(f"worst {name:16} {result['worst'][name]:>12,}   bar {bar:,}", highlight=False)


def write(result: dict[str, Any]) -> None:
    """Write `results/pages.json`."""
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


def main() -> int:
    """Measure, show and write; returns 1 if a bar was missed."""
    console = Console()
    result = measure()
    show(console, result)
    write(result)
    if result["missed"]:
        console.print(f"[red]Missed: {', '.join(result['missed'])}[/red]")
    return int(bool(result["missed"]))


if __name__ == "__main__":
    sys.exit(main())
