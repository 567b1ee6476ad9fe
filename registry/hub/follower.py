"""A hub without its HTTP: an index that follows its chain in the background, and how well it does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from importlib.metadata import version
from typing import Final

from registry.errors import ChainError, ForkBelowFinal, RegistryError
from registry.hub.hooks import Hooks
from registry.hub.hub_settings import HubSettings
from registry.hub.unanswered import Unanswered
from registry.index import rank, readmes
from registry.index.home_index import LocalIndex
from registry.index.indexer import Standing
from registry.index.models import BlockShown, HubFacts
from registry.index.remote import RemoteHub
from registry.index.statement_sync import pull
from registry.ipfs.blocks import keep
from registry.ipfs.cid import CID
from registry.ipfs.store import BlockStore

__all__ = ["Hub"]

_log = logging.getLogger(__name__)

NIGHT: Final = 86_400.0
"""Seconds after which every asset is put where its worth is now."""

SILENCE: Final = 120.0
"""Seconds without a look at the chain after which a hub is unwell."""


class Hub:
    """One index for everybody. With `follows` it reads the chain itself; else another process keeps its tables, and it
    follows those with a search of its own. `keeps` is where reasons of flags are put that people hand in; None for a
    hub that takes none. What is said at the hubs `peers` is said here too, as far as it is right."""

    def __init__(
        self,
        index: LocalIndex,
        settings: HubSettings,
        *,
        chain_id: int,
        follows: bool = True,
        hooks: Hooks | None = None,
        verifies: bool = False,
        second_node: bool = False,
        keeps: BlockStore | None = None,
        peers: Sequence[str] = (),
    ) -> None:
        self.settings = settings
        self.url = settings.url
        self.index = index
        self.catalogue = index.catalogue
        self.catalogue.library.keeps = follows
        self.on_fault: Callable[[str], None] = lambda _: None
        self._chain_id = chain_id
        self._follows = follows
        self._hooks = hooks
        self._verifies, self._second_node = verifies, second_node
        self._keeps = keeps
        self._peers = tuple(peers)
        self._standing: Standing | None = None
        self._fault = ""
        self._seen = time.monotonic()
        self._valued = time.monotonic()
        self._told: tuple[HubFacts | None, float] = (None, 0.0)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    # --- Following -------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow, in threads of its own."""
        works: list[tuple[str, Callable[[], None]]] = [("following", self._follow), ("documents", self._look)]
        if self._hooks is not None:
            works.append(("hooks", self._tell))
        if self._follows:
            # A thread for each: a hub that answers slowly keeps nobody from the others.
            works += [("talk", partial(self._listen, url)) for url in self._peers]
        for name, work in works:
            thread = threading.Thread(target=work, name=f"hub-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what is under way, and stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        self._threads.clear()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                if self._follows:
                    self._standing = self.index.indexer.sync()
                self.catalogue.library.refresh()
                self._value_again()
                self.catalogue.root()  # made here, since it may take longer than the question of a stranger may
                self._fault = ""
            except ForkBelowFinal as error:
                self._trouble(error)
                # Nothing that this process could do would be right: somebody must look.
                return
            except RegistryError as error:
                self._trouble(error)
            except Exception as error:
                self._trouble(error)
                _log.exception("The hub does not follow")
            self._seen = time.monotonic()
            self._stop.wait(self.settings.every)

    def _value_again(self) -> None:
        if time.monotonic() - self._valued > NIGHT:
            self.catalogue.library.value_again()
            self._valued = time.monotonic()

    def _look(self) -> None:
        """Look for documents, beside the chain: a slow source must not keep blocks waiting."""
        while not self._stop.is_set():
            try:
                if self._follows:
                    self.catalogue.library.look(seconds=5)
            except Exception as error:
                self._stumble(error)
            self._stop.wait(1.0)

    def _tell(self) -> None:
        while not self._stop.is_set():
            try:
                if self._hooks is not None:
                    self._hooks.tell(self.catalogue, self._stop)
            except Exception as error:
                self._stumble(error)
            self._stop.wait(self.settings.every)

    def _listen(self, url: str) -> None:
        """Pull what is said at another hub."""
        while not self._stop.is_set():
            try:
                with closing(RemoteHub(url)) as hub:
                    pull(self.catalogue.book, hub, self._stop)
            except Exception as error:
                self._stumble(error)
            self._stop.wait(max(self.settings.every, self.settings.listens))

    def _stumble(self, error: Exception) -> None:
        """Count a fault of what is done beside the chain, which goes on: nothing of a stranger's may end a thread."""
        self.on_fault(type(error).__name__)
        if not isinstance(error, RegistryError):
            _log.error("A fault beside the chain", exc_info=error)

    def _trouble(self, error: Exception) -> None:
        self._fault = error.message if isinstance(error, RegistryError) else type(error).__name__
        self.on_fault(type(error).__name__)
        if isinstance(error, ChainError):
            _log.warning("%s", error)

    # --- How it is -------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Time of the last block, in seconds since 1970."""
        return self.catalogue.library.now

    @property
    def block(self) -> BlockShown:
        """The last block that was taken."""
        return self.catalogue.block

    def say(self, statement: bytes) -> bool:
        """Take a signed statement; see `TalkBook.take`. Raises `Unanswered` where another process keeps the tables."""
        if not self._follows:
            raise Unanswered(503, "read_only", "This hub only reads.", hint="Hand it in at another one.")
        return self.catalogue.book.take(statement)

    def keep(self, reason: bytes) -> bool:
        """Keep the reason of a flag or an appeal; says whether the chain names such a text. Anything else is not kept:
        so what a hub holds for strangers is what they paid a bond for."""
        cid = CID.raw(reason)
        if self._keeps is None or not self.catalogue.rows("case_of", bytes(cid.digest)):
            return False
        self._keeps.put(cid, reason)
        keep(self._keeps, {cid: "reason of a flag"})
        return True

    def bring(self, document: bytes) -> bool:
        """Take a document that somebody brings; says whether an asset waits for it."""
        return self._follows and self.catalogue.library.documents.take(document)

    @property
    def lag(self) -> int:
        """Blocks behind its node."""
        return self._standing.lag if self._standing is not None else 0

    @property
    def final(self) -> int:
        """The last block that is final."""
        return self._standing.final if self._standing is not None else -1

    def state(self) -> str:
        """The same as long as every answer is."""
        library = self.catalogue.library
        final = library.store.facts().get("final", "")
        return f"{self.catalogue.block.hash} {library.engine.cursor()} {final} {self.catalogue.book.last}"

    def trouble(self) -> str:
        """What keeps it from being well, "" for nothing."""
        self.catalogue.library.store.facts()
        if self._fault:
            return self._fault[:300]
        if self._follows and self.lag > self.settings.lag:
            return f"It is {self.lag} blocks behind its node."
        silent = time.monotonic() - self._seen
        return f"It has not looked at the chain for {silent:.0f} seconds." if silent > SILENCE else ""

    def facts(self) -> HubFacts:
        """What it is, and how far, as of some seconds ago: a million documents are not counted for each who asks."""
        told, when = self._told
        if told is None or time.monotonic() - when > self.settings.every:
            told = self._counted()
            self._told = (told, time.monotonic())
        return told

    def _counted(self) -> HubFacts:
        library = self.catalogue.library
        store = library.store
        statuses = {
            status: int(count)
            for status, count in store.rows(
                "SELECT status, count(*) FROM document WHERE kind <> ? GROUP BY status", readmes.KIND
            )
        }
        head = store.head() or (0, "0x" + "00" * 32)
        return HubFacts(
            chain_id=self._chain_id,
            registry=store.facts()["registry"],
            version=version("asset-registry"),
            ranking=rank.VERSION,
            engine=type(library.engine).__name__,
            head=BlockShown(number=max(0, head[0]), hash=head[1]),
            final=int(store.facts().get("final", -1)),
            lag=self.lag,
            waits=(self._standing.waits if self._standing is not None else "")[:300],
            assets=int(store.rows("SELECT count(*) FROM asset")[0][0]),
            documents=statuses,
            statements=self.catalogue.book.count(),
            verifies=self._verifies,
            second_node=self._second_node,
        )
