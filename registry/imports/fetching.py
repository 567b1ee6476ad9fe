"""From a listing to blocks: each file is hashed while it streams in, and nothing of it lies anywhere else.

What arrived is noted chunk by chunk, so that an import that was stopped goes on where it was: the chunks are read back
from the store, hashed again, and only what is missing is fetched.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import Timeout

from registry.errors import ContentError, ImportFailed, InvalidCID, SourceDiffers, Unavailable
from registry.home import private_lock
from registry.imports.listing import SourceFile, SourceListing, Tree, arranged, ordered
from registry.imports.web import LATER, TRIES, Body, Tell, pause
from registry.ipfs.blocks import BlockStore, keep, writing
from registry.ipfs.builder import Builder
from registry.ipfs.cid import CID, RAW
from registry.ipfs.dagpb import Link
from registry.ipfs.importer import Added
from registry.ipfs.pieces import Pieces
from registry.ipfs.profiles import UNIXFS_V1_2025

__all__ = ["Notes", "checked", "into_blocks", "into_folder"]

Progress = Callable[[str, int, int], None]

_AHEAD: Final = 16
_THREADS: Final = 8
_SMALL: Final = 256 * 1024
"""Files up to this size are fetched side by side, since each costs a round trip."""


class Notes:
    """Which chunks of which files are in the store, in a file that is added to; None for a store without a disk."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._chunks: dict[str, list[CID]] = {}
        for line in self._lines():
            key, _, text = line.partition(" ")
            if text == _FORGOTTEN:
                self._chunks.pop(key, None)
                continue
            try:
                self._chunks.setdefault(key, []).append(CID.parse(text))
            except InvalidCID:  # the process was killed while it wrote the line
                continue

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text("ascii", "replace").splitlines() if self._path else []
        except FileNotFoundError:
            return []

    @classmethod
    @contextmanager
    def at(cls, home: Path | None, origin: str) -> Iterator[Notes]:
        """The notes on an import, while nobody else makes the same one. Raises `ImportFailed` if somebody does."""
        if home is None:
            yield cls(None)
            return
        folder = home / "imports"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.notes"
        try:
            with private_lock(path.with_suffix(".lock"), timeout=1):
                yield cls(path)
        except Timeout:
            raise ImportFailed(origin, "another process imports it", hint="Wait for that one.") from None

    def of(self, file: SourceFile) -> list[CID]:
        """The chunks of a file that arrived, in their order."""
        return list(self._chunks.get(file.key, ())) if file.key else []

    def add(self, file: SourceFile, cid: CID) -> None:
        """Note a chunk that is in the store."""
        if file.key:
            self._chunks.setdefault(file.key, []).append(cid)
            self._write(f"{file.key} {cid}\n")

    def cut(self, file: SourceFile, count: int) -> None:
        """Only the first `count` chunks of a file are still here."""
        chunks = self.of(file)[:count]
        self.forget(file)
        for cid in chunks:
            self.add(file, cid)

    def forget(self, file: SourceFile) -> None:
        """What was noted of a file is not what it must be."""
        if self._chunks.pop(file.key, None) is not None:
            self._write(f"{file.key} {_FORGOTTEN}\n")

    def _write(self, line: str) -> None:
        if self._path is not None:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, line.encode("ascii"))
            finally:
                os.close(handle)


_FORGOTTEN: Final = "-"


def checked(
    source: str, file: SourceFile, body: Body, before: Iterable[bytes] = (), tell: Tell = lambda _: None
) -> Iterator[bytes]:
    """The bytes of a file: first those that are here `before`, then what is fetched, from wherever it was cut.

    Raises `SourceDiffers` at the end, before the last is taken for whole, if they are not what was promised, and
    `Unavailable` if nothing more comes."""
    hasher = file.hasher()
    done = tried = 0

    def taken(piece: bytes) -> bytes:
        nonlocal done
        done += len(piece)
        if 0 <= file.size < done:
            raise SourceDiffers(source, file.path, f"is longer than {file.size:,} bytes")
        if hasher is not None:
            hasher.update(piece)
        return piece

    for piece in before:
        yield taken(piece)
    while done != file.size:
        begun = done
        try:
            for piece in body(file, done):
                yield taken(piece)
            if file.size < 0:
                break
            cut = Unavailable(file.path, [f"it ended after {done:,} of {file.size:,} bytes"], hint=LATER)
        except Unavailable as error:
            cut = error
        tried = 1 if done > begun else tried + 1
        if tried == TRIES:
            raise cut
        if done != file.size:
            pause(cut, tried - 1, tell)
    if hasher is not None and hasher.hexdigest() != file.digest:
        raise SourceDiffers(
            source, file.path, f"has the {file.algorithm} {hasher.hexdigest()}, and {file.digest} was promised"
        )


