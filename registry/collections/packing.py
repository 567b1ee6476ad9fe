"""Writing a collection's manifest: documents as they come, then the list of them and its tree.

What was packed stays in the folder until it is published, so that a run which was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple, Self

from registry.collections.layout import DOCUMENTS, ITEMS, MAX_ITEMS, TREE, Record, leaf_of_item, pages
from registry.documents.merkle import MerkleTree
from registry.errors import ContentError, InputError
from registry.home import make_home, private_lock

_PACKED: Final = "packed"
_ENTRY: Final = Struct(">QI32s32s16s")
_BUFFER: Final = 1 << 20
_FLUSHED: Final = 1_000  # items; a run that is killed loses no more than these
_NONE: Final = b""

Progress = Callable[[int], None]
"""Called with the number of items done."""


class _Entry(NamedTuple):
    """An item that was packed. `seal` covers the rest and what the document was made from, so that what a lost power
    has left half written is not taken for packed."""

    offset: int
    length: int
    digest: bytes
    leaf: bytes
    seal: bytes

    def sealed(self, source: bytes) -> _Entry:
        """With the seal of this source."""
        return self._replace(seal=hashlib.blake2b(_ENTRY.pack(*self[:4], bytes(16)) + source, digest_size=16).digest())


def source_of(value: Any) -> bytes:
    """A fingerprint of what a document is made from: values as JSON has them; empty for others, which are packed anew
    in each run."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return _NONE
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Packing:
    """A manifest that is being written in a folder, which is made if it is missing; closed by leaving its ``with``.

    Items are packed in order. `resume` passes over the next one if an earlier run has packed it from the same source,
    and `add` packs it, which drops what that run has packed from there on. Raises `InputError` if another process is
    packing there.
    """

    def __init__(self, folder: Path) -> None:
        from filelock import Timeout

        self.folder: Final = folder
        self.manifest: Final = folder / "manifest"
        self.count = 0
        self._end = 0
        self._writing = False
        with _told(folder):
            self._lock = private_lock(make_home(folder).parent / f"{folder.name}.lock", timeout=0)
            try:
                self._lock.acquire()
            except Timeout as error:
                raise InputError(
                    "Another process is packing this collection.",
                    hint="Wait for it, or give the collection another name.",
                ) from error
            make_home(self.manifest)
            self._documents = _open(self.manifest / DOCUMENTS)
            self._packed = _open(folder / _PACKED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with suppress(OSError) if kind else _told(self.folder):
                self._documents.close()
                self._packed.close()
        finally:
            self._lock.release()

    def discard(self) -> None:
        """Remove the folder: what was packed is stored elsewhere."""
        self._documents.close()
        self._packed.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Items -----------------------------------------------------------------------------------

    def resume(self, source: bytes) -> bool:
        """Whether the next item is packed already, from this source; it is passed over then."""
        if self._writing or source == _NONE:
            return False
        entry = self._read()
        if entry is None or entry.sealed(source) != entry or entry.offset != self._end:
            return False
        data = self._documents.read(entry.length)
        if len(data) != entry.length or hashlib.sha256(data).digest() != entry.digest:
            return False
        self._pass(entry.length)
        return True

    def add(self, data: bytes, source: bytes = _NONE) -> None:
        """Pack the next item's document. Raises `InputError` past what a collection may list."""
        if self.count == MAX_ITEMS:
            raise InputError(f"A collection has at most {MAX_ITEMS:,} items.", hint="Publish several collections.")
        digest = hashlib.sha256(data).digest()
        entry = _Entry(self._end, len(data), digest, leaf_of_item(self.count, digest), bytes(16)).sealed(source)
        with _told(self.folder):
            self._begin_writing()
            self._documents.write(data)
            self._packed.write(_ENTRY.pack(*entry))
            self._pass(entry.length)
            if not self.count % _FLUSHED:
                self._documents.flush()
                self._packed.flush()

    def _begin_writing(self) -> None:
        """Drop what an earlier run has packed from here on."""
        if not self._writing:
            for file, size in ((self._packed, self.count * _ENTRY.size), (self._documents, self._end)):
                file.seek(size)
                file.truncate()
            self._writing = True

    def _pass(self, length: int) -> None:
        self.count += 1
        self._end += length

    def _read(self) -> _Entry | None:
        data = self._packed.read(_ENTRY.size)
        return _Entry(*_ENTRY.unpack(data)) if len(data) == _ENTRY.size else None

    # --- The list --------------------------------------------------------------------------------

    def finish(self, progress: Progress | None = None) -> bytes:
        """Write the list and its tree; returns the root. Raises `InputError` for a collection of nothing."""
        if not self.count:
            raise InputError("There are no drafts to publish.", hint="A collection has one item or more.")
        with _told(self.folder):
            self._begin_writing()
            self._documents.flush()
            tree = MerkleTree(entry.leaf for entry in self._entries())
            with (self.manifest / ITEMS).open("wb", _BUFFER) as file:
                for index, entry in enumerate(self._entries(), 1):
                    file.write(Record(entry.offset, entry.length, tree.rank(entry.leaf), entry.digest).pack())
                    if progress is not None and not index % _FLUSHED:
                        progress(index)
            with (self.manifest / TREE).open("wb", _BUFFER) as file:
                file.writelines(pages(tree))
        return tree.root

    def digests(self, count: int) -> list[bytes]:
        """The digests of the first documents, `count` at most."""
        return [entry.digest for entry, _ in zip(self._entries(), range(count), strict=False)]

    def _entries(self) -> Iterator[_Entry]:
        self._packed.seek(0)
        for _ in range(self.count):
            entry = self._read()
            assert entry is not None
            yield entry


def _open(file: Path) -> BinaryIO:
    """A file to read and write, kept if it is there, for its owner's eyes only."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    return os.fdopen(handle, "r+b", _BUFFER)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say of a full disk, or a folder that may not be written to, what it means here."""
    try:
        yield
    except OSError as error:
        raise ContentError(
            f"The collection could not be packed in {str(folder)!r}: {error.strerror or error}.",
            hint="Check the free space and the permissions, or name another home; run it again, and it goes on.",
        ) from error
