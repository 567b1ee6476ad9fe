"""Jobs on data that stay where they are."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors.base import RegistryError


class ComputeError(RegistryError):
    """A job on data that stay where they are could not be taken, run or believed."""


class JobRefused(ComputeError, PermissionError):
    """A job is not what the terms of its offering allow, or not paid for; nothing was run."""

    hint = "Look at the terms: 'registry compute terms'."

    def __init__(self, job: str, reasons: Sequence[str], *, hint: str = "") -> None:
        self.job, self.reasons = job, tuple(reasons)
        super().__init__(f"The job {job[:16]} was refused: {'; '.join(self.reasons)}.", hint=hint)


class JobNotFound(ComputeError, LookupError):
    """There is no job of this name here, or several begin like it."""

    hint = "List them: 'registry compute jobs'."

    def __init__(self, job: str, reason: str = "is not here") -> None:
        self.job = job
        super().__init__(f"The job {job[:64]!r} {reason}.")


class WrongJobState(ComputeError):
    """What is to be done with a job is not possible in the state that it is in."""

    hint = "See its state: 'registry compute jobs'."

    def __init__(self, job: str, state: str, wanted: str) -> None:
        self.job, self.state, self.wanted = job, state, wanted
        super().__init__(f"The job {job[:16]} is {state}, and cannot be {wanted}.")


class ForgedReceipt(ComputeError, ValueError):
    """A receipt of a job says what its host did not sign, or is of another job, result or document."""

    hint = "Do not rely on it; ask the host for the receipt again."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The receipt was refused: {reason}.")


class HostError(ComputeError):
    """A host of jobs failed or refused; `code` is its own word for why ("" if it gave none), `status` that of HTTP."""

    hint = "Try again later: the same order finds its job."

    def __init__(self, host: str, reason: str, *, code: str = "", status: int = 0, hint: str = "") -> None:
        self.host, self.reason, self.code, self.status = host, reason, code, status
        super().__init__(f"Host {host}: {reason}.", hint=hint)


class EngineFailed(ComputeError):
    """The machines that were to execute a run failed: a worker died, or does not see what lies ready for it. What was
    to run is not at fault, and nothing is paid for it."""

    hint = "Look at the workers: docs/compute.md says what they need."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The engine failed: {reason.rstrip('.')}.")
