"""Pictures of the pages: plays a year of a small registry on a chain in this process, serves its hub, and shoots each
page at three widths in both colour schemes: ``screenshots.py FOLDER``.

With ``--docs`` (``make screenshots``) those that the documentation shows, as WebP, each below 200 kB.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from chromium import Chromium
from injected_wallet import Wallet, injected
from pages_world import ACTS, World, begin, build, gate, node_of, pages, served

WIDTHS: Final = {"phone": (390, 844), "tablet": (834, 1112), "wide": (1360, 900)}

DOCS: Final = (
    ("browse", "wide", False),
    ("search", "wide", True),
    ("asset", "wide", False),
    ("asset", "phone", True),
    ("table", "wide", False),
    ("model", "wide", True),
    ("diff", "wide", False),
    ("dao", "wide", False),
    ("proposal", "wide", True),
    ("buying", "wide", False),
    ("offering", "wide", False),
    ("inbox", "wide", True),
    ("opening", "wide", False),
)
"""What the documentation shows: page, width, whether it is dark."""


def shoot(
    browser: Chromium,
    url: str,
    path: str,
    *,
    width: str,
    dark: bool,
    act: tuple[Any, ...] = (),
    whole: bool = True,
    most: int = 2_600,
    **options: Any,
) -> bytes:
    """One picture, once nothing is being made any more."""
    wide, high = WIDTHS[width]
    browser.look(wide, high, dark=dark, phone=width == "phone")
    until = time.monotonic() + 90
    while True:
        browser.open(url + path)
        if "again in a moment" not in browser.evaluate("document.body.innerText") or time.monotonic() > until:
            break
        time.sleep(1)
    if act:
        begin(browser, *act)
        whole = False
    browser.evaluate("document.fonts.ready.then(() => 1)")
    return browser.shot(whole=whole, most=most, **options)


def main() -> None:
    """Shoot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true", help="Those of the documentation.")
    parser.add_argument("--only", nargs="*", help="Names of pages.")
    parser.add_argument("--widths", nargs="*", choices=list(WIDTHS), default=list(WIDTHS))
    parser.add_argument("--serve", action="store_true", help="Keep serving instead.")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="registry-pages-") as place:
        (Path(place) / "content").mkdir()
        world = build(Path(place) / "content")
        gate(world, Path(place) / "content")
        with served(world.registry) as url:
            if chosen.serve:
                sys.stdout.write(f"{url}\n{json.dumps(pages(world))}\n")
                sys.stdout.flush()
                while True:
                    time.sleep(60)
            browser = Chromium(Path(place) / "profile")
            wallet = Wallet(node_of(world.registry), world.registry.address)
            try:
                with injected(browser, wallet, name="Your wallet"):
                    _shoot_all(browser, url, world, wallet, chosen)
            finally:
                browser.stop()


def _shoot_all(browser: Chromium, url: str, world: World, wallet: Wallet, chosen: argparse.Namespace) -> None:
    def picture(name: str, **options: Any) -> bytes:
        page, *act = ACTS.get(name, (name,))
        if act:
            wallet.account = world.registry.as_account(act.pop(0)).address
        return shoot(browser, url, listed[page], act=tuple(act), **options)

    listed = pages(world)
    wanted = [(name, width, dark) for name in (*listed, *ACTS) for width in chosen.widths for dark in (False, True)]
    for name, width, dark in DOCS if chosen.docs else wanted:
        if chosen.only and name not in chosen.only:
            continue
        stem = f"{name}-{width}-{'dark' if dark else 'light'}"
        if chosen.docs:
            data = picture(name, width=width, dark=dark, whole=False, kind="webp", quality=82)
            (chosen.folder / f"{stem}.webp").write_bytes(data)
        else:
            (chosen.folder / f"{stem}.png").write_bytes(picture(name, width=width, dark=dark))


if __name__ == "__main__":
    main()
