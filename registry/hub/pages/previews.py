"""Previews of files, made in the sandbox by `registry.hub.pages.peek` and kept by the CID of what they show."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from registry.errors import ContentError, RegistryError, RunFailed, SandboxUnavailable
from registry.ipfs.blocks import BlockSource
from registry.ipfs.cid import CID
from registry.ipfs.reader import cat
from registry.ipfs.store import fetch
from registry.sandbox import Limits, Tier, call
from registry.system.turns import end_turn

__all__ = ["AUDIO", "FilePreview", "Previews", "kind_of_file"]

MIB: Final = 2**20

_KINDS: Final[dict[str, tuple[str, int]]] = {
    **dict.fromkeys(("csv", "tsv"), ("table", MIB // 4)),
    **dict.fromkeys(("json", "geojson", "jsonl"), ("tree", 2 * MIB)),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp"), ("image", 16 * MIB)),
    **dict.fromkeys(("wav", "mp3", "ogg", "flac"), ("audio", 8 * MIB)),
    **dict.fromkeys(("md", "markdown"), ("markdown", MIB // 4)),
    **dict.fromkeys(
        ("txt", "py", "r", "toml", "yaml", "yml", "ini", "sh", "sql", "rst", "svg", "html"), ("text", MIB // 4)
    ),
    **dict.fromkeys(("js", "css", "c", "h", "rs", "go", "java", "jl", "xml", "log", "cff", "bib"), ("text", MIB // 4)),
    "ipynb": ("notebook", 4 * MIB),
    "parquet": ("parquet", 32 * MIB),
}
"""By the ending of a file: how it is shown, and the most bytes that are read for it."""

_BEGINNING: Final = frozenset({"table", "text", "markdown"})
"""What is shown of a file's beginning; the others are read whole or not at all."""

AUDIO: Final = {
    "audio/wav": (b"RIFF",),
    "audio/mpeg": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "audio/ogg": (b"OggS",),
    "audio/flac": (b"fLaC",),
}
"""How the sounds begin that are handed on as they are."""

LIMITS: Final = Limits(seconds=20, memory=768 * MIB, processes=16, output=MIB, scratch=16 * MIB)

KEPT: Final = 64 * MIB
"""Bytes of previews that are kept."""

AGAIN: Final = 30.0
"""Seconds after which content that could not be reached is looked for again."""

WAITING: Final = 64
"""Previews that may wait to be made."""


@dataclass(frozen=True, slots=True)
class FilePreview:
    """What is shown of a file: `data` as the function of `kind` gave it, or `why` there is nothing; `making` while it
    is not done yet; another look is worth it from second `until` on, of the monotonic clock."""

    kind: str
    data: Any = None
    why: str = ""
    making: bool = False
    until: float = float("inf")

    @property
    def size(self) -> int:
        """About so many bytes of memory."""
        return len(self.data) if isinstance(self.data, bytes) else len(str(self.data))


def kind_of_file(path: str) -> str:
    """How a file is shown, by its name; "" if it is not."""
    name = path.rpartition("/")[2].lower()
    if name in ("license", "licence", "readme", "makefile", "dockerfile", "citation"):
        return "text"
    return _KINDS.get(name.rpartition(".")[2] if "." in name else "", ("", 0))[0]


