"""Turning a folder into age files on IPFS, one key for all of them.

Two shapes. *Open names*: the folder as it is, each file as ``<name>.age``. *Hidden names*: two files, ``content.age``
with all files one after another, and ``manifest.age`` that says which are where; only the sum of the sizes shows.

pyrage encrypts from one stream to another, and a pipe leads from it to the blocks. So memory stays within a few chunks
whatever the size of the files, and nothing is written to disk but blocks.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, cast

from registry.canonical import canonical_bytes
from registry.errors import ContentError, InvalidContent
from registry.gated.age import AgeFile
from registry.gated.identity import Identity
from registry.ipfs.blocks import BlockSink, BlockSource, NullSink, writing
from registry.ipfs.builder import Builder
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link
from registry.ipfs.importer import Added, FileEntry, add_file
from registry.ipfs.prefetch import ahead
from registry.ipfs.profiles import UNIXFS_V1_2025, Profile
from registry.ipfs.reader import Reader
from registry.ipfs.scan import File, Folder, Symlink, open_readable, scan

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["CONTENT", "MANIFEST", "SUFFIX", "SealedTree", "seal_tree"]

SUFFIX: Final = ".age"
CONTENT: Final = "content.age"
MANIFEST: Final = "manifest.age"

_PAD: Final = 4096
"""A manifest is filled up to a multiple of this, so that its length says little of the names."""

_WORKERS: Final = 2
"""Small files that are encrypted ahead, while others are hashed and written."""

_LARGE: Final = 16 << 20
"""Bytes from which on a process of its own is worth its start."""

_ASIDE: Final = """
import pyrage, sys
source, target = open(0, "rb", buffering=1 << 20), open(1, "wb", buffering=1 << 20)
pyrage.encrypt_io(source, target, [pyrage.x25519.Recipient.from_str(sys.argv[1])])
target.close()
"""

_PIECE: Final = 1 << 20
"""Bytes read at once, and bytes that may lie in the pipe."""


@dataclass(frozen=True, slots=True)
class SealedTree:
    """What was added: `cid` of the root, `size` in bytes of all age files, and the `files` by their plain paths and
    sizes, each with the CID of its age file (none if the names are hidden)."""

    cid: CID
    size: int
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class _Sealed:
    """One age file: sizes of the plain text, of the file, and of its blocks."""

    cid: CID
    plain: int
    size: int
    dag_size: int


Done = MutableMapping[str, Any]
"""What an interrupted run has sealed already, by path; it stays on the publisher's machine."""


def seal_tree(
    path: str | os.PathLike[str],
    sink: BlockSink,
    identity: Identity,
    *,
    hide: bool = False,
    profile: Profile = UNIXFS_V1_2025,
    progress: Callable[[int], None] | None = None,
    done: Done | None = None,
) -> SealedTree:
    """Encrypt a folder or file to an identity and add it.

    `progress` is called with the plain bytes done. With `done`, files that an earlier call with the same identity and
    mapping has sealed are opened, and if they are the same byte for byte, not sealed again. Raises `InvalidContent` as
    `add_tree` does.
    """
    item = scan(path)
    if isinstance(item, Folder) and not item.files:
        raise InvalidContent(path, "there is no file in it", hint="Put the files to publish into it.")
    with writing(sink):
        sealing = _Sealing(sink, identity, profile, progress, {} if done is None else done)
        return sealing.hidden(item) if hide else sealing.open_names(item)


