"""What is kept on this machine: indexes and the journal."""

from __future__ import annotations

from registry.errors.base import RegistryError


class IndexFault(RegistryError):
    """An index cannot be used: it is damaged, in use, of another version or of another registry."""

    hint = "Build it again: 'registry hub index --again'."


class SearchTimeout(IndexFault, TimeoutError):
    """A question takes longer than one question may; nobody else was kept waiting for it."""

    hint = "Ask for less: words that tell more, or a type, tag or owner to narrow it down by."

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"The search takes more than {seconds:g} s.")


class JournalError(RegistryError):
    """The record of unfinished work is in use by another process, or damaged."""

    hint = "Let the other process end and try again; look on chain what was sent before a damaged one is moved away."
