"""A job that was ordered, as its consumer follows it at its host; and its result, once it is there."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from registry.assets.rights import Rights
from registry.compute.host_client import HostClient
from registry.compute.host_protocol import HostedJob
from registry.compute.job_document import ComputeJob, JobOrder
from registry.compute.job_escrow import EscrowedJob, JobEscrow, JobStatus
from registry.compute.job_log import opened_log
from registry.compute.job_minutes import begun, most_minutes, next_use
from registry.compute.job_receipt import JobReceipt, read_receipt
from registry.compute.order_folder import OrderFolder
from registry.compute.sealed_result import open_result
from registry.content.unlocking import wallet_of
from registry.documents.ddo import DDO
from registry.errors import ComputeError, FileNotInAsset, ForgedReceipt, HostError, JobNotFound, JobRefused, WrongKey
from registry.gated.identity import Identity
from registry.ipfs.store import NullSink, fetch
from registry.ipfs.unixfs import FileEntry, add_file
from registry.results import Done
from registry.sandbox.bounded_log import readable
from registry.text.html import Shown
from registry.text.waits import waiting_for

if TYPE_CHECKING:
    from registry.session import Session

__all__ = ["OrderedJob", "SavedResult", "is_late", "opened", "verified", "wait_for_all"]

_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0

_LATE: Final = "late"


@dataclass(frozen=True, slots=True)
class SavedResult(Shown):
    """A result that was opened: its files, what its host says of it, and the `paper` that says so, as it was signed."""

    files: tuple[FileEntry, ...]
    receipt: JobReceipt
    paper: bytes = field(repr=False)


class OrderedJob:
    """One order at one host. Every verb can be used again: the same order is the same job. What is told of it is noted
    in `folder`, if its order is kept there."""

    def __init__(self, registry: Session, order: JobOrder, url: str, folder: OrderFolder) -> None:
        self._registry, self.order, self._folder = registry, order, folder
        self._files: dict[str, bytes] | None = None
        self._began, self._signed = 0, 1
        with suppress(JobNotFound):
            kept = folder.get(order.job.id)
            self._began, self._signed = kept.began, kept.signed
        self._host = HostClient(url, registry.reach, wallet_of(registry, "ask for a job"))

    @property
    def _escrow(self) -> JobEscrow:
        return JobEscrow(self._registry)

    @property
    def id(self) -> str:
        """The name of the job."""
        return self.order.job.id

    @property
    def url(self) -> str:
        """Where its host is."""
        return self._host.url

    def submit(self) -> HostedJob:
        """Hand the order in. Raises `JobRefused` with the host's reasons, and `HostError`."""
        try:
            return self._noted(self._host.submit(self.order))
        except JobRefused:
            self._folder.note(self.id, "refused", over=True)
            raise

    def status(self) -> HostedJob:
        """Where the job is. Raises `HostError`."""
        return self._noted(self._host.status(self.order))

    def wait(self, seconds: float = 600.0) -> HostedJob:
        """Wait until the job is over. One that is paid by the minute is signed for meanwhile, a minute ahead, and ends
        when nobody waits for it any more. Raises `HostError` for one that is not over after `seconds`, or that waits
        for its owner then."""
        ended = wait_for_all([self], seconds)[self.id]
        if isinstance(ended, ComputeError):
            raise ended
        return ended

    def keep_on(self) -> HostedJob:
        """Where the job is, once it is signed for what it goes on with, where it is paid by the minute. Raises
        `JobRefused`, and `HostError`."""
        return self._signed_for(self.status())

    def _signed_for(self, found: HostedJob) -> HostedJob:
        """Sign for each minute that is begun, and the next: by the terms of the order, this clock, and the uses that
        are held, whatever the host says. Raises `JobRefused`, and `HostError`."""
        first = self.order.receipt()
        if found.state != "running" or not found.minutes or first is None:
            return found
        self._began = self._began or int(time.time())
        terms = DDO.from_bytes(fetch(self.order.job.terms, self._registry.store)).compute
        held = Rights(self._registry).holding(first.did, first.licence).uses
        most = min(most_minutes(terms) if terms is not None else 0, held, begun(time.time() - self._began + 1e-6) + 1)
        for minutes in range(found.minutes + 1, most + 1):
            use = next_use(first, minutes)
            signer = self._registry.actor.signing("pay for a minute of a job")
            try:
                found = self._host.sign(self.order, replace(use, signature=signer.sign_typed_data(use.message())))
            except ComputeError:
                if (found := self.status()).state == "running":
                    raise
                return found  # it ended while that was signed
            self._signed = max(self._signed, minutes)
        self._folder.note_minutes(self.id, self._began, self._signed)
        return found

    def receipt(self) -> JobReceipt:
        """What the host signed of it. Raises `ForgedReceipt`, `HostError`."""
        return self._checked()[1]

    def save(self, target: str | PathLike[str]) -> SavedResult:
        """Write the files of the result to `target`, each byte as its host signed for this very order. Raises
        `ForgedReceipt`, `WrongKey`, `Unverified`, `HostError`."""
        paper, receipt = self._checked()
        return SavedResult(opened(self._registry, self._result(receipt), receipt, Path(target)), receipt, paper)

    def logs(self) -> str:
        """What the program wrote, where the terms or the owner of the data let that out, as text that a terminal obeys
        in nothing but line breaks and tabs; of a job that was delivered, the log that its host signed for.

        Raises `JobRefused` for one that is kept, `ForgedReceipt`, `WrongKey`, and `HostError` for a job that goes on.
        """
        sealed = self._host.log(self.order)
        root = self.receipt().log if self.status().state == "delivered" else None
        return readable(opened_log(sealed, _identity(self._registry, self.order.job, "the log"), root).text)

    def open(self, path: str = "") -> io.BytesIO:
        """A file of the result; the only one without a `path`. Raises `FileNotInAsset`, and what `save` raises."""
        if self._files is None:
            with TemporaryDirectory(prefix="asset-registry-result-") as folder:
                files = self.save(Path(folder) / "out").files
                self._files = {file.path: (Path(folder) / "out" / file.path).read_bytes() for file in files}
        names = list(self._files)
        if not path and len(names) == 1:
            path = names[0]
        if path not in self._files:
            raise FileNotInAsset(path, names)
        return io.BytesIO(self._files[path])

    def cancel(self) -> HostedJob:
        """End it, unless it has a result. One in escrow is ended there, where the time that it ran is paid, and its
        host is told. Raises `HostError`, and what the contract answers."""
        if not self.order.escrow:
            return self._noted(self._host.cancel(self.order))
        found = self.escrowed()
        goes_on = found.status in (JobStatus.OPEN, JobStatus.RUNNING)
        if goes_on:
            self._escrow.cancel(found.id)
        try:
            return self._noted(self._host.cancel(self.order))
        except HostError:  # which learns of it when it asks the chain
            if not goes_on:
                raise
            return self._noted(HostedJob(id=self.id, state="cancelled", over=True))

    def escrowed(self) -> EscrowedJob:
        """Where the money of a job in escrow is: the last that was opened for it. Raises `JobNotFound`."""
        found = self._escrow.of(self.order.job)
        if not found:
            raise JobNotFound(self.id, "is not in escrow")
        return next((one for one in found if one.status is not JobStatus.CLOSED), found[-1])

    def settle(self) -> Done:
        """Have a result that is good paid now, and not after the review. Raises `JobNotFound`, and what the contract
        answers."""
        return self._escrow.settle(self.escrowed().id)

    def dispute(self, reason: str) -> Done:
        """Dispute what was delivered, with a `reason` that the council reads, against a bond as large as the host's.
        Raises `JobNotFound`, `InputError`, and what the contract answers."""
        return self._escrow.dispute(self.escrowed().id, reason)

    def _checked(self) -> tuple[bytes, JobReceipt]:
        """The receipt as it came, and what it says of this very job."""
        receipt = self._host.receipt(self.order)
        read = verified(self._registry, receipt)
        if read.job != self.order.job:
            raise ForgedReceipt("it is of another job than was ordered")
        return receipt, read

    def _result(self, receipt: JobReceipt) -> bytes:
        """The sealed result, as the receipt names it; and in escrow, as its host told the chain, which a council rules
        by, for no more time than it signed for. Raises `ForgedReceipt`."""
        sealed = self._host.result(self.order)
        if (found := add_file(io.BytesIO(sealed), NullSink()).cid) != receipt.sealed:
            raise ForgedReceipt(f"the result is {found}, and the host signed for {receipt.sealed}")
        if self.order.escrow:
            told = self.escrowed()
            if told.result != bytes(receipt.sealed.digest).hex():
                raise ForgedReceipt(
                    f"the result is {found}, and the host delivered {told.result or 'nothing'} in escrow"
                )
            if told.used > 60 * receipt.minutes:
                raise ForgedReceipt(
                    f"{told.used:,} s are counted in escrow, and the host signed for {receipt.minutes} min"
                )
        return sealed

    def _noted(self, said: HostedJob) -> HostedJob:
        self._folder.note(self.id, said.state, over=said.over)
        return said

    def __repr__(self) -> str:
        job = self.order.job
        return f"OrderedJob({self.id[:16]}, {job.code} on {job.data} at {self._host.url})"