class Previews:
    """Makes and keeps previews of what is in a store; a few at the same time, and nobody waits for one longer than
    `patience` seconds."""

    def __init__(self, source: BlockSource, *, patience: float = 4.0) -> None:
        self._source = source
        self._patience = patience
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="preview")
        self._rooms = threading.Semaphore(2)
        self._waiters = threading.Semaphore(8)
        self._guard = threading.Lock()
        self._made: OrderedDict[Any, FilePreview] = OrderedDict()
        self._size = 0
        self._under_way: dict[Any, Future[FilePreview]] = {}

    def of_file(self, path: str, cid: CID, size: int, *, base: str, names: Sequence[str]) -> FilePreview:
        """What is shown of a file; `base` and `names` are as `peek.markdown` takes them."""
        kind = kind_of_file(path)
        if not kind:
            return FilePreview("", why="There is no preview of this kind of file.")
        most = _KINDS.get(path.rpartition(".")[2].lower(), ("", MIB // 4))[1]
        if size > most and kind not in _BEGINNING:
            return FilePreview(kind, why=f"It has more than the {most // MIB} MiB up to which it is shown here.")
        more: tuple[Any, ...] = {
            "markdown": (base, list(names)),
            "notebook": (base, list(names)),
            "table": (path,),
        }.get(kind, ())
        read = min(size, most)
        return self._of((cid, kind, base if more else ""), kind, lambda: [self._fetched(cid, read)], more)

    def of_text(self, text: str, *, base: str = "") -> FilePreview:
        """Markdown that is no file."""
        data = text.encode("utf-8", "replace")
        key = (hashlib.sha256(data).digest(), base)
        return self._of(key, "markdown", lambda: [data], (base, []))

    def of_block(self, cid: CID, *, base: str = "") -> FilePreview:
        """Markdown in a raw block, as reasons and bodies are."""
        return self._of((cid, "words", base), "markdown", lambda: [fetch(cid, self._source)[: MIB // 16]], (base, []))

    def block(self, cid: CID) -> FilePreview:
        """A raw block as it is, verified: its bytes are `data`."""
        return self._block(cid)

    def blocks(self, cids: Sequence[CID]) -> list[FilePreview]:
        """Several raw blocks, fetched side by side within one patience."""
        until = time.monotonic() + self._patience
        for cid in cids:
            self._block(cid, patience=0)
        return [self._block(cid, patience=until - time.monotonic()) for cid in cids]

    def _block(self, cid: CID, patience: float | None = None) -> FilePreview:
        return self._of((cid, "block"), "block", lambda: [fetch(cid, self._source)], (), patience=patience)

    def changes(self, old: CID, new: CID) -> FilePreview:
        """What differs between two texts."""
        return self._of((old, new), "changes", lambda: [self._fetched(one, MIB // 8) for one in (old, new)], ())

    def _of(
        self,
        key: Any,
        kind: str,
        read: Callable[[], list[bytes]],
        more: tuple[Any, ...],
        *,
        patience: float | None = None,
    ) -> FilePreview:
        with self._guard:
            made = self._made.get(key)
            if made is not None and made.until > time.monotonic():
                self._made.move_to_end(key)
                return made
            future = self._under_way.get(key)
            if future is None:
                if len(self._under_way) >= WAITING:
                    return FilePreview(kind, making=True)
                future = self._workers.submit(self._make, key, kind, read, more)
                self._under_way[key] = future
        if not self._waiters.acquire(blocking=False):
            return FilePreview(kind, making=True)
        end_turn()
        try:
            return future.result(self._patience if patience is None else max(0.0, patience))
        except NotYet:
            return FilePreview(kind, making=True)
        finally:
            self._waiters.release()

    def _make(self, key: Any, kind: str, read: Callable[[], list[bytes]], more: tuple[Any, ...]) -> FilePreview:
        made = FilePreview(kind, why="It could not be shown.", until=time.monotonic() + AGAIN)
        try:
            made = self._peeked(kind, read(), more)
        except SandboxUnavailable as error:
            made = FilePreview(
                kind, why=f"No previews are made here: {error.message}", until=time.monotonic() + 10 * AGAIN
            )
        except RunFailed:
            made = FilePreview(kind, why="It cannot be shown: it is not what its name says, or takes more than it may.")
        except ContentError:
            made = FilePreview(kind, why="Its content cannot be reached just now.", until=time.monotonic() + AGAIN)
        except RegistryError as error:
            made = FilePreview(kind, why=f"It cannot be shown: {error.message}", until=time.monotonic() + AGAIN)
        finally:
            with self._guard:
                self._keep(key, made)
                del self._under_way[key]
        return made

    def _keep(self, key: Any, made: FilePreview) -> None:
        old = self._made.pop(key, None)
        self._made[key] = made
        self._size += made.size - (old.size if old is not None else 0)
        while self._size > KEPT:
            self._size -= self._made.popitem(last=False)[1].size

    def _peeked(self, kind: str, texts: list[bytes], more: tuple[Any, ...]) -> FilePreview:
        data = texts[0]
        if kind == "block":
            return FilePreview(kind, data)
        if kind == "audio":
            media = next((one for one, heads in AUDIO.items() if data.startswith(heads)), "")
            return (
                FilePreview(kind, (media, data)) if media else FilePreview(kind, why="It does not begin like a sound.")
            )
        with self._rooms, tempfile.TemporaryDirectory(prefix="registry-preview-") as folder:
            places = [Path(folder) / str(number) for number in range(len(texts))]
            for place, text in zip(places, texts, strict=True):
                place.write_bytes(text)
            found = call(f"registry.hub.pages.peek:{kind}", *places, *more, limits=LIMITS, least=Tier.PROCESS)
        return FilePreview(kind, found)

    def _fetched(self, cid: CID, most: int) -> bytes:
        data = bytearray()
        for piece in cat(cid, self._source, 0, most):
            data += piece
        return bytes(data)

    def stop(self) -> None:
        """Make no more."""
        self._workers.shutdown(wait=False, cancel_futures=True)
