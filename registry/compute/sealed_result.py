"""What only the consumer of a job opens (age): the result in one file, an archive of the outputs (CAR), and its log."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from registry.documents.compute_terms import MOST_BYTES
from registry.errors import LimitExceeded, Unverified, WrongKey
from registry.gated.identity import Identity
from registry.ipfs.car import read_car, write_car
from registry.ipfs.cid import CID
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import Added, FileEntry, add_tree, export

__all__ = ["MOST_SEALED", "open_result", "seal_result", "sealed_for", "unsealed"]

MOST_SEALED: Final = 2 * MOST_BYTES
"""Bytes of a sealed result: its outputs, and what holds them together."""


def seal_result(folder: Path, recipient: str) -> tuple[Added, bytes]:
    """The files below a folder, and the file that only the `recipient` opens. Raises `InvalidContent`."""
    store = MemoryStore()
    added = add_tree(folder, store, hidden=True)
    archive = io.BytesIO()
    write_car(added.cid, store, archive)
    return added, sealed_for(archive.getvalue(), recipient)


def open_result(data: bytes, identity: Identity, root: CID, target: Path) -> tuple[FileEntry, ...]:
    """Write the files of a sealed result to `target`, which must be missing or empty; each block is hashed, up to the
    `root` that the host signed.

    Raises `WrongKey`, `Unverified`, `LimitExceeded`, and `InputError` for a target that is taken.
    """
    if len(data) > MOST_SEALED:
        raise LimitExceeded("The size of a sealed result in bytes", len(data), MOST_SEALED)
    archive = unsealed(data, identity, "the result")
    store = MemoryStore()
    if read_car(io.BytesIO(archive), store, name="the result").roots != (root,):
        raise Unverified(root, "the result", "it is another one than the host signed for")
    return export(root, store, target)


def sealed_for(data: bytes, recipient: str) -> bytes:
    """Bytes that only the `recipient` opens."""
    import pyrage

    sealed: bytes = pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)])
    return sealed


def unsealed(data: bytes, identity: Identity, what: str) -> bytes:
    """What was sealed for an identity. Raises `WrongKey`."""
    import pyrage

    try:
        opened: bytes = pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity.reveal())])
    except (pyrage.DecryptError, ValueError) as error:
        raise WrongKey(what, identity.recipient) from error
    return opened
