"""The result of a job in one file that only its consumer opens: an archive of the outputs (CAR), encrypted (age)."""

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

__all__ = ["MOST_SEALED", "open_result", "seal_result"]

MOST_SEALED: Final = 2 * MOST_BYTES
"""Bytes of a sealed result: its outputs, and what holds them together."""


def seal_result(folder: Path, recipient: str) -> tuple[Added, bytes]:
    """The files below a folder, and the file that only the `recipient` opens. Raises `InvalidContent`."""
    import pyrage

    store = MemoryStore()
    added = add_tree(folder, store, hidden=True)
    archive = io.BytesIO()
    write_car(added.cid, store, archive)
    return added, pyrage.encrypt(archive.getvalue(), [pyrage.x25519.Recipient.from_str(recipient)])


def open_result(data: bytes, identity: Identity, root: CID, target: Path) -> tuple[FileEntry, ...]:
    """Write the files of a sealed result to `target`, which must be missing or empty; each block is hashed, up to the
    `root` that the host signed.

    Raises `WrongKey`, `Unverified`, `LimitExceeded`, and `InputError` for a target that is taken.
    """
    import pyrage

    if len(data) > MOST_SEALED:
        raise LimitExceeded("The size of a sealed result in bytes", len(data), MOST_SEALED)
    try:
        archive = pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity.reveal())])
    except (pyrage.DecryptError, ValueError) as error:
        raise WrongKey("the result", identity.recipient) from error
    store = MemoryStore()
    if read_car(io.BytesIO(archive), store, name="the result").roots != (root,):
        raise Unverified(root, "the result", "it is another one than the host signed for")
    return export(root, store, target)
