"""Programs and files of strangers."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors.base import RegistryError


class SandboxError(RegistryError):
    """A stranger's program or file could not be run or read."""


class SandboxUnavailable(SandboxError, PermissionError):
    """This machine does not reach the tier of the sandbox that is wanted; nothing was run in a lesser one."""

    hint = "See what this machine reaches: 'registry sandbox check'."

    def __init__(self, reason: str, *, hint: str = "") -> None:
        self.reason = reason
        super().__init__(f"The sandbox is not available: {reason}.", hint=hint)


class SandboxFailed(SandboxError, OSError):
    """The sandbox could not be set up or taken down. What was to run is not at fault."""

    hint = "See what this machine reaches: 'registry sandbox check'."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The sandbox failed: {reason.rstrip('.')}.")


class RunFailed(SandboxError):
    """A program ended with an error or at one of its limits. `log` is the end of what it wrote."""

    hint = "Read its log; raise the limit at which it was stopped only if you trust it."

    def __init__(self, how: str, log: str = "") -> None:
        self.how, self.log = how, log
        super().__init__(f"The program {how}." + (f" Its last words: {log.splitlines()[-1]}" if log else ""))


class WrongEnvironment(SandboxError, ValueError):
    """A locked environment that cannot be built as its lock says: another hash, a source distribution, another
    Python."""

    hint = "Lock it anew: 'registry sandbox lock'."

    def __init__(self, reason: str, *, hint: str = "") -> None:
        self.reason = reason
        super().__init__(f"The environment cannot be built: {reason}.", hint=hint)


class CannotReproduce(SandboxError, LookupError):
    """A run that cannot be tried here, because something that it needs is `missing`. Nothing was run."""

    hint = "Ask its publisher for what is missing."

    def __init__(self, what: str, missing: Sequence[str], *, hint: str = "") -> None:
        self.what, self.missing = what, tuple(missing)
        super().__init__(f"{what} cannot be tried: {'; '.join(self.missing)}.", hint=hint)
