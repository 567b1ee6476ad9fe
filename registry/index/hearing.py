"""What is said of an asset as readers hear it: from this index or a hub, and of a hub only what was really signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from registry.chain.connection import Chain
from registry.documents.signed_statements import SignedStatement, TalkStatement, read_statement
from registry.errors import InputError
from registry.index.conversation import unsigned
from registry.index.index_reader import IndexReader
from registry.index.models import Statements

__all__ = ["heard", "heard_by", "heard_in"]

PAGES: Final = 100
"""Pages of statements that are read of one reader, the newest first."""


def heard(reader: IndexReader, chain: Chain, id: int, *, pages: int = PAGES) -> list[TalkStatement]:
    """What is said of the asset `id`. Raises what the reader does, and `ConnectionFailed`."""
    return _true(reader, chain, lambda after: reader.statements(id, after=after), pages)


def heard_by(reader: IndexReader, chain: Chain, account: str, *, pages: int = PAGES) -> list[TalkStatement]:
    """What an account says."""
    return _true(reader, chain, lambda after: reader.statements_by(account, after=after), pages)


def heard_in(reader: IndexReader, chain: Chain, account: str, *, pages: int = PAGES) -> list[TalkStatement]:
    """Requests for the assets of an account, with what was answered and withdrawn there."""
    return _true(reader, chain, lambda after: reader.inbox(account, after=after), pages)


def _true(reader: IndexReader, chain: Chain, page: Callable[[str], Statements], pages: int) -> list[TalkStatement]:
    """What a reader tells; of a hub without what nobody signed, and what is no statement."""
    if not reader.name:
        return [read_statement(one.encode()).said for one in _pages(page, pages)]
    told: list[SignedStatement] = []
    for one in _pages(page, pages):
        try:
            told.append(read_statement(one.encode("utf-8", "replace")))
        except InputError:
            continue
    forged = unsigned(told, chain, chain.block().number)
    return [one.said for one in told if one.said.id not in forged]


def _pages(page: Callable[[str], Statements], pages: int) -> Iterator[str]:
    after = ""
    for _ in range(pages):
        found = page(after)
        yield from found.statements
        if not found.after or (after and int(found.after) >= int(after)):
            return
        after = found.after
