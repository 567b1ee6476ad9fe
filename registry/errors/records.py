"""What is kept on this machine: indexes and the journal."""

from __future__ import annotations

from registry.errors.base import RegistryError


class IndexFault(RegistryError):
    """An index cannot be used: it is damaged, in use, of another version or of another registry."""

    hint = "Build it again: 'registry hub index --again'."


class JournalError(RegistryError):
    """The record of unfinished work is in use by another process, or damaged."""

    hint = "Let the other process end and try again; look on chain what was sent before a damaged one is moved away."
