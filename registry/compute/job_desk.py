"""Where jobs of strangers are run on data that stay: taken by their terms, run in the sandbox, looked at, sealed, paid.

Each step is written down in the `JobBook` before it is done, and can be done again: whoever is killed at any of them
goes on with `work`. A use is taken when a sealed result lies ready, and for nothing else, once.
"""

from __future__ import annotations

import math
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from filelock import Timeout

from registry.assets.catalogue import Catalogue
from registry.compute import job_minutes
from registry.compute.chain_memory import paid_jobs
from registry.compute.engine_names import engine_named
from registry.compute.experiments import DATA, Experiments
from registry.compute.host_escrow import HostBonds, HostEscrow
from registry.compute.host_offer import HostOffer
from registry.compute.job_book import STEPS, JobBook, JobEntry
from registry.compute.job_document import ComputeJob, JobOrder
from registry.compute.job_log import SALT, JobLog, goes_out, kept_bytes
from registry.compute.job_minutes import next_use
from registry.compute.job_receipt import JobOutput, JobReceipt, told_memory
from registry.compute.order_checks import OrderChecks
from registry.compute.result_rules import broken_rules
from registry.compute.run_engine import RunEngine, RunTask
from registry.compute.sealed_result import seal_result
from registry.content.uses import SignedReceipt
from registry.did import DID
from registry.documents.compute_terms import Terms
from registry.documents.ddo import DDO
from registry.errors import (
    BlockNotFound,
    ConnectionFailed,
    ContractError,
    InputError,
    InvalidRecord,
    JobRefused,
    RegistryError,
    TransactionReverted,
    Unverified,
    WrongEnvironment,
    WrongJobState,
)
from registry.home import private_lock
from registry.ipfs.cid import CID
from registry.ipfs.store import NullSink, fetch, keep, writing
from registry.ipfs.unixfs import add_file, add_tree, cat
from registry.sandbox import Limits, Outcome, Tier
from registry.sandbox.runs.code import Code
from registry.sandbox.runs.lock import fetch_wheels
from registry.sandbox.runs.running import calm_variables, spool_of
from registry.session import Session
from registry.system.disk import write_whole

__all__ = ["JobDesk"]

_LOOK: Final = 0.2
"""Seconds between two looks at whether a job that runs was cancelled."""

_LOOK_AT_CHAIN: Final = 10.0
"""Seconds between two looks at whether one that runs is still paid for in escrow."""

_TOLD: Final = ("failed", "withheld", "delivered")
"""States in which the log of a job may go out."""

_GRACE: Final = 30.0
"""Seconds that a run goes on which nobody signed for."""

_TRIES: Final = 3
"""How often a run is begun that fails on the host's side, or is killed."""