class _Noting:
    """A sink that notes the chunks of the file at hand as they go to the store."""

    def __init__(self, store: BlockStore, notes: Notes) -> None:
        self._store, self._notes = store, notes
        self.file: SourceFile | None = None
        self.known = 0

    def put(self, cid: CID, data: bytes) -> None:
        self._store.put(cid, data)
        if cid.codec == RAW and self.file is not None:
            # Those that were read back are noted already.
            if self.known:
                self.known -= 1
            else:
                self._notes.add(self.file, cid)

    def read_back(self, file: SourceFile) -> Iterator[bytes]:
        """The chunks of a file that are here, up to the first that is gone or damaged."""
        chunks = self._notes.of(file)
        for number, cid in enumerate(chunks):
            try:
                data = self._store.get(cid) if self._store.has(cid) else None
            except ContentError:
                data = None
            if data is None:
                self._notes.cut(file, number)
                return
            self.known += 1
            yield data


def into_blocks(
    listing: SourceListing, body: Body, store: BlockStore, *, notes: Notes, progress: Progress = lambda *_: None
) -> Added:
    """Fetch all of a listing into a store, and pin its root there: the CID that adding the same folder gives.

    Raises `SourceDiffers`, `Unavailable`, `InvalidContent` and the errors of the store; then nothing is pinned."""
    tree = arranged(listing.files, listing.origin)
    sink = _Noting(store, notes)
    total, source = listing.size, str(listing.origin)
    with (
        writing(store),
        Builder(
            sink, UNIXFS_V1_2025, lambda done: progress(f"importing {listing.origin.name}", done, total)
        ) as builder,
        _Ahead(tree, body, notes, source) as ahead,
    ):

        def tell(words: str) -> None:
            progress(words, builder.done, total)

        def add(folder: Tree, path: str) -> tuple[CID, int]:
            links = []
            for name, entry in folder.items():
                here = f"{path}/{name}" if path else name
                if isinstance(entry, SourceFile):
                    part = builder.file(stream(entry), here)
                    links.append(Link(part.cid, name.encode(), part.tsize))
                else:
                    links.append(Link(*_link(add(entry, here), name)))
            return builder.folder(links, path)

        def stream(file: SourceFile) -> io.BufferedReader:
            sink.file, sink.known = file, 0
            return io.BufferedReader(Pieces(guarded(file)), UNIXFS_V1_2025.chunk)

        def guarded(file: SourceFile) -> Iterator[bytes]:
            try:
                yield from checked(source, file, ahead.body(file), sink.read_back(file), tell)
            except SourceDiffers:
                notes.forget(file)
                raise

        root, dag_size = add(tree, "")
        keep(store, {root: f"import of {listing.origin}"})
        return Added(root, builder.done, dag_size, builder.blocks, tuple(builder.files), listing.left_out)


def _link(folder: tuple[CID, int], name: str) -> tuple[CID, bytes, int]:
    return folder[0], name.encode(), folder[1]


class _Ahead:
    """Small files, fetched side by side some steps before they are wanted."""

    def __init__(self, tree: Tree, body: Body, notes: Notes, source: str) -> None:
        self._body, self._source = body, source
        self._waiting = deque(
            file for file in ordered(tree) if 0 < file.size <= _SMALL and file.key and not notes.of(file)
        )
        self._fetched: dict[str, Future[bytes]] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="import")

    def __enter__(self) -> _Ahead:
        self._fill()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self) -> None:
        while self._waiting and len(self._fetched) < _AHEAD:
            file = self._waiting.popleft()
            self._fetched[file.path] = self._pool.submit(self._whole, file)

    def _whole(self, file: SourceFile) -> bytes:
        return b"".join(checked(self._source, file, self._body))

    def body(self, file: SourceFile) -> Body:
        """Where the bytes of a file come from: what was fetched ahead, or its source."""
        future = self._fetched.pop(file.path, None)
        self._fill()
        if future is None:
            return self._body
        data = future.result()
        return lambda _file, offset: iter([data[offset:]])


def into_folder(listing: SourceListing, body: Body, folder: Path, *, progress: Progress = lambda *_: None) -> None:
    """Write all of a listing into a folder that is the user's alone. Raises as `into_blocks`."""
    done = 0
    source = str(listing.origin)
    for file in ordered(arranged(listing.files, listing.origin)):
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            for piece in checked(source, file, body):
                stream.write(piece)
                done += len(piece)
                progress(f"importing {listing.origin.name}", done, listing.size)