class _Sealing:
    def __init__(
        self, sink: BlockSink, identity: Identity, profile: Profile, progress: Callable[[int], None] | None, done: Done
    ) -> None:
        import pyrage

        self._sink, self._profile, self._progress, self._done = sink, profile, progress, done
        self._identity = identity
        self._recipient = pyrage.x25519.Recipient.from_str(identity.recipient)
        self._lock = threading.Lock()
        self._count = 0

    # --- Open names ------------------------------------------------------------------------------

    def open_names(self, item: File | Folder) -> SealedTree:
        files = dict(_files(item))
        small = ahead(self._small, list(files.items()), _WORKERS)
        sealed = {path: self._seal(path, {path: file}, next(small))[0] for path, file in files.items()}
        root = self._build(item, "", sealed)
        entries = tuple(FileEntry(path, one.plain, one.cid) for path, one in sealed.items())
        return SealedTree(root[0], sum(one.size for one in sealed.values()), entries)

    def _build(self, item: File | Folder | Symlink, path: str, sealed: dict[str, _Sealed]) -> tuple[CID, int]:
        if isinstance(item, Folder):
            links = []
            for name, child in item.children:
                cid, size = self._build(child, f"{path}/{name}" if path else name, sealed)
                stored = name if isinstance(child, Folder) else name + SUFFIX
                links.append(Link(cid, stored.encode("utf-8"), size))
            return self._folder(links, item.path)
        one = sealed[path or os.path.basename(item.path)]
        return one.cid, one.dag_size

    def _folder(self, links: list[Link], path: str) -> tuple[CID, int]:
        names = [link.name for link in links]
        if len(set(names)) != len(names):
            raise InvalidContent(path, "a file and a folder in it differ by .age only", hint="Rename one of them.")
        with Builder(self._sink, self._profile, None) as builder:
            return builder.folder(sorted(links, key=lambda link: link.name), path)

    def _small(self, item: tuple[str, File]) -> tuple[bytes, int] | None:
        """A small file encrypted, and its plain size; None for one that is large or was sealed earlier."""
        import pyrage

        path, file = item
        if file.size > _PIECE or path in self._done:
            return None
        with open_readable(file.path) as stream:
            plain = stream.read()
        return pyrage.encrypt(plain, [self._recipient]), len(plain)

    # --- Hidden names ----------------------------------------------------------------------------

    def hidden(self, item: File | Folder) -> SealedTree:
        content, sizes = self._seal(CONTENT, dict(_files(item)))
        text = canonical_bytes({"files": [{"path": path, "size": size} for path, size in sizes.items()], "version": 1})
        text += b" " * (-len(text) % _PAD)
        manifest, _ = self._seal(MANIFEST, {MANIFEST: text})
        links = [
            Link(content.cid, CONTENT.encode(), content.dag_size),
            Link(manifest.cid, MANIFEST.encode(), manifest.dag_size),
        ]
        return SealedTree(self._folder(links, CONTENT)[0], content.size + manifest.size, ())

    # --- One age file ----------------------------------------------------------------------------

    def _seal(
        self, path: str, files: Mapping[str, File | bytes], small: tuple[bytes, int] | None = None
    ) -> tuple[_Sealed, dict[str, int]]:
        """The age file of these one after another, or an earlier one if it is of the same bytes; and their sizes.

        `small` is the age file and the plain size of a single one that was encrypted before.
        """
        earlier = self._done.get(path)
        if earlier is not None and not isinstance(self._sink, NullSink):
            sealed = _Sealed(CID.parse(earlier[0]), *earlier[1:])
            with _Joined(files, self._tick) as stream:
                if self._is_same(sealed, stream, path):
                    return sealed, stream.sizes
            self._tick(-sum(size for name, size in stream.sizes.items() if isinstance(files[name], File)))
        if small is not None:
            made, sizes = add_file(io.BytesIO(small[0]), self._sink, self._profile), {path: small[1]}
            self._tick(small[1])
        else:
            with _Joined(files, self._tick) as stream:
                made = self._add(stream, sum(file.size for file in files.values() if isinstance(file, File)))
                sizes = stream.sizes
        sealed = _Sealed(made.cid, sum(sizes.values()), made.size, made.dag_size)
        self._done[path] = [str(sealed.cid), sealed.plain, sealed.size, sealed.dag_size]
        return sealed, sizes

    def _is_same(self, sealed: _Sealed, stream: _Joined, name: str) -> bool:
        """Whether an age file is here whole, and opens to just these bytes."""
        reader = Reader(cast(BlockSource, self._sink))
        try:
            node = reader.file(sealed.cid)
            age = AgeFile(partial(reader.cat, node), node.size, self._identity, name)
            copy = io.BufferedReader(stream, _PIECE)
            return all(copy.read(len(piece)) == piece for piece in age.read(0, age.size)) and not copy.read(1)
        except ContentError:
            return False

    def _add(self, stream: io.RawIOBase, size: int) -> Added:
        encrypt = _encrypted_aside if size >= _LARGE and sys.executable else _encrypted
        # pyrage asks for 8 KiB at a time.
        with encrypt(io.BufferedReader(stream, _PIECE), self._identity.recipient) as sealed:
            return add_file(sealed, self._sink, self._profile)

    def _tick(self, count: int) -> None:
        with self._lock:
            self._count += count
            if self._progress is not None:
                self._progress(self._count)


