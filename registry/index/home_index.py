"""The index of this process: kept at home, or in memory where nothing is, and brought up to date when it is asked."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from filelock import FileLock, Timeout

from registry.chain.connection import Chain
from registry.chain.raw_blocks import Blocks
from registry.did import DID
from registry.index.document_queue import DocumentQueue
from registry.index.entries import Money
from registry.index.events import Contracts
from registry.index.index_view import IndexView
from registry.index.indexer import FINALITY, Finality, Indexer, Standing, refold
from registry.index.item_queue import ItemQueue
from registry.index.library import Library
from registry.index.search.finder import Engine
from registry.index.search.fts import FtsEngine
from registry.index.stores import open_store
from registry.index.tables_store import Store
from registry.index.talk_book import TalkBook
from registry.money import DOLLARS
from registry.session import Session
from registry.text.waits import waiting_for
from registry.types import ZERO_ADDRESS

__all__ = ["LocalIndex", "contracts_of", "money_of", "open_index", "open_local"]

PATIENCE: Final = 20.0
"""Seconds for documents that are looked for while somebody waits."""

_OPEN: WeakKeyDictionary[Chain, dict[str, LocalIndex]] = WeakKeyDictionary()
_GUARD = threading.Lock()


class LocalIndex:
    """An indexer and the catalogue over it; `lock` keeps other processes from writing the same files."""

    def __init__(self, indexer: Indexer, catalogue: IndexView, lock: FileLock | None = None) -> None:
        self.indexer = indexer
        self.catalogue = catalogue
        self._lock = lock
        self._one = threading.Lock()

    def catch_up(self, *, seconds: float = PATIENCE) -> Standing | None:
        """Take new blocks, look for documents for so many seconds at most, and bring the search up to date.

        Returns None if another process is at it: then what there is is read. Raises what `Indexer.sync` raises.
        """
        with self._one:
            if self._lock is None:
                return self._catch_up(seconds)
            try:
                with waiting_for("another run that brings the index up to date", PATIENCE):
                    held = self._lock.acquire(timeout=0.05 if self.indexer.store.head() else PATIENCE)
            except Timeout:
                return None
            with held:
                return self._catch_up(seconds)

    def _catch_up(self, seconds: float) -> Standing:
        library = self.catalogue.library
        standing = self.indexer.sync()
        library.refresh()
        library.look(seconds=seconds)
        library.refresh()
        return standing

    def close(self) -> None:
        """Let go of the files."""
        self.catalogue.library.engine.close()
        self.indexer.store.close()


def open_local(session: Session) -> LocalIndex:
    """The index of the registry that a client uses, one for all clients of its chain in this process.

    Raises `IndexFault`.
    """
    with _GUARD:
        known = _OPEN.setdefault(session.chain, {})
        # A registry that was given to a DAO has contracts that it did not have before.
        name = f"{session.deployment.registry}{session.deployment.dao}"
        if name not in known:
            known[name] = _open(session)
        return known[name]


def _open(session: Session) -> LocalIndex:
    if session.home is None:
        return open_index(session, open_store(":memory:"), FtsEngine())
    folder = session.home / "index"
    stem = f"{session.chain.identity[:24]}-{session.deployment.registry[2:10].lower()}"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{stem}.lock")
    path = Path(folder / f"{stem}.sqlite")
    return open_index(session, open_store(str(path)), FtsEngine(folder / f"{stem}.search.sqlite"), lock=lock)


def open_index(
    session: Session,
    store: Store,
    engine: Engine,
    *,
    lock: FileLock | None = None,
    again: bool = False,
    finality: Finality | None = None,
    witness: Chain | None = None,
    verify: bool = False,
    keeps: bool = True,
) -> LocalIndex:
    """An index of the registry that `session` uses, in a store and an engine of one's choice; `again` makes it anew.

    Without `keeps` another process keeps the tables, and here nothing is written into them. Raises `IndexFault`.
    """
    contracts = contracts_of(session)
    identity = {
        "chain": str(session.chain.chain_id),
        "registry": contracts.registry,
        # An index that did not follow a contract from its first block would lack what it did.
        "contracts": " ".join(sorted(contracts.core)),
    }
    if keeps:
        _prepare(session, store, engine, contracts, identity, again=again)
    else:
        store.require(identity)
    documents = DocumentQueue(store, session.store)
    library = Library(store, engine, documents, ItemQueue(store, session.store), lambda: money_of(session))
    library.keeps = keeps
    indexer = Indexer(
        store,
        Blocks(session.chain),
        contracts,
        first=session.deployment.block,
        finality=finality or FINALITY.get(session.chain.chain_id),
        witness=Blocks(witness) if witness is not None else None,
        verify=verify,
        progress=session.progress,
    )
    book = TalkBook(library, contracts, session.chain)
    return LocalIndex(indexer, IndexView(library, contracts, lambda id: _did(session, id), book), lock)


def _prepare(
    session: Session, store: Store, engine: Engine, contracts: Contracts, identity: dict[str, str], *, again: bool
) -> None:
    """Make the tables, or bring those that are there up to this version."""
    again = again or _is_of_other_contracts(store, identity)
    if not again and store.is_older():
        with store.writing():
            store.upgrade()
            refold(store, contracts, progress=session.progress)
    store.prepare(identity, again=again)
    if again:
        engine.clear()


def _is_of_other_contracts(store: Store, identity: dict[str, str]) -> bool:
    """Whether an index of this very registry is there that followed fewer contracts."""
    if not store.is_there():
        return False
    facts = store.facts()
    return facts.get("registry") == identity["registry"] and facts.get("contracts") != identity["contracts"]


def contracts_of(session: Session) -> Contracts:
    """Where the contracts of a registry stand."""
    datatoken = session.chain.call(session.assets.functions.datatokenImplementation())
    return Contracts(session.deployment, datatoken)


def money_of(session: Session) -> Money:
    """What the payment tokens of a registry are, and which of them are dollars."""
    return Money(
        {
            (token.address or ZERO_ADDRESS).lower(): (
                token.symbol,
                token.decimals,
                1_000_000 if token.symbol in DOLLARS else 0,
            )
            for token in session.all_tokens
        }
    )


def _did(session: Session, id: int) -> DID:
    return DID(session.chain.chain_id, session.deployment.registry, id)
