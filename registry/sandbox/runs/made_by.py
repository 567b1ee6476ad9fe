"""What a document says of the run that made its asset."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any

from registry.errors import InputError
from registry.ipfs.store import NullSink
from registry.ipfs.unixfs import add_tree
from registry.sandbox.runs.record import RunRecord

__all__ = ["made_by"]


def made_by(
    record: RunRecord, path: str | PathLike[str] | None, parents: Iterable[Any] = ()
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """The fields of a document, and its parents, for content at `path` that a run made: what the run was made from
    comes first among them.

    Raises `InputError` if no file of the content is an output of the run: the record would prove nothing of it.
    """
    made = {output.cid for output in record.outputs}
    files = add_tree(path, NullSink()).files if path is not None else ()
    if not any(file.cid in made for file in files):
        raise InputError(
            f"None of the files at {str(path)!r} is what the run of {record.code.name!r} made.",
            hint="Publish the folder of its outputs, or one with at least one of them.",
        )
    known = list(record.parents)
    return {"made_by": record.cid}, (*known, *(parent for parent in parents if str(parent) not in known))
