"""All pages of a hub by their addresses, and what every answer to a browser carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from registry.hub.pages import (
    asset_page,
    browse_page,
    compute_page,
    dao_page,
    invite_page,
    open_page,
    people_page,
    publish_page,
    read_page,
)
from registry.hub.pages.desk import STATIC, Asked, Desk, PageAnswer
from registry.hub.pages.page_policy import HEADERS
from registry.hub.served_pages import recorded_cid
from registry.hub.unanswered import Unanswered

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.hub.elsewhere import HubElsewhere
    from registry.hub.follower import Hub

__all__ = ["HEADERS", "NAMING", "PAGES", "Site"]

PAGES: Final[Mapping[str, Callable[[Desk, Asked], PageAnswer]]] = {
    "/": browse_page.browse,
    "/a/{id:int}": asset_page.card,
    "/a/{id:int}/files": asset_page.files,
    "/a/{id:int}/files/{path:path}": asset_page.file,
    "/a/{id:int}/read/{path:path}": read_page.read,
    "/a/{id:int}/open": open_page.open_gated,
    "/a/{id:int}/invite": invite_page.invite,
    "/a/{id:int}/image/{path:path}": asset_page.image,
    "/a/{id:int}/sound/{path:path}": asset_page.sound,
    "/a/{id:int}/versions": asset_page.versions,
    "/a/{id:int}/diff": asset_page.diff,
    "/a/{id:int}/sales": asset_page.sales,
    "/a/{id:int}/talk": asset_page.talk,
    "/a/{id:int}/run": asset_page.run,
    "/compute": compute_page.offerings,
    "/u/{account}": people_page.account,
    "/mine": people_page.mine,
    "/dao": dao_page.dao,
    "/dao/{number}": dao_page.proposal,
    "/publish": publish_page.publish,
    "/about": lambda desk, _: desk.page(
        "about.html", it=desk.hub.facts(), root=desk.catalogue.root(), pages=recorded_cid()
    ),
}
"""By address: what makes the page."""

NAMING: Final[Mapping[str, Callable[[Desk, Asked], PageAnswer]]] = {
    "/publish": publish_page.publish_at,
    "/a/{id:int}/read/{path:path}": read_page.read_at,
    "/a/{id:int}/open": open_page.open_at,
    "/a/{id:int}/invite": invite_page.invite_at,
}
"""By address: the page for a reader who named a service in the form there, which its scripts reach."""

_MEDIA: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_KEPT: Final = {"cache-control": "public, max-age=31536000, immutable"}


class Site:
    """The pages of one hub. `client` reads its registry, and signs nothing."""

    def __init__(self, hub: Hub | HubElsewhere, client: Registry) -> None:
        self.desk = Desk(hub, client)
        self._files = {one.name: one.read_bytes() for one in STATIC.iterdir()}

    def page(self, path: str, asked: Asked) -> PageAnswer:
        """The page at an address of `PAGES`, of `NAMING` for a form. Raises `Unanswered` and `InputError`."""
        return (NAMING if asked.form else PAGES)[path](self.desk, asked)

    def static(self, edition: str, name: str) -> PageAnswer:
        """The style sheet, a script or a font. Raises `Unanswered`."""
        data = self._files.get(name)
        if data is None:
            raise Unanswered(404, "not_found", "There is no such file.")
        current = edition == self.desk.edition
        media = _MEDIA.get("." + name.rpartition(".")[2], "text/plain")
        return PageAnswer(data, media=media, headers=_KEPT if current else {"cache-control": "no-cache"})

    def refusal(self, error: Unanswered) -> PageAnswer:
        """The page that says why there is none."""
        return self.desk.page("problem.html", status=error.status, settled=False, error=error)

    def stop(self) -> None:
        """Make no more previews."""
        self.desk.previews.stop()