class _Joined(io.RawIOBase):
    """Files one after another as one stream; `sizes` are the bytes that each has given."""

    def __init__(self, files: Mapping[str, File | bytes], tick: Callable[[int], None]) -> None:
        self._waiting, self._tick = deque(files.items()), tick
        self._stream: BinaryIO | io.BytesIO | None = None
        self.sizes: dict[str, int] = {}

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            if self._stream is None:
                if not self._waiting:
                    return b""
                self._path, file = self._waiting.popleft()
                self._stream = open_readable(file.path) if isinstance(file, File) else io.BytesIO(file)
                self.sizes[self._path] = 0
            data = self._stream.read(size)
            if data:
                self.sizes[self._path] += len(data)
                if not isinstance(self._stream, io.BytesIO):  # which is no file of anybody
                    self._tick(len(data))
                return data
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


@contextmanager
def _encrypted(stream: io.BufferedReader, recipient: str) -> Iterator[BinaryIO]:
    """The age file of a stream, to be read to its end; leaving raises what went wrong while it was made."""
    import pyrage

    public = pyrage.x25519.Recipient.from_str(recipient)

    read_end, write_end = os.pipe()
    _widen(write_end)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(write_end, "wb") as out:
                pyrage.encrypt_io(stream, out, [public])
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        with os.fdopen(read_end, "rb", buffering=_PIECE) as sealed:
            yield sealed
    finally:
        thread.join()  # with the reading end closed it cannot wait for anybody
    if failed:
        raise InvalidContent("content", f"it cannot be encrypted ({failed[0]})") from failed[0]


@contextmanager
def _encrypted_aside(stream: io.BufferedReader, recipient: str) -> Iterator[BinaryIO]:
    """The same by a process of its own: pyrage keeps the interpreter to itself while it works, and here is hashed
    meanwhile. It is told the public key only."""
    command = [sys.executable, "-P", "-c", _ASIDE, recipient]
    process = subprocess.Popen(
        command, bufsize=_PIECE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None and process.stdout is not None
    for pipe in (process.stdin, process.stdout):
        _widen(pipe.fileno())
    failed: list[BaseException] = []

    def feed(target: IO[bytes]) -> None:
        try:
            with target:
                while piece := stream.read(_PIECE):
                    target.write(piece)
        except BaseException as error:
            failed.append(error)
            process.kill()

    thread = threading.Thread(target=feed, args=(process.stdin,), name="age", daemon=True)
    thread.start()
    try:
        yield cast(BinaryIO, process.stdout)
    except BaseException:
        process.kill()
        raise
    finally:
        process.stdout.close()
        thread.join()
        process.wait()
    if failed:
        raise InvalidContent("content", f"it cannot be encrypted ({failed[0]})") from failed[0]
    if process.returncode != 0:
        raise InvalidContent("content", f"the process that encrypts it ended with {process.returncode}")


def _widen(pipe: int) -> None:
    """Let more than 64 KiB lie in the pipe, where the system can."""
    try:
        from fcntl import F_SETPIPE_SZ, fcntl

        fcntl(pipe, F_SETPIPE_SZ, _PIECE)
    except (ImportError, OSError):
        pass


def _files(item: File | Folder | Symlink, path: str = "") -> Iterator[tuple[str, File]]:
    """The files of a tree by their paths, in its order."""
    if isinstance(item, File):
        yield path or Path(item.path).name, item
    elif isinstance(item, Folder):
        for name, child in item.children:
            yield from _files(child, f"{path}/{name}" if path else name)
