"""Writing to ``ipfs://``: files are gathered in a folder of the disk and become one root when all are there.

Content addressing knows no changing of a file in place, so what is written gets its address at the end. Until then it
stands at ``ipfs://new/...``, where it can also be read, changed and deleted.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Final
from weakref import WeakSet

from filelock import FileLock, Timeout
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.transaction import Transaction

from registry.errors import InputError
from registry.ipfs.cid import CID
from registry.ipfs.importer import Added, add_tree
from registry.ipfs.profiles import UNIXFS_V1_2025, Profile
from registry.ipfs.store import BlockStore, keep, writing

__all__ = ["NEW", "Staging", "WriteTransaction", "add_pinned", "open_staging"]

NEW: Final = "new"
"""The name that stands for the root being written: ``ipfs://new/...``."""

_PREFIX: Final = "registry-"

# By store: libraries make file systems of their own from the same options, and all of them must see the same root.
_OPEN: Final[dict[object, Staging]] = {}
_LOCK: Final = Lock()


class Staging:
    """A folder of the disk that holds what will be one root, at ``new`` in it. Its name tells the process it is of."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        # Held as long as the process lives, so that whoever looks knows a folder that a crash has left.
        self._lock: Final = FileLock(f"{path}.lock", thread_local=False)
        self.files: Final = DirFileSystem(str(path), fs=LocalFileSystem(auto_mkdir=True))
        self._opened: Final[WeakSet[Any]] = WeakSet()

    @classmethod
    def make(cls, store: BlockStore) -> Staging:
        """Make a folder beside the store's blocks, after removing what crashed writers left there; for a store that is
        not on the disk, one of its own where the system has such things."""
        above = _above(store)
        if above is None:
            above = Path(tempfile.mkdtemp(prefix=_PREFIX))
        else:
            above.mkdir(parents=True, exist_ok=True)
            for left in above.glob(f"{_PREFIX}*.lock"):
                if not _is_alive(left):
                    shutil.rmtree(left.with_suffix(""), ignore_errors=True)
                    left.unlink(missing_ok=True)
        made = cls(above / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}")
        made._lock.acquire()
        made.path.mkdir()
        return made

    @property
    def root(self) -> Path:
        """Where the root is being written."""
        return self.path / NEW

    def open(self, path: str, mode: str) -> Any:
        """Open a file; it is remembered until it is closed."""
        file = self.files.open(path, mode)
        self._opened.add(file)
        return file

    def still_open(self) -> list[str]:
        """The files that were opened for writing and not closed."""
        return sorted(
            os.path.relpath(file.path, self.root) for file in self._opened if not file.closed and file.writable()
        )

    def remove(self) -> None:
        """Delete the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        Path(f"{self.path}.lock").unlink(missing_ok=True)
        if self.path.parent.name.startswith(_PREFIX):  # made for this alone
            shutil.rmtree(self.path.parent, ignore_errors=True)


def _above(store: BlockStore) -> Path | None:
    """The folder for what is being written to a store, if it is on the disk."""
    path = getattr(store, "path", None)
    return Path(path) / "staging" if path else None


def _is_alive(lock: Path) -> bool:
    """Whether the process that wrote here still runs."""
    try:
        with FileLock(lock, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def _key(store: BlockStore) -> object:
    """Equal for stores that are the same place."""
    path = getattr(store, "path", None)
    return os.path.realpath(path) if path else id(store)


def open_staging(store: BlockStore) -> Staging | None:
    """What is being written to a store by this process, or by the one that started it; None if nothing is."""
    found, above = _OPEN.get(_key(store)), _above(store)
    if found is not None or above is None:
        return found
    started = [lock for lock in above.glob(f"{_PREFIX}{os.getppid()}-*.lock") if _is_alive(lock)]
    return Staging(started[0].with_suffix("")) if len(started) == 1 else None


def add_pinned(
    path: str | os.PathLike[str],
    store: BlockStore,
    profile: Profile = UNIXFS_V1_2025,
    *,
    progress: Callable[[int], None] | None = None,
    hidden: bool = False,
) -> Added:
    """Add a file or folder to a store as `add_tree`, and pin it there under its name if the store has pins."""
    with writing(store):
        added = add_tree(path, store, profile, progress=progress, hidden=hidden)
        keep(store, {added.cid: os.path.basename(os.path.abspath(path))})
    return added


class WriteTransaction(Transaction):
    """``with fs.transaction as tx:`` gathers what is written to ``ipfs://new/...``; afterwards `tx.cid` is its root.

    If the body fails nothing is kept. One transaction at a time may be open on a store in a process. Threads of the
    process may write to it, and processes that it has started, if the store is on the disk.
    """

    def __init__(self, fs: Any, **_: Any) -> None:
        super().__init__(fs)
        self._added: Added | None = None
        self._staging: Staging | None = None

    @property
    def added(self) -> Added:
        """What was added: its CID, sizes and files. Raises `InputError` before the transaction has ended well."""
        if self._added is None:
            raise InputError(
                "The transaction has no root yet.", hint="Its CID is known once the 'with' block has ended well."
            )
        return self._added

    @property
    def cid(self) -> CID:
        """The CID of what was written. Raises `InputError` before the transaction has ended well."""
        return self.added.cid

    @property
    def root(self) -> str:
        """What was written as a URL, ``ipfs://<cid>``. Raises `InputError` as `cid` does."""
        return f"ipfs://{self.cid}"

    def start(self) -> None:
        """Begin to gather. Raises `InputError` if this process is writing to the same store already."""
        store = self.fs.store
        with _LOCK:
            if _key(store) in _OPEN:
                raise InputError(
                    f"A transaction is open on {getattr(store, 'name', store)} already.",
                    hint="End it first; what one transaction writes becomes one root.",
                )
            self._staging = _OPEN[_key(store)] = Staging.make(store)
        super().start()

    def complete(self, commit: bool = True) -> None:
        """End the transaction: with `commit` what was written becomes a root, without it is thrown away.

        Raises `InvalidContent` for names that cannot travel, `InputError` if nothing was written or a file is still
        open, and the errors of the store; then nothing is kept.
        """
        staging, self._staging = self._staging, None
        if staging is None:
            return
        fs = self.fs
        try:
            if commit:
                self._added = _commit(staging, fs)
        finally:
            with _LOCK:
                del _OPEN[_key(fs.store)]
            staging.remove()
            self.files.clear()
            super().complete(commit=False)


def _commit(staging: Staging, fs: Any) -> Added:
    if unfinished := staging.still_open():
        raise InputError(
            f"{unfinished[0]!r} is still open, so its end may be missing.", hint="Close it inside the 'with' block."
        )
    if not staging.root.exists():
        raise InputError("Nothing was written in the transaction.", hint=f"Write to ipfs://{NEW}/<name>.")
    return add_pinned(staging.root, fs.store, fs.profile, progress=fs.ticker("adding", staging.root), hidden=True)
