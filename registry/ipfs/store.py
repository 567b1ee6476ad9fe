"""Where blocks come from and go to. A source may be anyone's; what it hands over is hashed before it is used."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from registry.errors import BlockNotFound, ContentError, InputError, LimitExceeded, Unavailable, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.limits import LIMITS, Limits

__all__ = ["BlockSink", "BlockSource", "BlockStore", "Chain", "LocalStore", "MemoryStore", "NullSink", "fetch"]


class BlockSink(Protocol):
    """Takes blocks."""

    def put(self, cid: CID, data: bytes) -> None:
        """Keep a block under its CID."""


class BlockSource(Protocol):
    """Gives blocks. It may set ``verifies = True`` if its `get` hashes every block itself, which saves the reader a
    second hash, and ``name``, by which errors call it."""

    def get(self, cid: CID) -> bytes:
        """The bytes of a block. Raises `BlockNotFound` if there is no such block here, `Unavailable` if it cannot be
        said, `Unverified` if the bytes are not its bytes."""


@runtime_checkable
class BlockStore(BlockSource, BlockSink, Protocol):
    """Keeps blocks."""

    def has(self, cid: CID) -> bool:
        """Whether the block is here."""


def name_of(source: BlockSource) -> str:
    """What to call a source in an error."""
    return str(getattr(source, "name", type(source).__name__))


def fetch(cid: CID, source: BlockSource, limits: Limits = LIMITS) -> bytes:
    """A block, hashed and of a size that is allowed. Identity CIDs need no source.

    Raises `BlockNotFound`, `Unavailable`, `Unverified` and `LimitExceeded`.
    """
    inline = cid.inline
    if inline is not None:
        return inline
    data = source.get(cid)
    if len(data) > limits.block:
        raise LimitExceeded(f"The size of block {cid} in bytes", len(data), limits.block)
    if getattr(source, "verifies", False) is not True and not cid.verify(data):
        raise Unverified(cid, name_of(source))
    return data


def _refuse_wrong(cid: CID, data: bytes, name: str) -> None:
    if not cid.verify(data):
        raise Unverified(cid, f"the writer to {name}")


class NullSink:
    """Keeps nothing: for computing a CID by the very path that stores."""

    def put(self, cid: CID, data: bytes) -> None:
        """Let the block go."""


class MemoryStore:
    """Blocks in memory, for tests and for content that is passed on at once."""

    name: Final = "the memory store"
    verifies: Final = True  # put hashes, and nothing reaches the dictionary since

    def __init__(self) -> None:
        self._blocks: dict[CID, bytes] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def put(self, cid: CID, data: bytes) -> None:
        """Keep a block. Raises `Unverified` if it is not the CID's."""
        _refuse_wrong(cid, data, self.name)
        self._blocks[cid.v1()] = bytes(data)

    def has(self, cid: CID) -> bool:
        """Whether the block is here; an identity CID's always is."""
        return cid.inline is not None or cid.v1() in self._blocks

    def get(self, cid: CID) -> bytes:
        """The block. Raises `BlockNotFound`."""
        inline = cid.inline
        if inline is not None:
            return inline
        try:
            return self._blocks[cid.v1()]
        except KeyError:
            raise BlockNotFound(cid, self.name) from None


