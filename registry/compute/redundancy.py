"""The same job at several hosts, whose results are held against each other.

No host learns of another's answer before it has given its own: each result is sealed to a key of its own, and the
receipt goes to the consumer alone. What counts is what opens, byte by byte, up to the root that its host signed; where
code says that an output may differ (``compare = "close"``), no vote is taken at all. A majority is no proof: hosts that
collude outvote an honest one, so the odd answer is shown, and in escrow disputed, and nothing is taken from its host by
code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from registry.compute.experiments import Experiments
from registry.compute.host_protocol import HostedJob
from registry.compute.job_receipt import JobOutput
from registry.compute.ordered_job import OrderedJob, is_late, wait_for_all
from registry.documents.canonical import canonical_bytes
from registry.errors import ComputeError, ContentError, InputError
from registry.ipfs.cid import CID
from registry.results import Done
from registry.sandbox.runs.code import Code
from registry.sandbox.runs.running import spool_of
from registry.text.html import Shown
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.session import Session

_NAME_HOSTS: Final = 'Name them: hosts={"0x...": "https://...", ...} (--host 0x...=https://...).'

__all__ = ["HostAnswer", "HostsAgreement", "RedundantJob"]


@dataclass(frozen=True, slots=True)
class HostAnswer(Shown):
    """What one host answered: how its job ended, or that the host is "silent" or "late"; the `root` of the files that
    came out and opened, None without them; and what is wrong with an answer that cannot be believed."""

    host: Address
    job: str
    state: str
    root: CID | None = None
    outputs: tuple[JobOutput, ...] = ()
    fault: str = ""

    def in_words(self) -> str:
        """What it gave, as a clause without the host."""
        return self.fault or f"gave {self.root}"


@dataclass(frozen=True, slots=True)
class HostsAgreement(Shown):
    """The answers of all hosts. `differing` are outputs whose code lets them differ: with any of them nothing is voted
    on."""

    answers: tuple[HostAnswer, ...]
    differing: tuple[str, ...] = ()

    @property
    def agreed(self) -> tuple[HostAnswer, ...]:
        """The answers with the same files, if more than half of all hosts gave them."""
        if self.differing:
            return ()
        given = [one for one in self.answers if one.root is not None]
        alike = [tuple(other for other in given if other.root == one.root) for one in given]
        best = max(alike, key=len, default=())
        return best if 2 * len(best) > len(self.answers) else ()

    @property
    def odd(self) -> tuple[HostAnswer, ...]:
        """The answers that were given, and are not among those that agree; none where nothing agrees."""
        return tuple(one for one in self.answers if self.agreed and one.state == "delivered" and one not in self.agreed)

    def in_words(self) -> str:
        """What they say, as a clause."""
        if self.differing:
            return f"{', '.join(self.differing)} may differ between machines: compare it yourself"
        if not self.agreed:
            return f"no answer was given by more than half of {len(self.answers)} hosts"
        said = f"{len(self.agreed)} of {len(self.answers)} hosts gave the same files"
        odd = "; ".join(f"{one.host} {one.in_words()}" for one in self.odd)
        return f"{said}; {odd}" if odd else said


class RedundantJob:
    """One job, ordered at several hosts. Raises `InputError` for jobs that are not the same but for their hosts: no
    host votes twice, and none on what another was not asked."""

    def __init__(self, registry: Session, jobs: Sequence[OrderedJob]) -> None:
        self._registry = registry
        self.jobs: Final = tuple(jobs)
        asked = [one.order.job for one in jobs]
        _require_several([job.host for job in asked])
        kinds = {
            (job.offering, job.terms, job.data_version, job.code, job.seed, canonical_bytes(job.params))
            for job in asked
        }
        if len(kinds) > 1:
            raise InputError("These jobs are not the same, and so their results are not.", hint=_NAME_HOSTS)

    def wait(self, seconds: float = 600.0) -> HostsAgreement:
        """Wait until all are over, and hold their results against each other. A host that is silent, or not done after
        `seconds`, gave no answer, and keeps nobody from the others'. Raises the content errors for code that this
        account cannot read."""
        ended = wait_for_all(self.jobs, seconds)
        answers = tuple(self._answer(job, ended[job.id]) for job in self.jobs)
        compared = self._code().compared
        paths = sorted({one.path for answer in answers for one in answer.outputs})
        return HostsAgreement(answers, tuple(path for path in paths if compared(path).compare != "exact"))

    def settle(self, found: HostsAgreement) -> tuple[Done, ...]:
        """In escrow, pay the hosts that agree, and dispute the answers that are odd: against a bond for each, for the
        council. Raises `InputError` where nothing agrees, and what the contract answers."""
        if not found.agreed:
            raise InputError(f"Nothing is settled: {found.in_words()}.", hint="Settle or dispute each job by itself.")
        by_id = {job.id: job for job in self.jobs}
        paid = [by_id[one.job].settle() for one in found.agreed]
        others = ", ".join(f"{one.host} in job {one.job}" for one in found.agreed)
        words = f"Of the same job at several hosts, these gave {found.agreed[0].root}: {others}. This host"
        disputed = [by_id[one.job].dispute(f"{words} {one.in_words()}.") for one in found.odd]
        return (*paid, *disputed)

    def _answer(self, job: OrderedJob, ended: HostedJob | ComputeError) -> HostAnswer:
        host = to_address(job.order.job.host)
        if isinstance(ended, ComputeError):
            return HostAnswer(host, job.id, "late" if is_late(ended) else "silent", fault=ended.message.rstrip("."))
        answer = HostAnswer(host, job.id, ended.state)
        if ended.state != "delivered":
            return answer
        with TemporaryDirectory(prefix="asset-registry-result-") as folder:
            try:
                receipt = job.save(Path(folder) / "out").receipt
            except (ComputeError, ContentError) as error:
                return replace(answer, fault=f"gave what cannot be believed ({error.message.rstrip('.')})")
        return replace(answer, root=receipt.root, outputs=receipt.outputs)

    def _code(self) -> Code:
        with ExitStack() as stack:
            return Experiments(self._registry).code(self.jobs[0].order.job.code, spool_of(stack) / "code")

    def __repr__(self) -> str:
        return f"RedundantJob({', '.join(map(repr, self.jobs))})"


def hosts_named(hosts: Mapping[str, str | None]) -> Sequence[tuple[Address, str | None]]:
    """Hosts by their accounts, each with its address. Raises `InputError` for fewer than two, and for one twice."""
    named = [(to_address(host), url) for host, url in hosts.items()]
    _require_several([host for host, _ in named])
    return named


def _require_several(hosts: Sequence[str]) -> None:
    if len(set(hosts)) < len(hosts):
        raise InputError("A host is named twice, and has one voice.", hint=_NAME_HOSTS)
    if len(hosts) < 2:
        raise InputError("Redundancy needs two hosts or more.", hint=_NAME_HOSTS)
