"""How many services keep something, and the receipts of it: for each subject (a DID, or a CID) who keeps what."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from filelock import FileLock

from registry.errors import ContentError, InputError, NotFoundError, TooFewReplicas
from registry.errors.redaction import shown
from registry.ipfs.cid import CID
from registry.ipfs.pinning import PinningService, RemotePin, failure
from registry.system.disk import write_whole
from registry.text.html import Shown
from registry.text.waits import waiting_for

__all__ = ["PinReceipt", "PinReceipts", "ReplicaPolicy"]

_SLOWEST_POLL: Final = 30.0


@dataclass(frozen=True, slots=True)
class PinReceipt(Shown):
    """A service keeps a CID for a subject, as it said at `pinned` (seconds since 1970).

    `endpoint` and `gateway` are whole addresses, which may have keys in them; of both no more than the host is shown.
    """

    subject: str
    cid: str
    service: str
    endpoint: str
    gateway: str
    request_id: str
    pinned: float

    def __str__(self) -> str:
        return f"{self.service} keeps {self.cid} for {self.subject}"

    def __repr__(self) -> str:
        return f"Receipt({self.to_dict()})"

    def to_dict(self) -> dict[str, Any]:
        """The receipt as JSON for people and programs."""
        gateway = shown(self.gateway) if self.gateway else ""
        return asdict(self) | {"endpoint": shown(self.endpoint), "gateway": gateway}


class PinReceipts:
    """Receipts in a folder, a file for each subject; None keeps them in memory. Processes may share a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder: Final = folder
        self._memory: dict[str, tuple[PinReceipt, ...]] = {}

    def of(self, subject: str) -> tuple[PinReceipt, ...]:
        """The receipts of a subject, the oldest first. Raises `ContentError` for a damaged file."""
        if self._folder is None:
            return self._memory.get(subject, ())
        path = self._path(subject)
        try:
            return tuple(PinReceipt(**entry) for entry in json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError) as error:
            raise ContentError(
                f"The receipts at {str(path)!r} cannot be read: {error}.",
                hint="Move the file away and pin again: what is kept already is found and not pinned twice.",
            ) from error

    def subjects(self) -> tuple[str, ...]:
        """Every subject that has receipts."""
        if self._folder is None:
            return tuple(self._memory)
        return tuple(sorted(unquote(path.stem) for path in self._folder.glob("*.json")))

    def add(self, receipt: PinReceipt) -> None:
        """Keep a receipt, instead of an earlier one for the same CID and endpoint. It is on disk when this returns.

        Raises `ContentError` if it cannot be written.
        """
        if self._folder is None:
            self._memory[receipt.subject] = _with(self.of(receipt.subject), receipt)
            return
        path = self._path(receipt.subject)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with waiting_for("another run that keeps receipts", 60), FileLock(f"{path}.lock", timeout=60):
                receipts = [asdict(one) for one in _with(self.of(receipt.subject), receipt)]
                write_whole(path, json.dumps(receipts, indent=2).encode())
        except ContentError:
            raise
        except OSError as error:
            raise ContentError(
                f"The receipt at {str(path)!r} could not be written: {error}.",
                hint="Check the free space and the permissions; what was pinned stays pinned.",
            ) from error

    def _path(self, subject: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{quote(subject, safe='')}.json"


def _with(known: tuple[PinReceipt, ...], new: PinReceipt) -> tuple[PinReceipt, ...]:
    return (*(one for one in known if (one.cid, one.endpoint) != (new.cid, new.endpoint)), new)


class ReplicaPolicy:
    """At least `n` of `services` are to keep what is ensured, those named first preferred.

    `deadline` is how many seconds one service may take to fetch a CID before another is asked instead, `poll` the
    seconds between looks. `progress` is called with what is waited for, how many keep it, and `n`. Raises `InputError`
    for fewer services than `n`.
    """

    def __init__(
        self,
        n: int,
        services: Sequence[PinningService],
        *,
        receipts: PinReceipts | None = None,
        deadline: float = 600.0,
        poll: float = 1.0,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        if not 1 <= n <= len(services):
            raise InputError(
                f"{n} replicas cannot be made with {len(services)} services.",
                hint="Name one service for each at least.",
            )
        if len({service.endpoint for service in services}) < len(services):
            raise InputError("A service is named twice, and two pins there are one copy.", hint="Name it once.")
        self.n: Final = n
        self.services: Final = tuple(services)
        self.receipts: Final = PinReceipts(None) if receipts is None else receipts
        self.deadline, self.poll, self.progress = deadline, poll, progress

    def ensure(
        self, cid: CID, *, subject: str | None = None, name: str = "", origins: Sequence[str] = ()
    ) -> tuple[PinReceipt, ...]:
        """Have a CID kept by `n` services, and return the receipts, which are kept too, under `subject` (or the CID).

        What a service keeps or is fetching already is found and not asked for again, so running it again is safe.
        A service that refuses, fails or takes too long is passed over. Raises `TooFewReplicas` with the causes.
        """
        made: list[PinReceipt] = []
        causes: list[str] = []
        spare = deque(self.services)
        waiting: dict[PinningService, tuple[RemotePin, float]] = {}
        poll = self.poll
        while True:
            while spare and len(made) + len(waiting) < self.n:
                service = spare.popleft()
                with _noted(causes):
                    waiting[service] = _find_or_add(service, cid, name, origins), time.monotonic() + self.deadline
            for service, (pin, until) in list(waiting.items()):
                if pin.status == "pinned":
                    made.append(self._receipt(service, pin, subject or str(cid)))
                elif pin.status == "failed":
                    causes.append(failure(pin).message.rstrip("."))
                elif time.monotonic() >= until:
                    causes.append(f"{service.name} has it {pin.status} after {self.deadline:g} s")
                else:
                    continue
                del waiting[service]
            if self.progress is not None:
                self.progress(f"pinning {cid}", len(made), self.n)
            if len(made) >= self.n:
                return tuple(made)
            if spare and len(made) + len(waiting) < self.n:
                continue
            if not waiting:
                raise TooFewReplicas(cid, [receipt.service for receipt in made], self.n, causes)
            time.sleep(poll)
            poll = min(poll * 1.5, _SLOWEST_POLL)
            for service, (pin, until) in list(waiting.items()):
                del waiting[service]
                with _noted(causes):
                    waiting[service] = service.get(pin.request_id, cid), until

    def _receipt(self, service: PinningService, pin: RemotePin, subject: str) -> PinReceipt:
        made = PinReceipt(
            subject, str(pin.cid), service.name, service.endpoint, service.gateway, pin.request_id, time.time()
        )
        self.receipts.add(made)
        return made


@contextmanager
def _noted(causes: list[str]) -> Iterator[None]:
    """Add what goes wrong to the causes."""
    try:
        yield
    except (ContentError, NotFoundError) as error:
        causes.append(error.message.rstrip("."))


def _find_or_add(service: PinningService, cid: CID, name: str, origins: Sequence[str]) -> RemotePin:
    """The best request that a service has for a CID, or a new one."""
    known = [pin for pin in service.list(cids=[cid]) if pin.status != "failed"]
    for status in ("pinned", "pinning", "queued"):
        for pin in known:
            if pin.status == status:
                return pin
    return service.add(cid, name=name, origins=origins)
