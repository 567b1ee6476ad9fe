"""A Deep Lake data set in a folder, at one of its versions: the bytes of the folder, or its columns as arrays.

The package ``deeplake`` reads it. It is no dependency: whoever imports from Deep Lake has it, in version 4.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from registry.errors import ImportFailed, InputError, SourceNotFound
from registry.imports.card import Card, clean, shortened
from registry.imports.listing import Origin, SourceFile, SourceListing
from registry.text.letters import one_line

if TYPE_CHECKING:
    from registry.imports.fetching import Progress
    from registry.ipfs.blocks import BlockStore
    from registry.ipfs.importer import Added

__all__ = ["DeepLake", "DeepLakeArrays", "Form"]

Form = Literal["bytes", "arrays"]
"""What becomes of a data set: the folder as it is, with all its versions, or the rows of one version as arrays."""

_PIECE: Final = 2**20
_CHUNK: Final = 2**20
_WORDS: Final = 256
"""Bytes that a text is reckoned to have, where chunks of about 1 MiB are wanted."""


class DeepLake:
    """``PATH@VERSION``: the id of a version or a tag; without one, the newest version. Raises `InputError`."""

    def __init__(self, text: str) -> None:
        path, at, self._wanted = text.rpartition("@") if "@" in text.rpartition("/")[2] else (text, "", "")
        self._folder = Path(path)
        if "://" in path or not self._folder.is_dir() or (at and not self._wanted):
            raise InputError(
                f"{text[:200]!r} is no data set of Deep Lake on this machine.",
                hint="It looks like deeplake:./folder, or deeplake:./folder@VERSION; deeplake.copy brings one here.",
            )
        self._name = f"deeplake:{clean(self._folder.resolve().name)}"
        self._whole, self._data, self.version = self._opened()

    def close(self) -> None:
        """Let go of the data set."""
        del self._whole, self._data

    def _opened(self) -> tuple[Any, Any, str]:
        """The data set, it at the version that was asked for, and the id of that.

        Raises `ImportFailed` where ``deeplake`` is missing or cannot read it, and `SourceNotFound` for no such version.
        """
        try:
            lake = import_module("deeplake")
        except ModuleNotFoundError:
            raise ImportFailed(
                self._name, "the package 'deeplake' is not installed", hint="Run: pip install 'deeplake>=4.7'"
            ) from None
        if not hasattr(lake, "open_read_only"):
            raise ImportFailed(self._name, "deeplake 3 is installed", hint="Run: pip install 'deeplake>=4.7'")
        try:
            whole = lake.open_read_only(str(self._folder))
            version = whole.tags[self._wanted].version if self._wanted in whole.tags.names() else self._wanted
            ids = [whole.history[number].id for number in range(len(whole.history))]
            if version and version not in ids:
                raise SourceNotFound(self._name, f"it has no version and no tag {version[:80]!r}")
            data = whole.history[version].open() if version else whole
            return whole, data, version or ids[-1]
        except ImportFailed:
            raise
        except Exception as error:  # deeplake has some eighty kinds, which inherit nothing in common
            raise ImportFailed(
                self._name,
                f"deeplake says {one_line(str(error), 300).strip()!r}",
                hint="One of Deep Lake 3 is converted first: deeplake.convert(old, new).",
            ) from None

    def listing(self) -> SourceListing:
        """The files of the folder; locks, and what is no file, are left out. Nobody promised a hash of them."""
        files, left_out = [], []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = Path(folder) / name
                about, inside = path.lstat(), path.relative_to(self._folder).as_posix()
                if name.endswith(".lock") or not stat.S_ISREG(about.st_mode):
                    left_out.append(inside)
                else:
                    files.append(SourceFile(inside, about.st_size))
        told = f"the folder has all versions; the one that is named is opened by .history[{self.version!r}].open()"
        return self._listing(tuple(files), tuple(sorted(left_out)), told)

    def _listing(self, files: tuple[SourceFile, ...], left_out: tuple[str, ...], told: str) -> SourceListing:
        title, words = (clean(str(getattr(self._whole, name, None) or "")) for name in ("name", "description"))
        card = Card(title=title[:100], summary=shortened(words))
        origin = Origin(kind="deeplake", repository=self._name.partition(":")[2], revision=self.version)
        return SourceListing(
            origin=origin, type="dataset", files=files, left_out=left_out, card=card, notes=(told,) if told else ()
        )

    def body(self, file: SourceFile, offset: int) -> Iterator[bytes]:
        """The bytes of a file. Raises `ImportFailed` for one that is no longer there."""
        try:
            handle = os.open(self._folder / file.path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise ImportFailed(self._name, f"its file {file.path!r} cannot be read: {error.strerror}") from error
        with os.fdopen(handle, "rb") as stream:
            stream.seek(offset)
            while piece := stream.read(_PIECE):
                yield piece

    def licence_url(self, link: str) -> str:
        """Nothing: it has no card."""
        return ""


class DeepLakeArrays(DeepLake):
    """The rows of a version as arrays, one for each column; the same rows give the same CID on any machine."""

    def listing(self) -> SourceListing:
        """The columns that can be arrays: numbers and truth values of one shape in all rows, and texts.

        Raises `SourceNotFound` without rows, and `ImportFailed` without such columns."""
        names = [column.name for column in self._data.schema.columns]
        if not len(self._data):
            raise SourceNotFound(self._name, "it has no rows")
        taken = [name for name in names if _Column.of(self._name, self._data, name) is not None]
        if not taken:
            raise ImportFailed(self._name, "none of its columns is one of numbers or of texts", hint="Take --as bytes.")
        left_out = tuple(sorted(set(names) - set(taken)))
        return self._listing(tuple(SourceFile(name, -1) for name in taken), left_out, "")

    def body(self, file: SourceFile, offset: int) -> Iterator[bytes]:
        """Nothing: arrays are written at once. Raises `InputError`."""
        raise InputError(
            "Arrays are not encrypted while they are written.", hint="Import with --as bytes, or publish the arrays."
        )

    def write(self, listing: SourceListing, store: BlockStore, progress: Progress) -> Added:
        """Write the columns of a listing into a store as a group of arrays, and pin it.

        Raises `ImportFailed` for rows of several shapes, and the errors of the store."""
        from registry.ipfs.arrays import write_group
        from registry.ipfs.fs import IPFSFileSystem

        columns: dict[str, Any] = {}
        for file in sorted(listing.files, key=lambda file: file.path.encode()):
            column = _Column.of(self._name, self._data, file.path)
            assert column is not None, "it was listed"
            columns[file.path] = column
        widest = max(column.row for column in columns.values())
        fs = IPFSFileSystem(store=store, skip_instance_cache=True)

        def tell(what: str, done: int, total: int) -> None:
            progress(f"{what} of {listing.origin.name}", done, total)

        return write_group(columns, fs=fs, rows=max(1, _CHUNK // widest), progress=tell)


class _Column:
    """A column as `write_arrays` takes it: `shape` and `dtype` are those of its first row."""

    def __init__(self, name: str, source: str, column: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self._name, self._source, self._column = name, source, column
        self.shape, self.dtype = shape, dtype

    @classmethod
    def of(cls, source: str, data: Any, name: str) -> _Column | None:
        """A column of a data set, None for one that cannot be an array."""
        import numpy as np

        first = data[name][0]
        if isinstance(first, str):
            return cls(name, source, data[name], (len(data),), str)
        if not isinstance(first, np.ndarray) or first.dtype.kind not in "biufc":
            return None
        if str(getattr(data.schema[name], "dtype", "")).startswith("sequence"):
            return None
        return cls(name, source, data[name], (len(data), *first.shape), first.dtype)

    @property
    def row(self) -> int:
        """Bytes of a row, about."""
        import numpy as np

        return _WORDS if self.dtype is str else max(1, int(np.prod(self.shape[1:])) * int(self.dtype.itemsize))

    def __getitem__(self, rows: slice) -> Any:
        import numpy as np

        values = self._column[rows.start : min(rows.stop, self.shape[0])]
        if self.dtype is str:
            if any(not isinstance(value, str) for value in values):
                raise self._odd("has rows that are no text")
            return np.array(values, dtype=object)
        if isinstance(values, list) and len({np.shape(value) for value in values}) != 1:
            raise self._odd("has rows of several shapes")
        made = np.asarray(values)
        if made.shape[1:] != self.shape[1:] or made.dtype != self.dtype:
            raise self._odd("has rows of several shapes")
        return made

    def _odd(self, what: str) -> ImportFailed:
        return ImportFailed(
            self._source,
            f"its column {self._name!r} {what}",
            hint="Take --as bytes, or name the other columns with --include.",
        )
