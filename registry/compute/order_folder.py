"""The orders of one account, kept before any is handed in: whoever is killed in between finds job and use again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

from filelock import Timeout
from pydantic import Field

from registry.compute.host_offer import HostOffer
from registry.compute.job_document import JobOrder
from registry.errors import JobNotFound, JournalError
from registry.home import private_lock
from registry.sandbox.runs.document import Document
from registry.system.disk import load, write_whole
from registry.text.html import Shown
from registry.text.waits import waiting_for

__all__ = ["KeptOrder", "OrderFolder"]

_MOST: Final = 2**20
_PATIENCE: Final = 120.0


class KeptOrder(Shown, Document):
    """An order, the address of the host that it is for, and what that said last of its job: nothing before it took the
    order. With `over` nothing becomes of the job any more. `offer` is the host's, of one that is paid in escrow. Of one
    that is paid by the minute `began` is when it was first seen to run, in seconds since 1970, and `signed` how
    many uses were signed for it."""

    called = "an order that is kept"

    order: JobOrder
    offer: HostOffer | None = None
    url: Annotated[str, Field(max_length=2_048)]
    state: Annotated[str, Field(pattern=r"^[a-z ]{0,32}$")] = ""
    over: bool = False
    began: Annotated[int, Field(ge=0, le=2**48 - 1)] = 0
    signed: Annotated[int, Field(ge=1, le=2**32 - 1)] = 1

    @property
    def id(self) -> str:
        """The name of the job."""
        return self.order.job.id


class OrderFolder:
    """Orders in a folder, a file for each; in memory without one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._guard = folder, threading.RLock()
        self._known: dict[str, KeptOrder] = {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and processes from ordering meanwhile. Raises `JournalError` if one of them hangs."""
        with self._guard:
            if self._folder is None:
                yield
                return
            with self._typed():
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = private_lock(self._folder / "orders.lock", timeout=_PATIENCE)
                try:
                    with waiting_for("another run that orders", _PATIENCE):
                        lock.acquire()
                except Timeout:
                    raise JournalError(
                        f"Another run has been ordering for {_PATIENCE:g} s ({lock.lock_file}).",
                        hint="Wait for it, or end it.",
                    ) from None
            try:
                yield
            finally:
                lock.release()

    def put(self, kept: KeptOrder) -> None:
        """Keep an order, or what was said of it last. Raises `JournalError`."""
        if self._folder is None:
            self._known[kept.id] = kept
            return
        with self._typed():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._folder / f"{kept.id}.json", kept.to_bytes())

    def note(self, id: str, state: str, *, over: bool) -> None:
        """Note what a host said of a job, if its order is kept here. Raises `JournalError`."""
        for kept in self._beginning(id):
            if (kept.state, kept.over) != (state, over):
                self.put(kept.model_copy(update={"state": state, "over": over}))

    def note_minutes(self, id: str, began: int, signed: int) -> None:
        """Note what was signed for a job, if its order is kept here. Raises `JournalError`."""
        for kept in self._beginning(id):
            self.put(kept.model_copy(update={"began": began, "signed": signed}))

    def get(self, id: str) -> KeptOrder:
        """The order of the job of this name, or of a name that begins like this. Raises `JobNotFound`."""
        if not 4 <= len(id) <= 64 or set(id) - set("0123456789abcdef"):
            raise JobNotFound(id)
        found = self._beginning(id)
        if len(found) != 1:
            raise JobNotFound(id, "is the beginning of several" if found else "was not ordered here")
        return found[0]

    def all(self) -> tuple[KeptOrder, ...]:
        """All of them, the one that may be begun longest last. Raises `JournalError` and `InvalidRecord`."""
        return tuple(sorted(self._beginning(""), key=lambda kept: (kept.order.job.until, kept.id)))

    def _beginning(self, id: str) -> list[KeptOrder]:
        if self._folder is None:
            return [kept for name, kept in self._known.items() if name.startswith(id)]
        with self._typed():
            return [KeptOrder.from_bytes(load(path, _MOST)) for path in self._folder.glob(f"{id}*.json")]

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(
                f"What was ordered cannot be kept in {str(self._folder)!r}: {error.strerror or error}.",
                hint="Check the free space and the permissions, and run it again.",
            ) from error
