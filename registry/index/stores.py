"""Which database an index is in, by its address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from registry.index.tables_store import Store

__all__ = ["filled_store", "is_server", "open_store"]

_OF_A_FILE = ("", "-journal", "-wal", "-shm")
"""What SQLite makes beside a file, after its name."""


def open_store(where: str) -> Store:
    """The store at a place: ``postgresql://...``, ``:memory:``, or the path of a file. Raises `IndexFault`."""
    if is_server(where):
        from registry.index.postgres import PostgresStore

        return PostgresStore(where)
    from registry.index.sqlite import SqliteStore

    return SqliteStore(where)


@contextmanager
def filled_store(where: str) -> Iterator[Store]:
    """The store at a place, to be filled within: if that fails, no file is left where none was. Raises as
    `open_store`."""
    is_new = not is_server(where) and not Path(where).exists()
    try:
        with closing(open_store(where)) as store:
            yield store
    except BaseException:
        for end in _OF_A_FILE if is_new else ():
            Path(where + end).unlink(missing_ok=True)
        raise


def is_server(where: str) -> bool:
    """Whether a place is a server's, and no file."""
    return where.startswith(("postgresql://", "postgres://"))
