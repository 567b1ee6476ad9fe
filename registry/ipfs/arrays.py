"""Arrays in chunks (Zarr version 3) on ``ipfs://``: written once, then read in shuffled batches for training.

>>> cid = write_arrays({"image": images, "label": labels})                                  # doctest: +SKIP
>>> for batch in Batches(open_arrays(f"ipfs://{cid}"), size=64, seed=7, epoch=0):           # doctest: +SKIP
...     train(batch["image"], batch["label"])

Each chunk is one file, so a reader fetches the chunks of its rows and no others, and every block of them is hashed.
Needs the extra ``arrays``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fsspec import url_to_fs
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

from registry.errors import InputError, LimitExceeded, NotAFolder
from registry.ipfs.cid import CID
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.importer import Added
from registry.ipfs.prefetch import ahead
from registry.ipfs.staging import NEW

try:
    import numpy as np
    import zarr
    from zarr.storage import FsspecStore
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"Arrays need {error.name}, which is not installed. Run: pip install 'asset-registry[arrays]'", name=error.name
    ) from error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Batches", "open_arrays", "read_rows", "write_arrays"]

Progress = Callable[[str, int, int], None]

_CHUNK: Final = 1 << 20
"""Bytes of a chunk unless the writer says otherwise: one block of IPFS."""


_LARGEST: Final = 1 << 30
"""Bytes of the largest chunk that is read: what a stranger's array states costs memory before a byte of it is here."""


