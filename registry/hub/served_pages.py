"""What browsers run and show of a hub's pages, as a folder with a CID: style, scripts, fonts. The CID is in this
package, so anybody can hold what a hub serves against it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from registry.errors import ContentError, HubUnavailable, Unverified, WouldOverwrite
from registry.hub.pages.desk import STATIC
from registry.ipfs.cid import CID
from registry.ipfs.http import Http
from registry.ipfs.unixfs import compute_cid

__all__ = ["RECORDED", "check_served", "export_pages", "read_served", "recorded_cid"]

RECORDED: Final = STATIC.with_name("pages.cid")
"""Where the CID is written down; it is in the wheel, and so in the wheel's record."""

_EDITION: Final = re.compile(r'href="(/static/[0-9a-f]{1,64}/)style\.css"')
_MOST: Final = 256 * 1024
"""Bytes of a page, and of a file."""


def recorded_cid() -> CID:
    """The CID of the folder as it was when this package was made."""
    return CID.parse(RECORDED.read_text(encoding="ascii").strip())


def export_pages(folder: Path) -> CID:
    """Write the folder; returns its CID, computed anew. Raises `WouldOverwrite` for a folder that is there, and
    `Unverified` for an installation whose files were changed."""
    if folder.exists():
        raise WouldOverwrite(folder, "")
    found = compute_cid(STATIC)
    if found != recorded_cid():
        raise Unverified(recorded_cid(), "this installation", f"its pages hash to {found}")
    shutil.copytree(STATIC, folder)
    return found


def check_served(url: str, *, deadline: float = 30.0) -> CID:
    """Hold each file that the pages of a hub name against this package's, within `deadline` seconds; returns its CID.
    Raises `Unverified` with the names of those that differ, and `HubUnavailable`."""
    http = Http(url, name=f"the hub {url}", deadline=deadline)
    try:
        page = read_served(http, "/about", "text/html").decode("utf-8", "replace")
        found = _EDITION.search(page)
        if found is None:
            raise HubUnavailable(f"/about of {url}", ["it names no style sheet"])
        names = sorted(one.name for one in STATIC.iterdir())
        other = [name for name in names if read_served(http, found[1] + name, "*/*") != (STATIC / name).read_bytes()]
    finally:
        http.close()
    if other:
        raise Unverified(recorded_cid(), f"the hub {url}", f"it serves another {', '.join(other)}")
    return recorded_cid()


def read_served(http: Http, path: str, accept: str) -> bytes:
    """What a hub serves at a path; of what is not a page, nothing for what is not there. Raises `HubUnavailable`."""
    try:
        with http.ask("GET", path, f"{path} of {http.name}", headers={"accept": accept}) as answer:
            if answer.status == 404 and accept == "*/*":
                return b""
            if answer.status != 200:
                raise HubUnavailable(f"{path} of {http.name}", [f"it answered {answer.status}"])
            return answer.body(_MOST)
    except HubUnavailable:
        raise
    except ContentError as error:
        raise HubUnavailable(f"{path} of {http.name}", [error.message]) from error