class JobDesk:
    """The desk of one host: the account of a session, with a journal at home.

    `data` says where the data lie that their owner keeps, by DID: a folder or a file. What is public, and what the
    account has the key of, is fetched. `engine` is where runs are executed: see `engine_named`. Without a home the
    journal is gone with the desk, as the chain in a process is.
    """

    def __init__(
        self, session: Session, data: Mapping[str, str | Path] | None = None, engine: RunEngine | str = "local"
    ) -> None:
        self._session = session
        self._engine = engine_named(engine) if isinstance(engine, str) else engine
        self._spool = None if session.home else TemporaryDirectory(prefix="asset-registry-jobs-")
        home = Path(self._spool.name) if self._spool else session.home
        assert home is not None
        self.folder = home / "jobs" / session.address.lower()
        self._data = {str(session.did(did)): Path(path) for did, path in (data or {}).items()}
        self.book = JobBook(self.folder / "jobs.sqlite")
        self._experiments = Experiments(session)
        self._paying = threading.Lock()
        self._remembered: set[str] = set()

    # --- What people do --------------------------------------------------------------------------

    def accept(self, order: bytes) -> JobEntry:
        """Take an order; one that was taken before is found as it is.

        Raises `InvalidRecord` for what is no order, and `JobRefused` with all that speaks against it.
        """
        read = JobOrder.from_bytes(order)
        with suppress(LookupError):
            return self.book.get(read.job.id)
        document, outside = OrderChecks(self._session).checked(read)
        self._remember(read.job, document)
        Catalogue(self._session).keep(document)  # it may be another one tomorrow
        terms = document.compute
        assert terms is not None
        return self.book.accept(read, terms, review=bool(outside))

    def sign(self, id: str, use: SignedReceipt) -> JobEntry:
        """Take the use of one more minute of a job, which its consumer signed in place of the last; the same again is
        fine. Raises `JobRefused` for any other, and `WrongJobState` for a job that is over."""
        entry = self.book.get(id)
        first, signed = entry.order.receipt(), self.book.minutes(id)
        if first is None or not signed:
            raise JobRefused(entry.id, ["it is not paid for by the minute"])
        checks = OrderChecks(self._session)
        if use.uses > signed + 1 or next_use(use, 1) != next_use(first, 1) or not checks.is_of_its_holder(use):
            raise JobRefused(entry.id, ["its use is not one of a next minute, as its consumer signed it"])
        if entry.is_over:  # which nobody else is told
            raise WrongJobState(entry.id, entry.state, "signed for")
        if use.uses <= signed:
            return entry
        if reasons := checks.untakeable(use):
            raise JobRefused(entry.id, reasons)
        self.book.sign(entry, use)
        return entry

    def offer(self, order: bytes, bonds: HostBonds, licence: int | None = None) -> HostOffer:
        """Offer to run a job in escrow, if it keeps to the terms and their budget has room for it; nothing is promised
        by it before the consumer pays in. `licence` is the number of one for runs, by default the only one.

        Raises `InvalidRecord`, and `JobRefused` with all that speaks against it.
        """
        read = JobOrder.from_bytes(order)
        document, _outside = OrderChecks(self._session).checked(read, paid=False)
        assert document.compute is not None
        self._remember(read.job, document)
        self.book.require_room(read.job, document.compute)
        return HostEscrow(self._session).offer(read.job, bonds, document.compute.seconds, licence)

    def approve(self, id: str) -> JobEntry:
        """As the owner, let a job run that is in review, or a result go out that is held. Raises `WrongJobState`."""
        entry = self.book.get(id)
        return self.book.move(entry, "cleared" if entry.state == "held" else "queued")

    def decline(self, id: str, why: str = "") -> JobEntry:
        """As the owner, refuse a job that is in review, or a result that is held. Raises `WrongJobState`."""
        entry = self._ended(self.book.get(id), "declined", why=why)
        self._clear(entry)
        return entry

    def cancel(self, id: str) -> JobEntry:
        """End a job that has no result yet; one that runs is stopped where it runs. Raises `WrongJobState`."""
        entry = self._ended(self.book.get(id), "cancelled", why="")
        self._clear(entry)
        return entry

    def cancel_as_asked(self, id: str) -> JobEntry:
        """End a job because its consumer asks for it. One in escrow has to be ended there first, where the time that
        it ran is paid: else whoever asks late would have had it for nothing. Raises `JobRefused`, `WrongJobState`."""
        entry = self.book.get(id)
        if entry.order.escrow and not entry.is_over and HostEscrow(self._session).paid(entry.job) is not None:
            raise JobRefused(entry.id, ["it is in escrow: end it there, then here"])
        return self.cancel(id)

    def log(self, id: str) -> bytes:
        """What the program of a job wrote, at most 64 KiB: for the owner, since no rule looks at it."""
        with suppress(FileNotFoundError):
            return (self._place(self.book.get(id)) / "log").read_bytes()
        return b""

    def let_log_out(self, id: str) -> JobEntry:
        """As the owner, who read the log of a job that is over, let its consumer read it. Raises `WrongJobState`."""
        entry = self.book.get(id)
        if entry.state not in _TOLD or "salt" not in entry.facts:
            raise WrongJobState(entry.id, entry.state, "asked for its log")
        return entry if entry.facts.get("log_out") else self.book.let_log_out(entry, len(self.log(id)))

    def sealed_log(self, id: str) -> bytes:
        """The log of a job that is over, for its consumer alone. Raises `JobRefused` for one that is kept, and
        `WrongJobState` for a job that goes on."""
        entry = self.book.get(id)
        if not entry.is_over:
            raise WrongJobState(entry.id, entry.state, "asked for its log")
        if entry.state not in _TOLD or not entry.facts.get("log_out"):
            hint = "Ask the owner, who may let it out."
            raise JobRefused(entry.id, ["its log is kept for the owner of the data"], hint=hint)
        return self._log_of(entry).sealed(entry.job.recipient)

    def result(self, id: str) -> tuple[bytes, bytes]:
        """The sealed result of a job and its receipt. Raises `WrongJobState` if it is not delivered."""
        entry = self.book.get(id)
        if entry.receipt is None:
            raise WrongJobState(entry.id, entry.state, "fetched")
        return b"".join(cat(CID.parse(entry.facts["sealed"]), self._session.store)), entry.receipt

    # --- Steps -----------------------------------------------------------------------------------

    def work(self, id: str, *, stop: threading.Event | None = None) -> JobEntry:
        """Take a job as far as it goes now: to its end, or to where its owner is asked. With `stop` it is left, to be
        gone on with later. A job that another process works on is left to it.

        Raises the content, sandbox and chain errors that are the host's; `work` goes on where it was then.
        """
        entry, stop = self.book.get(id), stop or threading.Event()
        lock = private_lock(self.folder / f"{entry.id}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return entry
        try:
            entry = self.book.get(entry.id)
            if entry.state == "running":  # whoever ran it was killed
                entry = self._again(entry, "it was begun and not ended")
            return self._steps(entry, stop)
        except WrongJobState:
            entry = self.book.get(entry.id)
            if not entry.is_over:
                raise
            self._clear(entry)  # it was cancelled meanwhile
            return entry
        finally:
            lock.release()

    def _steps(self, entry: JobEntry, stop: threading.Event) -> JobEntry:
        terms = self._terms(entry)
        while not stop.is_set():
            if entry.state == "queued":
                late = time.time() > entry.job.until
                entry = self._ended(entry, "cancelled", why="too late") if late else self._run(entry, terms, stop)
            elif entry.state == "ran":
                entry = self._look(entry, terms)
            elif entry.state == "cleared":
                entry = self._seal(entry)
            elif entry.state == "sealed":
                entry = self._deliver(entry)
            else:
                break
        return entry

    def _run(self, entry: JobEntry, terms: Terms, stop: threading.Event) -> JobEntry:
        if entry.order.escrow:
            try:
                with self._paying:
                    HostEscrow(self._session).begin(entry.job)
            except JobRefused as error:
                return self.book.move(entry, "cancelled", why=error.message)
        entry = self.book.move(entry, "running")
        place = self._place(entry)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True, mode=0o700)
        try:
            with self._watched(entry, stop) as ended:
                outcome = self._outcome(entry, terms, place, ended)
        except (InvalidRecord, WrongEnvironment, _Unusable) as error:
            return self._ended(entry, "failed", why=error.message, taken=0)
        except ConnectionFailed as error:
            self.book.move(entry, "queued", why=error.message)  # a node that is gone for an hour breaks no job
            raise
        except (RegistryError, OSError) as error:
            self._again(entry, str(error))
            raise
        write_whole(place / "log", outcome.log)
        out = goes_out(terms, entry.job)
        taken = len(outcome.log) if out else 0
        log: dict[str, Any] = {"salt": secrets.token_hex(SALT), "log_out": out, "log_bytes": taken}
        if outcome.ended == "cancelled":
            return self.book.move(entry, "queued", why="the host was stopped")
        if not outcome.ok:
            left = outcome.ended in ("output", "files", "refused")
            return self._ended(entry, "withheld" if left else "failed", why=outcome.in_words(), taken=taken, **log)
        return self.book.move(
            entry,
            "ran",
            taken=taken + sum(file.size for file in outcome.outputs),
            outputs=[[file.path, file.size] for file in outcome.outputs],
            minutes=job_minutes.begun(outcome.seconds),
            seconds=math.ceil(outcome.seconds),
            memory=told_memory(outcome.memory),
            tier=outcome.tier.value,
            finished=int(time.time()),
            **log,
        )

    @contextmanager
    def _watched(self, entry: JobEntry, stop: threading.Event) -> Iterator[threading.Event]:
        """An event that is set when the host stops, or when the job is cancelled, also by another process."""
        ended, over = threading.Event(), threading.Event()

        def watch() -> None:
            asked = began = time.monotonic()
            while not over.wait(_LOOK):
                minutes = self.book.minutes(entry.id)
                if minutes and time.monotonic() > began + minutes * job_minutes.MINUTE + _GRACE:
                    with suppress(WrongJobState):
                        self.book.move(entry, "cancelled", why=f"nobody signed for more than {minutes} minutes")
                if entry.order.escrow and time.monotonic() > asked + _LOOK_AT_CHAIN:
                    asked = time.monotonic()
                    self._end_unpaid(entry)
                if stop.is_set() or self.book.get(entry.id).state != "running":
                    ended.set()
                    return

        watcher = threading.Thread(target=watch, name=f"job-{entry.id[:8]}", daemon=True)
        watcher.start()
        try:
            yield ended
        finally:
            over.set()
            watcher.join()

    def _end_unpaid(self, entry: JobEntry) -> None:
        """Cancel a job that runs if its consumer ended it in escrow, or its time there is over."""
        with suppress(ConnectionFailed, WrongJobState):  # a node that is away for a while says nothing
            if not HostEscrow(self._session).goes_on(entry.job):
                self.book.move(entry, "cancelled", why="its consumer ended it in escrow, or its time there is over")

    def _outcome(self, entry: JobEntry, terms: Terms, place: Path, cancel: threading.Event) -> Outcome:
        job = entry.job
        with ExitStack() as stack:
            spool = spool_of(stack, place)  # which whoever runs it can see
            program = self._program(job.code, spool)
            data = self._laid(entry, spool)
            most = Limits(
                seconds=terms.seconds,
                memory=terms.memory,
                processes=terms.processes,
                output=terms.most_bytes,
                files=sum(one.path.count("/") + 1 for one in terms.outputs),
                log=kept_bytes(terms, Limits().log),
            )
            task = RunTask(
                program=program,
                inputs={DATA: data},
                params=job.params,
                variables=calm_variables(job.seed),
                outputs=place / "out",
                limits=program.limits.within(most),
                spool=spool,
                least=Tier(terms.tier),
            )
            return self._engine.execute(self._experiments.workshop, task, cancel)

    def _program(self, code: CID, spool: Path) -> Code:
        try:
            program = self._experiments.code(code, spool / "code")
        except InputError as error:
            raise _Unusable(error.message, hint=error.hint) from error
        if program.lock is not None:
            fetch_wheels(program.lock, self._session.store, self._session.progress)
        return program

    def _laid(self, entry: JobEntry, spool: Path) -> Path:
        """Where the data lie, every byte as its document promises. Raises `Unverified` and the content errors."""
        job = entry.job
        path = self._data.get(job.data)
        if path is None:
            content = Catalogue(self._session).get(job.data).ddo.content
            if content is not None and content.kept:
                raise BlockNotFound(job.content, f"the folders of this host: name where {job.data} lies")
            return self._experiments.workshop.lay(job.data, spool / "in", version=job.data_version).path
        # With all that lies there: a program would see names that the content leaves out.
        found = add_tree(path, NullSink(), hidden=True)
        if found.cid != job.content:
            raise Unverified(job.content, str(path), f"what lies there is {found.cid}")
        return path

    def _look(self, entry: JobEntry, terms: Terms) -> JobEntry:
        files = [(path, size) for path, size in entry.facts["outputs"]]
        broken = broken_rules(self._place(entry) / "out", files, terms)
        if broken:
            moved = self._ended(entry, "withheld", why="; ".join(broken), taken=entry.facts["log_bytes"])
            self._clear(moved)
            return moved
        return self.book.move(entry, "held" if terms.release == "owner" else "cleared")

    def _seal(self, entry: JobEntry) -> JobEntry:
        place = self._place(entry)
        added, sealed = seal_result(place / "out", entry.job.recipient)
        write_whole(place / "result.age", sealed)
        store = self._session.store
        with writing(store):
            cid = add_file(place / "result.age", store).cid
            keep(store, {cid: f"result of job {entry.id[:16]}"})
        subjects = [[file.path, str(file.cid)] for file in sorted(added.files, key=lambda file: file.path)]
        return self.book.move(entry, "sealed", sealed=str(cid), root=str(added.cid), subjects=subjects)

    def _deliver(self, entry: JobEntry) -> JobEntry:
        use = self.book.use(entry, entry.facts["minutes"])
        if entry.order.escrow:
            result = bytes(CID.parse(entry.facts["sealed"]).digest)
            with self._paying:
                delivered = HostEscrow(self._session).deliver(entry.job, result, entry.facts["seconds"])
            if not delivered:
                moved = self.book.move(entry, "unpaid", why="its consumer ended it, or it came too late", taken=0)
                self._clear(moved)
                return moved
        if use is not None:
            call = self._session.receipt_contract.functions.consumeWithReceipt(use.values(), use.signature)
            outbox = self._session.actor.outbox("take the use of a job")
            try:
                with self._paying:  # an account's transactions have an order
                    outbox.send(call, intent=f"compute:{entry.id}", once=True)
            except ConnectionFailed:
                raise
            except (ContractError, TransactionReverted) as error:
                moved = self.book.move(entry, "unpaid", why=error.message, taken=0)
                self._clear(moved)
                return moved
        receipt = self._receipt(entry).signed_by(self._session.actor.signing("sign the receipt of a job"))
        moved = self.book.move(entry, "delivered", receipt=receipt)
        self._clear(moved)
        return moved

    def _receipt(self, entry: JobEntry) -> JobReceipt:
        facts: dict[str, Any] = entry.facts
        return JobReceipt(
            job=entry.job,
            outputs=tuple(JobOutput(path, CID.parse(cid)) for path, cid in facts["subjects"]),
            root=CID.parse(facts["root"]),
            sealed=CID.parse(facts["sealed"]),
            tier=facts["tier"],
            minutes=facts["minutes"],
            memory=facts["memory"],
            finished=facts["finished"],
            log=self._log_of(entry).root,
        )

    def _log_of(self, entry: JobEntry) -> JobLog:
        return JobLog(bytes.fromhex(entry.facts["salt"]), self.log(entry.id))

    # --- Below -----------------------------------------------------------------------------------

    def _again(self, entry: JobEntry, why: str) -> JobEntry:
        if entry.tries < _TRIES:
            return self.book.move(entry, "queued", why=why)
        return self._ended(entry, "broken", why=why)

    def _ended(self, entry: JobEntry, state: str, *, why: str, **changes: Any) -> JobEntry:
        """The end of a job without a result. What is in escrow for it goes back first: whoever is killed in between
        finds that done, and the bond is not lost."""
        if state not in STEPS.get(entry.state, ()):
            raise WrongJobState(entry.id, entry.state, state)
        if entry.order.escrow:
            with self._paying:
                HostEscrow(self._session).give_up(entry.job)
        return self.book.move(entry, state, why=why, **changes)

    def _remember(self, job: ComputeJob, document: DDO) -> None:
        """Count what was paid for by the chain, and the journal forgot. Asked once for each offering: a journal is
        restored while nothing runs."""
        if self._spool is not None or job.offering in self._remembered:
            return  # without a home there is nothing to be restored
        assert document.compute is not None
        paid = paid_jobs(self._session, DID.parse(job.offering))
        self.book.remember(paid, job.data, job.data_version, document.compute.most_taken)
        self._remembered.add(job.offering)

    def _terms(self, entry: JobEntry) -> Terms:
        """The terms that the job was taken under, whatever the document says today."""
        terms = DDO.from_bytes(fetch(entry.job.terms, self._session.store)).compute
        if terms is None:
            raise JobRefused(entry.id, ["its document has no terms"])
        return terms

    def _place(self, entry: JobEntry) -> Path:
        return self.folder / entry.id

    def _clear(self, entry: JobEntry) -> None:
        """Take away what lies in the clear; the log stays for the owner."""
        with suppress(FileNotFoundError):
            for path in self._place(entry).iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name != "log":
                    path.unlink()


class _Unusable(InputError):
    """Code that cannot be run as it is: its consumer's choice."""
