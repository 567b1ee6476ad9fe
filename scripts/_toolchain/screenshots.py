"""Pictures of the pages: plays a year of a small registry on a chain in this process, serves its hub, and shoots each
page at three widths in both colour schemes: ``screenshots.py FOLDER [--docs DOCS]``.

With ``--docs`` the ten that the documentation shows are written there as WebP, each below 200 kB.
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
from pages_world import World, build, pages, served

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
    ("mine", "wide", False),
)
"""What the documentation shows: page, width, whether it is dark."""


def shoot(
    browser: Chromium,
    url: str,
    path: str,
    *,
    width: str,
    dark: bool,
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
    browser.evaluate("document.fonts.ready.then(() => 1)")
    return browser.shot(whole=whole, most=most, **options)


def main() -> None:
    """Shoot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", type=Path, help="Where the ten of the documentation go.")
    parser.add_argument("--only", nargs="*", help="Names of pages.")
    parser.add_argument("--widths", nargs="*", choices=list(WIDTHS), default=list(WIDTHS))
    parser.add_argument("--serve", action="store_true", help="Keep serving instead.")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="registry-pages-") as place:
        (Path(place) / "content").mkdir()
        world = build(Path(place) / "content")
        with served(world.registry) as url:
            if chosen.serve:
                sys.stdout.write(f"{url}\n{json.dumps(pages(world))}\n")
                sys.stdout.flush()
                while True:
                    time.sleep(60)
            browser = Chromium(Path(place) / "profile")
            try:
                _shoot_all(browser, url, world, chosen)
            finally:
                browser.stop()


def _shoot_all(browser: Chromium, url: str, world: World, chosen: argparse.Namespace) -> None:
    listed = pages(world)
    if chosen.docs is not None:
        for name, width, dark in DOCS:
            data = shoot(browser, url, listed[name], width=width, dark=dark, whole=False, kind="webp", quality=82)
            (chosen.docs / f"{name}-{width}-{'dark' if dark else 'light'}.webp").write_bytes(data)
        return
    for name, path in listed.items():
        if chosen.only and name not in chosen.only:
            continue
        for width in chosen.widths:
            for dark in (False, True):
                data = shoot(browser, url, path, width=width, dark=dark)
                (chosen.folder / f"{name}-{width}-{'dark' if dark else 'light'}.png").write_bytes(data)


if __name__ == "__main__":
    main()
