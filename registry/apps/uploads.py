"""What visitors store with an app: a file at a time, as it is and without its name, in the space that the app gives."""

from __future__ import annotations

import binascii
import codecs
import io
import logging
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, BinaryIO, Final

from registry.errors import ContentError, InputError, RegistryError
from registry.ipfs.blocks import BlockStore, NullSink, keep, writing
from registry.ipfs.cid import CID
from registry.ipfs.importer import add_file
from registry.system.throttle import Throttle
from registry.text.html import Shown

__all__ = ["A_DAY", "KEPT", "MOST", "StoredFile", "UploadSpace", "kind_of"]

MOST: Final = 16 * 2**20
"""Bytes of one file, if the app does not say how many."""

A_DAY: Final = 2**30
"""Bytes that all visitors of an app store in a day, if it does not say how many."""

KEPT: Final = "Whoever runs this app keeps it, pays for the space, and may stop."
"""What visitors are told of that, if the app does not say more."""

PIN: Final = "stored by a visitor of an app"
"""The name of every pin: what a file was called, and by whom, is written nowhere."""

_HEAD: Final = 4096
_KINDS: Final = (
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF.{4}WEBP", "image/webp"),
    (rb"%PDF-", "application/pdf"),
    (rb"PAR1", "application/vnd.apache.parquet"),
    (rb"ARROW1", "application/vnd.apache.arrow.file"),
    (rb"SQLite format 3\0", "application/vnd.sqlite3"),
    (rb"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (rb"\x93NUMPY", "application/x-npy"),
    (rb".{8}\{\"", "application/x-safetensors"),
    (rb"\x80[\x02-\x05]", "application/x-pickle"),
    (rb"PK\x03\x04", "application/zip"),
    (rb"\x1f\x8b", "application/gzip"),
    (rb"\x28\xb5\x2f\xfd", "application/zstd"),
    (rb"\x7fELF|MZ|\xcf\xfa\xed\xfe", "application/x-executable"),
    (rb"(?i:\s*<(!doctype html|html|script|body|svg))", "text/html"),
)
_BEGINS: Final = tuple((re.compile(pattern, re.DOTALL), kind) for pattern, kind in _KINDS)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredFile(Shown):
    """A file that a visitor gave: its `cid`, `size` in bytes, and `kind`, the type that its first bytes show."""

    cid: CID
    size: int
    kind: str

    @property
    def url(self) -> str:
        """Where to read it."""
        return f"ipfs://{self.cid}"

    def in_words(self) -> str:
        """What it is."""
        return f"{self.size:,} bytes, {self.kind}"

    def offered(self, kept: str) -> str:
        """What a visitor reads before they store it; `kept` is what the app says of keeping it."""
        return f"{self.in_words()}. Whoever knows this CID may read it, for ever. Its name is not kept. {kept}"


class UploadSpace:
    """The space of an app: `most` bytes for a file, `a_day` for those of all visitors within a day, as long as this
    process runs; `kinds` are the types that may be stored, none for any.

    Raises `InputError` for limits that allow nothing.
    """

    def __init__(
        self, most: int, a_day: int, kinds: Collection[str] = (), *, clock: Callable[[], float] = monotonic
    ) -> None:
        if not 0 < most <= a_day:
            raise InputError(
                f"{most:,} bytes for a file and {a_day:,} a day store nothing.",
                hint="Give `most` more than nothing, and `a_day` no less than `most`.",
            )
        self.most: Final = most
        self.kinds: Final = frozenset(kinds)
        self._day = Throttle(a_day / 86_400, a_day, clock=clock)
        self._lock = threading.Lock()

    def look(self, file: BinaryIO) -> StoredFile:
        """What a file is, with nothing stored. Raises `InputError` for one that may not be."""
        size = file.seek(0, 2)
        if size > self.most:
            raise InputError(f"The file has {size:,} bytes.", hint=f"The app takes up to {self.most:,}.")
        file.seek(0)
        kind = kind_of(file.read(_HEAD))
        if self.kinds and kind not in self.kinds:
            raise InputError(
                f"By its first bytes the file is {kind}.", hint=f"The app takes {', '.join(sorted(self.kinds))}."
            )
        file.seek(0)
        return StoredFile(add_file(file, NullSink()).cid, size, kind)

    def sent(self, said: Mapping[str, Any]) -> BinaryIO:
        """The file that a page sends in base64. Raises `InputError` for what is none, or too large to be decoded."""
        data = said.get("data")
        if not isinstance(data, str) or len(data) > self.most * 4 // 3 + 4:
            raise InputError(
                "The page sent no file that the app takes.", hint=f"The app takes up to {self.most:,} bytes."
            )
        try:
            return io.BytesIO(binascii.a2b_base64(data.encode("ascii"), strict_mode=True))
        except ValueError:
            raise InputError("The page sent something else than a file.", hint="Choose it again.") from None

    def keep(self, file: BinaryIO, store: BlockStore) -> StoredFile:
        """Store a file and pin it. Raises as `look` does, and `ContentError` where the day's space is used up, or where
        the store fails: how it did stands in the log, since where an app has its disk is not for its visitors."""
        found = self.look(file)
        file.seek(0)
        try:
            later = 0 if store.has(found.cid) else self._taken(found.size)
            if not later:
                with writing(store):
                    keep(store, {add_file(file, store).cid: PIN})
        except (RegistryError, OSError):
            _log.exception("a visitor's file of %d bytes could not be stored", found.size)
            raise ContentError(
                "The app could not store the file.", hint="Tell whoever runs it; its log says why."
            ) from None
        if later:
            raise ContentError(
                "The space that this app gives in a day is used up.", hint=f"Try again in {later:,} seconds."
            )
        return found

    def _taken(self, size: int) -> int:
        """0 if there was space, else after how many seconds there is."""
        with self._lock:
            return self._day.take("", size)


def kind_of(head: bytes) -> str:
    """The media type that the first bytes of a file show, whatever it is called: `application/octet-stream` if they
    show none."""
    for pattern, kind in _BEGINS:
        if pattern.match(head):
            return kind
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < _HEAD)
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if "\0" in text or not text else "text/plain"
