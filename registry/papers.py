"""Small files that people hand to each other: written whole or not at all, read within bounds."""

from __future__ import annotations

import os
import tempfile
from codecs import BOM_UTF8
from pathlib import Path

from registry.errors import InputError

__all__ = ["load", "save", "write_whole"]


def write_whole(target: Path, data: bytes) -> None:
    """Write a file in a folder that exists, so that whoever looks sees all of it or what was there before.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def save(path: str | Path, name: str, data: bytes) -> Path:
    """Write a line to a file, or into a folder under `name`, and return where. Raises `InputError` if it cannot be."""
    target = Path(path)
    if target.is_dir():
        target = target / name
    try:
        write_whole(target, data + b"\n")
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    return target


def load(path: str | Path, most: int) -> bytes:
    """Read a file that `save` wrote, up to one byte more than `most`, by which its reader knows that it is too long.

    What mail and editors on Windows put around a text is taken off: a mark of its encoding, another end of the line.
    Raises `InputError` if there is none.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(most + len(BOM_UTF8) + 3)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check the name of the file.") from error
    return data.removeprefix(BOM_UTF8).removesuffix(b"\n").removesuffix(b"\r")
