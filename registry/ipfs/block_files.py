"""Blocks as files in a folder that several processes may share."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from registry.errors import BlockNotFound, ContentError, InputError, InvalidCID, Unavailable, Unverified
from registry.home import is_unwritable
from registry.ipfs.blocks import refuse_wrong
from registry.ipfs.cid import CID

__all__ = ["BlockFiles"]


class _Hold(threading.local):
    """What a thread holds of a store: how often, by which lock, the files that it has yet to sync, and those that it
    has synced meanwhile."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.depth = 0
        self.unsynced: dict[Path, None] = {}
        self.synced: set[Path] = set()
        self.lock: object = None


class BlockFiles:
    """One file a block.

    A block is at ``blocks/<two characters near the end of its CIDv1>/<CIDv1>``. It is written beside the others and
    renamed, so whoever looks sees all of it or nothing. Reads are hashed: a file that was damaged on disk raises
    `Unverified`, and the next `put` of that block mends it.

    Writers share a lock which `LocalStore.gc` takes alone, so nothing is removed under a writer's hands. The lock is
    the system's, and goes with the process that held it; `patience` is how many seconds it is waited for. Raises
    `InputError` for a path that cannot hold a store.
    """

    verifies: Final = True
    _STALE: Final = 3600  # seconds after which a temporary file can only be left from a crash
    _MOST_UNSYNCED: Final = 1024
    _MOST_REMEMBERED: Final = 65_536
    _SYNCS: Final = 8

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True, patience: float = 60.0) -> None:
        self.path: Final = Path(path)
        self.name: Final = f"the store at {self.path}"
        self.durable: Final = durable
        self.patience: Final = patience
        self._blocks: Final = self.path / "blocks"
        self._temporary: Final = self.path / "tmp"
        self._holds: Final = _Hold()
        self._unwritable: OSError | None = None
        try:
            self._blocks.mkdir(parents=True, exist_ok=True)
            self._temporary.mkdir(exist_ok=True)
        except OSError as error:
            if not is_unwritable(error):
                raise InputError(
                    f"{str(self.path)!r} cannot hold a block store: {error.strerror}.",
                    hint="Name a folder that you may write to.",
                ) from error
            # What is there can be read, and what other sources have; whoever wants to write is told.
            self._unwritable = error
            return
        self._sweep(self._STALE)

    def _sweep(self, age: float) -> None:
        """Remove temporary files that nobody has written to for `age` seconds."""
        oldest = time.time() - age
        for left in self._temporary.iterdir():
            with suppress(OSError):  # another process may sweep too
                if left.stat().st_mtime < oldest:
                    left.unlink()

    # --- Reading ---------------------------------------------------------------------------------

    def file_of(self, cid: CID) -> Path:
        """Where a block is, or would be."""
        # The very last character carries three bits only, so the two before it spread better: 1,024 folders.
        key = str(cid.v1())
        return self._blocks / key[-3:-1] / key

    def __iter__(self) -> Iterator[CID]:
        """The CIDv1 of every block that is here, in no order; what has another name is passed over."""
        for folder in self._blocks.iterdir() if self._blocks.is_dir() else ():
            if folder.is_dir():
                for name in os.listdir(folder):
                    with suppress(InvalidCID):
                        yield CID.parse(name)

    def has(self, cid: CID) -> bool:
        """Whether the block is here; an identity CID's always is. Does not read it."""
        return cid.inline is not None or self.file_of(cid).is_file()

    def get(self, cid: CID) -> bytes:
        """The block, hashed. Raises `BlockNotFound`, `Unverified` and `ContentError`."""
        inline = cid.inline
        if inline is not None:
            return inline
        try:
            data = self.file_of(cid).read_bytes()
        except FileNotFoundError:
            raise BlockNotFound(cid, self.name) from None
        except OSError as error:
            raise ContentError(f"Block {cid} could not be read from {self.name}: {error.strerror}.") from error
        if not cid.verify(data):
            raise Unverified(cid, self.name, "the file on disk is damaged")
        return data

    # --- Writing ---------------------------------------------------------------------------------

    def put(self, cid: CID, data: bytes) -> None:
        """Keep a block; a block that is here already is compared and, if damaged, mended.

        It is on disk when this returns, or, within `writing`, when that ends. Raises `Unverified` if the bytes are not
        the CID's, `ContentError` if they cannot be written, `Unavailable` while the store is being cleared.
        """
        refuse_wrong(cid, data, self.name)
        if cid.inline is not None:
            return
        target = self.file_of(cid)
        with self.writing():
            try:
                if target.is_file() and target.read_bytes() == data:
                    os.utime(target)  # it was wanted now, which clearing respects
                else:
                    self._hold.synced.discard(target)
                    self._write(target, data)
                self._soon(target)
            except OSError as error:
                raise self._unwritten(f"Block {cid}", error) from error

    def cache(self, cid: CID, data: bytes) -> None:
        """Keep a block that can be had again and was hashed when it came, as `put` does but without waiting for the
        disk: what a crash takes of it is noticed and fetched anew, and a pin that reaches it waits. Raises as `put`."""
        if cid.inline is None:
            if self._unwritable is not None:
                raise self._unwritten("Nothing", self._unwritable) from self._unwritable
            try:
                self._write(self.file_of(cid), data)
            except OSError as error:
                raise self._unwritten(f"Block {cid}", error) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep the store from being cleared while blocks are added and then pinned:

            with store.writing():
                store.pin(add_tree(path, store).cid)

        Within, blocks are synced to disk together, which is much faster: all of them before a pin is set and before
        this ends. May be nested. Raises `Unavailable` if somebody clears the store for longer than `patience`.
        """
        hold = self._hold
        if not hold.depth:
            self._lock(shared=True)
        hold.depth += 1
        try:
            yield
            if hold.depth == 1:
                self.sync()
        finally:
            hold.depth -= 1
            if not hold.depth:
                hold.unsynced.clear()
                hold.synced.clear()
                hold.lock.release()  # type: ignore[attr-defined]

    @property
    def _hold(self) -> _Hold:
        """What this thread holds; a process that was forked off another holds nothing of what that one does."""
        hold = self._holds
        if hold.process != os.getpid():
            hold.__init__()  # type: ignore[misc]
        return hold

    def _lock(self, *, shared: bool) -> None:
        """Take the lock, shared or alone, for this thread."""
        from filelock import ReadWriteLock, Timeout

        hold = self._hold
        if self._unwritable is not None:
            raise self._unwritten("Nothing", self._unwritable) from self._unwritable
        try:
            if hold.lock is None:
                hold.lock = ReadWriteLock(self.path / "lock", is_singleton=False)
            take = hold.lock.acquire_read if shared else hold.lock.acquire_write  # type: ignore[attr-defined]
            take(timeout=self.patience)
        except Timeout:
            other = "clears it" if shared else "writes to it"
            raise Unavailable(
                f"The lock of {self.name}", [f"another process still {other} after {self.patience:g} s"]
            ) from None
        except OSError as error:
            raise self._unwritten("The lock", error) from error
        except RuntimeError as error:  # what SQLite holds must not be used in a process that was forked off meanwhile
            raise ContentError(
                f"{self.name} cannot be written to: this process was forked off while its parent wrote there.",
                hint="Start worker processes before writing, or with the method 'spawn'.",
            ) from error

    def sync(self) -> None:
        """Make sure that what this thread has put is on disk. Raises `ContentError`."""
        unsynced = self._hold.unsynced
        if not unsynced:
            return
        try:
            if len(unsynced) == 1:
                (only,) = unsynced
                _sync(only)
                _sync(only.parent)
            else:  # at once, since a disk takes many syncs in little more time than one
                with ThreadPoolExecutor(self._SYNCS, thread_name_prefix="sync") as pool:
                    list(pool.map(_sync, unsynced))
                    list(pool.map(_sync, {path.parent for path in unsynced}))
            _sync(self._blocks)
        except OSError as error:
            raise self._unwritten("The last blocks", error) from error
        if len(self._hold.synced) < self._MOST_REMEMBERED:
            self._hold.synced.update(unsynced)
        unsynced.clear()

    def _unwritten(self, what: str, error: OSError) -> ContentError:
        return ContentError(
            f"{what} could not be written to {self.name}: {error.strerror or error}.",
            hint="Check the free space and the permissions, or name another home; nothing was damaged.",
        )

    def _write(self, target: Path, data: bytes) -> None:
        temporary = self._temporary / f"{os.getpid()}-{os.urandom(8).hex()}"
        try:
            with temporary.open("xb", buffering=0) as file:
                written = 0
                while written < len(data):
                    written += file.write(memoryview(data)[written:])
            try:
                os.replace(temporary, target)
            except FileNotFoundError:  # its folder is new: rarely so, and asking each time takes as long as writing
                target.parent.mkdir(exist_ok=True)
                os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise

    def _soon(self, target: Path) -> None:
        """Have a block synced with the others of this thread, unless it was while this thread was writing."""
        hold = self._hold
        if self.durable and target not in hold.synced:
            hold.unsynced[target] = None
            if len(hold.unsynced) >= self._MOST_UNSYNCED:
                self.sync()


def _sync(path: Path) -> None:
    """Make a file or folder last; folders cannot be opened on Windows, where the rename itself is what there is."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
