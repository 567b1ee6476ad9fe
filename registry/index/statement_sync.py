"""What is said at another hub, taken over: by name, judged as if it had been handed in here."""

from __future__ import annotations

import threading
from typing import Final

from registry.errors import ConnectionFailed, InputError, InvalidCID
from registry.index.remote import RemoteHub
from registry.index.talk_book import TalkBook
from registry.ipfs.cid import CID

__all__ = ["pull"]

AT_ONCE: Final = 200
"""Names on a page, and statements that are fetched in one go."""

PAGES: Final = 50
"""Pages in one go."""

UNCHECKED: Final = 2
"""Statements of a go about which our node may fail to answer: more say that it is away."""


def pull(book: TalkBook, hub: RemoteHub, stop: threading.Event | None = None) -> int:
    """Take what `hub` has and `book` has not, up to a number that one hub may have us fetch in one go; returns how many
    were taken. What is refused is passed over, and looked at again tomorrow: this index may only have been behind, or
    our node have stumbled over a contract that one statement names.

    Raises `HubUnavailable`, `ConnectionFailed` and `IndexFault`; what was taken before stays.
    """
    taken = fetched = unchecked = 0
    after = book.pulled_from(hub.name)
    for _ in range(PAGES):
        page = hub.statement_names(after=after, limit=AT_ONCE)
        for name in page.names[:AT_ONCE]:
            if (stop is not None and stop.is_set()) or fetched >= AT_ONCE:
                return taken
            try:
                cid = CID.parse(name)
                if book.has(cid):
                    continue
                fetched += 1
                data = hub.statement(bytes(cid.digest))
                taken += data is not None and book.take(data, fresh=False)
            except (InputError, InvalidCID):
                continue
            except ConnectionFailed:
                unchecked += 1
                if unchecked > UNCHECKED:
                    raise
        # It is the end, or a hub that sends us round in circles.
        if not page.names or int(page.after or 0) <= int(after or 0):
            break
        after = page.after
        book.note_pulled(hub.name, after)
    return taken
