"""Which database an index is in, by its address."""

from __future__ import annotations

from registry.index.tables_store import Store

__all__ = ["open_store"]


def open_store(where: str) -> Store:
    """The store at a place: ``postgresql://...``, ``:memory:``, or the path of a file. Raises `IndexFault`."""
    if where.startswith(("postgresql://", "postgres://")):
        from registry.index.postgres import PostgresStore

        return PostgresStore(where)
    from registry.index.sqlite import SqliteStore

    return SqliteStore(where)