class LocalStore:
    """Blocks in a folder, one file each: the embedded default.

    A block is at ``blocks/<two characters near the end of its CIDv1>/<CIDv1>``. It is written beside the others, synced
    and renamed, so whoever looks sees all of it or nothing, and several processes may share the folder. Reads are
    hashed: a file that was damaged on disk raises `Unverified`, and the next `put` of that block mends it.

    `durable=False` skips the syncs: right for a cache, whose loss costs a download and whose damage is noticed.
    """

    verifies: Final = True
    _STALE: Final = 3600  # seconds after which a temporary file can only be left from a crash

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True) -> None:
        self.path: Final = Path(path)
        self.name: Final = f"the store at {self.path}"
        self.durable: Final = durable
        self._blocks: Final = self.path / "blocks"
        self._temporary: Final = self.path / "tmp"
        try:
            self._blocks.mkdir(parents=True, exist_ok=True)
            self._temporary.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{str(self.path)!r} cannot hold a block store: {error.strerror}.",
                hint="Name a folder that you may write to.",
            ) from error
        self._sweep()

    def _sweep(self) -> None:
        oldest = time.time() - self._STALE
        for left in self._temporary.iterdir():
            with suppress(OSError):  # another process may sweep too
                if left.stat().st_mtime < oldest:
                    left.unlink()

    def _file(self, cid: CID) -> Path:
        # The very last character carries three bits only, so the two before it spread better: 1,024 folders.
        key = str(cid.v1())
        return self._blocks / key[-3:-1] / key

    def has(self, cid: CID) -> bool:
        """Whether the block is here; an identity CID's always is. Does not read it."""
        return cid.inline is not None or self._file(cid).is_file()

    def get(self, cid: CID) -> bytes:
        """The block, hashed. Raises `BlockNotFound`, `Unverified` and `ContentError`."""
        inline = cid.inline
        if inline is not None:
            return inline
        try:
            data = self._file(cid).read_bytes()
        except FileNotFoundError:
            raise BlockNotFound(cid, self.name) from None
        except OSError as error:
            raise ContentError(f"Block {cid} could not be read from {self.name}: {error.strerror}.") from error
        if not cid.verify(data):
            raise Unverified(cid, self.name, "the file on disk is damaged")
        return data

    def put(self, cid: CID, data: bytes) -> None:
        """Keep a block; a block that is here already is compared and, if damaged, mended.

        Raises `Unverified` if the bytes are not the CID's, `ContentError` if they cannot be written.
        """
        _refuse_wrong(cid, data, self.name)
        if cid.inline is not None:
            return
        target = self._file(cid)
        try:
            if target.is_file() and target.read_bytes() == data:
                return
            self._write(target, data)
        except OSError as error:
            raise ContentError(
                f"Block {cid} could not be written to {self.name}: {error.strerror}.",
                hint="Check the free space and the permissions; nothing was damaged.",
            ) from error

    def _write(self, target: Path, data: bytes) -> None:
        temporary = self._temporary / f"{os.getpid()}-{os.urandom(8).hex()}"
        try:
            with temporary.open("xb", buffering=0) as file:
                written = 0
                while written < len(data):
                    written += file.write(memoryview(data)[written:])
                if self.durable:
                    os.fsync(file.fileno())
            fresh = not target.parent.exists()
            target.parent.mkdir(exist_ok=True)
            os.replace(temporary, target)
            if self.durable:
                _sync_folder(target.parent)
                if fresh:
                    _sync_folder(self._blocks)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    """Make a rename last; where folders cannot be opened (Windows) the rename itself is what there is."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Chain:
    """Several sources as one: each is asked in turn, and the first block that hashes to its CID is taken.

    With `cache`, a block that another source gave is written to it, which also mends a damaged copy there.
    """

    verifies: Final = True

    def __init__(self, sources: Sequence[BlockSource], *, cache: BlockStore | None = None) -> None:
        if not sources:
            raise InputError("A chain needs a source.", hint="Pass at least one store.")
        self.sources: Final = tuple(sources)
        self.cache: Final = cache
        self.name: Final = " or ".join(name_of(source) for source in self.sources)

    def get(self, cid: CID) -> bytes:
        """The block. Raises `BlockNotFound` if every source lacks it; else, if the only copies were wrong,
        `Unverified`; else `Unavailable` with the cause of each."""
        failures: list[ContentError] = []
        for source in self.sources:
            try:
                data = fetch(cid, source)
            except BlockNotFound:
                continue
            except ContentError as error:
                failures.append(error)
                continue
            if self.cache is not None and source is not self.cache:
                with suppress(ContentError):  # the bytes are good; a full disk must not keep them from the reader
                    self.cache.put(cid, data)
            return data
        if not failures:
            raise BlockNotFound(cid, self.name)
        if len(failures) == 1 or all(isinstance(error, Unverified) for error in failures):
            raise failures[0]
        raise Unavailable(f"Block {cid}", [error.message for error in failures])
