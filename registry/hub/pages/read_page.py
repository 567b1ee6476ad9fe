"""The page that reads a file in the browser, block by block, from a gateway that its reader names."""

from __future__ import annotations

from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.page_policy import named_origin, reaching
from registry.hub.pages.subject import Subject, file_of, subject
from registry.hub.unanswered import Unanswered

__all__ = ["read", "read_at"]


def read(desk: Desk, asked: Asked) -> PageAnswer:
    """The page before a gateway is named: it reaches nobody. Raises `Unanswered`."""
    it = _readable(desk, asked)
    return desk.page("read.html", it=it, tab="files", one=file_of(it, asked.path["path"]), gateway="")


def read_at(desk: Desk, asked: Asked) -> PageAnswer:
    """The page that fetches the blocks of a file from the gateway that its reader named, and from nobody else. Raises
    `Unanswered`."""
    it, gateway = _readable(desk, asked), named_origin(asked.given("gateway"))
    one = file_of(it, asked.path["path"])
    return desk.page(
        "read.html", headers=reaching(gateway), settled=False, it=it, tab="files", one=one, gateway=gateway
    )


def _readable(desk: Desk, asked: Asked) -> Subject:
    it = subject(desk, asked)
    if it.gated or it.content is None or it.content.kept:
        raise Unanswered(
            404,
            "not_here",
            "Its content is encrypted, kept by its owner, or not listed: a page cannot read it.",
            hint=f"Those with access read it with the command: registry download {it.id}",
        )
    return it