def wait_for_all(jobs: Sequence[OrderedJob], seconds: float) -> dict[str, HostedJob | ComputeError]:
    """How each job ended, by its name, or the `HostError` or `JobRefused` of one that did not within `seconds`. All are
    asked in turn, since one that is paid by the minute ends when nobody signs for it while others are waited for."""
    until, pause = time.monotonic() + seconds, _PAUSE
    ended: dict[str, HostedJob | ComputeError] = {}
    while True:
        states = {}
        for job in jobs:
            if job.id not in ended:
                try:
                    found = job.keep_on()
                except ComputeError as error:
                    ended[job.id] = error
                    continue
                if found.over:
                    ended[job.id] = found
                else:
                    states[job] = found.state
        if not states:
            return ended
        if time.monotonic() + pause > until:
            late = {
                job.id: HostError(job.url, f"the job is {state} after {seconds:g} s", code=_LATE)
                for job, state in states.items()
            }
            return ended | late
        what = ", ".join(f"job {job.id[:16]}, {state} at {job.url}" for job, state in states.items())
        with waiting_for(what, seconds, since=until - seconds):
            time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def is_late(error: Exception) -> bool:
    """Whether a wait for a job ended before the job did."""
    return isinstance(error, HostError) and error.code == _LATE


def verified(registry: Session, receipt: bytes | JobReceipt) -> JobReceipt:
    """What a receipt says, held against the document of its terms. Raises `ForgedReceipt` and the content errors."""
    read = receipt if isinstance(receipt, JobReceipt) else read_receipt(receipt)
    read.check(DDO.from_bytes(fetch(read.job.terms, registry.store)))
    return read


def opened(registry: Session, result: bytes, receipt: JobReceipt, target: Path) -> tuple[FileEntry, ...]:
    """Write the files of a sealed result. Raises `WrongKey` and `Unverified`."""
    return open_result(result, _identity(registry, receipt.job, "the result"), receipt.root, target)


def _identity(registry: Session, job: ComputeJob, what: str) -> Identity:
    """The key that a job is sealed to. Raises `WrongKey`."""
    identity = registry.keys.get(registry.address, job.recipient)
    if identity is None:
        raise WrongKey(what, f"a key of {registry.address}")
    return identity