def write_arrays(
    arrays: Mapping[str, ArrayLike],
    *,
    fs: IPFSFileSystem | None = None,
    rows: int | None = None,
    attributes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> CID:
    """Write arrays of equally many rows as one group, and return its CID; the store pins it.

    `rows` is how many rows a chunk has, in every array the same; by default as many of the widest array as make about
    1 MiB. `options` go to zarr's ``create_array`` (``compressors``, ``filters``, ``dtype``, ...). Whatever can be
    sliced is written chunk by chunk, so it may be larger than the memory. `progress` is called with the rows done.

    Raises `InputError` for arrays that do not fit together, and the errors of the store.
    """
    return write_group(arrays, fs=fs, rows=rows, attributes=attributes, progress=progress, **options).cid


def write_group(
    arrays: Mapping[str, ArrayLike],
    *,
    fs: IPFSFileSystem | None = None,
    rows: int | None = None,
    attributes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Added:
    """`write_arrays` for whoever wants to know sizes and files, too. Raises what that raises, and `InputError`."""
    fs = IPFSFileSystem() if fs is None else fs
    sources: dict[str, Any] = {
        name: array if hasattr(array, "shape") else np.asarray(array) for name, array in arrays.items()
    }
    lengths = {name: source.shape[0] if source.shape else 0 for name, source in sources.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise InputError(
            f"Arrays of these numbers of rows make no batches: {lengths}.",
            hint="Pass arrays of equally many rows, at least one.",
        )
    count = next(iter(sources.values())).shape[0]
    widest = max(math.prod(source.shape[1:]) * np.dtype(source.dtype).itemsize for source in sources.values())
    step = rows if rows is not None else max(1, _CHUNK // max(widest, 1))
    if step < 1:
        raise InputError(f"A chunk of {step} rows holds nothing.", hint="Write rows=1 or more.")
    with fs.transaction as tx:
        group = zarr.open_group(_store(fs, NEW, read_only=False), mode="w")
        group.attrs.update(dict(attributes or {}))
        for name, source in sources.items():
            chunks = (max(1, min(step, count)), *(max(1, length) for length in source.shape[1:]))
            made = group.create_array(name, shape=source.shape, **{"dtype": source.dtype, "chunks": chunks, **options})
            for start in range(0, count, step):
                made[start : start + step] = source[start : start + step]
                if progress is not None:
                    progress(f"writing {name}", min(start + step, count), count)
    added: Added = tx.added
    return added


def open_arrays(url: str | CID, **options: Any) -> zarr.Group:
    """Open a group for reading, by its URL (``ipfs://``, ``asset://``) or CID; `options` are those of the file system.

    Nothing but its metadata is fetched. Raises the errors of the file system, `NotAFolder`, and `InputError` for a
    folder that is no group.
    """
    fs, path = url_to_fs(f"ipfs://{url}" if isinstance(url, CID) else url, **options)
    if not fs.isdir(path):
        raise NotAFolder(str(url), fs.info(path)["type"])
    try:
        return zarr.open_group(_store(fs, path, read_only=True), mode="r")
    except FileNotFoundError as error:
        raise InputError(f"{url} is no group of arrays.", hint="It would hold a zarr.json.") from error


def _store(fs: Any, path: str, *, read_only: bool) -> FsspecStore:
    return FsspecStore(AsyncFileSystemWrapper(fs, asynchronous=True), path=path, read_only=read_only)


def read_rows(
    array: zarr.Array[Any], rows: Sequence[int] | NDArray[np.integer[Any]], *, prefetch: int = 4
) -> NDArray[Any]:
    """The rows of these numbers, in their order, repeats included; each chunk that they touch is fetched once.

    `prefetch` chunks are under way at the same time. Raises `InputError` for a number out of range, `LimitExceeded` for
    chunks over 1 GiB, and the errors of the file system.
    """
    wanted = np.asarray(rows, dtype=np.int64)
    if wanted.ndim != 1 or (wanted.size and (wanted.min() < 0 or wanted.max() >= array.shape[0])):
        raise InputError(
            f"The rows are not numbers from 0 to {array.shape[0] - 1}.", hint="Pass a list of such numbers."
        )
    step = _rows_of_a_chunk(array)
    out = np.empty((wanted.size, *array.shape[1:]), dtype=array.dtype)
    if not wanted.size:
        return out
    order = np.argsort(wanted, kind="stable")
    chunks, starts = np.unique(wanted[order] // step, return_index=True)
    parts = np.split(order, starts[1:])
    for chunk, part, data in zip(chunks, parts, ahead(lambda n: _chunk(array, n, step), chunks, prefetch), strict=True):
        out[part] = data[wanted[part] - chunk * step]
    return out


def _rows_of_a_chunk(array: zarr.Array[Any]) -> int:
    """Rows that are fetched together: those of a chunk, since the chunks of a shard can be read one by one."""
    size = math.prod(array.chunks) * array.dtype.itemsize
    if size > _LARGEST:
        raise LimitExceeded(f"The size of a chunk of {array.path} in bytes", size, _LARGEST)
    return int(array.chunks[0])


def _chunk(array: zarr.Array[Any], number: int, step: int) -> NDArray[Any]:
    data: NDArray[Any] = array[int(number) * step : (int(number) + 1) * step]  # type: ignore[assignment]
    return data


class Batches:
    """Shuffled mini-batches of the rows of a group's arrays, for one epoch of training.

    ========== =====================================================================================
    size       rows of a batch
    names      arrays to read, by default all that the group holds itself
    seed       with the same seed, epoch and parameters the order is the same on every machine
    epoch      its number; each has another order
    window     chunks that rows are drawn from at the same time; 1 shuffles within a chunk only, as many as
               there are over all rows. So many chunks of each array are in memory, and as many are fetched ahead
    shuffle    False for the rows in their order
    drop_last  leave out the last batch if it is shorter
    progress   called with what is read, the rows done, and all rows
    ========== =====================================================================================

    Chunks are drawn in a random order, and rows in a random order out of `window` chunks, so each chunk is fetched once
    an epoch, in the background while the last ones are used. Whoever stops early fetches no further. Raises
    `InputError`, and `LimitExceeded` for chunks over 1 GiB; while reading, the errors of the file system.
    """

    def __init__(
        self,
        group: zarr.Group | Mapping[str, zarr.Array[Any]],
        size: int,
        *,
        names: Sequence[str] | None = None,
        seed: int = 0,
        epoch: int = 0,
        window: int = 8,
        shuffle: bool = True,
        drop_last: bool = False,
        progress: Progress | None = None,
    ) -> None:
        known = dict(group.arrays()) if isinstance(group, zarr.Group) else dict(group)
        missing = [name for name in names or () if name not in known]
        if missing or not known:
            raise InputError(f"There is no array {missing or ''}.", hint=f"There are: {', '.join(known) or 'none'}.")
        self.arrays: Final = {name: known[name] for name in (names or sorted(known))}
        lengths = {name: array.shape[0] if array.shape else 0 for name, array in self.arrays.items()}
        if len(set(lengths.values())) != 1:
            raise InputError(f"The arrays have different numbers of rows: {lengths}.", hint="Choose some with names=.")
        if size < 1 or window < 1:
            raise InputError(f"A size of {size} and a window of {window} give no batches.", hint="Both are 1 or more.")
        self.rows: Final = next(iter(lengths.values()))
        self.size, self.seed, self.epoch, self.window = size, seed, epoch, window
        self.shuffle, self.drop_last, self.progress = shuffle, drop_last, progress
        # The coarsest chunks decide, so that of no array a chunk is read twice.
        self._step: Final = max(_rows_of_a_chunk(array) for array in self.arrays.values())

    def __len__(self) -> int:
        """How many batches there are."""
        return self.rows // self.size if self.drop_last else math.ceil(self.rows / self.size)

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        """Each batch: for each array its rows, the same ones in the same order."""
        held: dict[str, NDArray[Any]] | None = None
        done = 0
        for drawn in self._drawn():
            held = drawn if held is None else {name: np.concatenate([held[name], drawn[name]]) for name in drawn}
            count = len(next(iter(held.values())))
            whole = count - count % self.size
            for start in range(0, whole, self.size):
                done += self.size
                self._tick(done)
                yield {name: rows[start : start + self.size] for name, rows in held.items()}
            held = {name: rows[whole:] for name, rows in held.items()}
        if held is not None and len(next(iter(held.values()))) and not self.drop_last:
            self._tick(self.rows)
            yield held

    def _drawn(self) -> Iterator[dict[str, NDArray[Any]]]:
        """The rows of `window` chunks after the other, mixed among themselves."""
        chance = np.random.Generator(np.random.PCG64([self.seed, self.epoch]))
        chunks = np.arange(math.ceil(self.rows / self._step))
        if self.shuffle:
            chance.shuffle(chunks)
        read = ahead(self._read, chunks.tolist(), max(self.window, 2))
        try:
            for start in range(0, len(chunks), self.window):
                parts = [next(read) for _ in chunks[start : start + self.window]]
                rows = {name: np.concatenate([part[name] for part in parts]) for name in self.arrays}
                if self.shuffle:
                    order = chance.permutation(len(next(iter(rows.values()))))
                    rows = {name: array[order] for name, array in rows.items()}
                yield rows
        finally:
            read.close()  # type: ignore[attr-defined]

    def _read(self, number: int) -> dict[str, NDArray[Any]]:
        return {name: _chunk(array, number, self._step) for name, array in self.arrays.items()}

    def _tick(self, done: int) -> None:
        if self.progress is not None:
            self.progress("reading batches", min(done, self.rows), self.rows)
