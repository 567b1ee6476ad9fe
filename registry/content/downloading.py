"""Downloading a part of an asset, or into a copy that is there: what is right stays, what is missing comes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.content.atomic_folder import beside
from registry.errors import ContentError, FileNotInAsset, InputError, RegistryError, WouldOverwrite

if TYPE_CHECKING:
    from registry.content.plain import ContentShelf
    from registry.ipfs.unixfs import FileEntry
    from registry.results import Asset
    from registry.session import Session

PIECE: Final = 1 << 16
"""Bytes read at once."""

PART: Final = ".part"
"""How the name of a file ends that is not whole yet."""


def chosen(files: Sequence[FileEntry], globs: Sequence[str]) -> tuple[FileEntry, ...]:
    """The files whose paths are like one of `globs`, in which ``*`` stands for anything, slashes too; all without any.

    Raises `FileNotInAsset` for one that none is like.
    """
    for glob in globs:
        if not any(fnmatchcase(file.path, glob) for file in files):
            raise FileNotInAsset(glob, [file.path for file in files])
    return tuple(file for file in files if not globs or any(fnmatchcase(file.path, glob) for glob in globs))


class PartialDownload:
    """Writes some files of an asset below a folder, through whatever opens them."""

    def __init__(self, session: Session, shelf: ContentShelf, found: Asset, files: Sequence[FileEntry]) -> None:
        self._session, self._shelf, self._found, self._files = session, shelf, found, files
        self._total, self._done = sum(file.size for file in files), 0

    def to(self, target: str | PathLike[str]) -> None:
        """Into a new folder: all of it, or nothing. Raises `InputError` for a target that is taken."""
        with beside(Path(target), self._session.home) as staging:
            for file in self._files:
                self._write(file, _place(staging, file))

    def into(self, target: str | PathLike[str]) -> None:
        """Into a folder that is there. Files that are what they should be stay, and nothing is overwritten.

        Raises `WouldOverwrite` for a file of other content, before anything is written, and `ContentError`.
        """
        folder, missing = Path(target), []
        for file in self._files:
            place = _place(folder, file)
            if not os.path.lexists(place):
                missing.append((file, place))
            elif not self._is_here(file, place):
                raise WouldOverwrite(place)
        for file, place in missing:
            whole = place.with_name(f"{place.name[:64]}{PART}")
            try:
                whole.unlink(missing_ok=True)
                self._write(file, whole)
                os.link(whole, place)  # unlike a renaming, it takes no other file's place
            except OSError as error:
                if isinstance(error, RegistryError):
                    raise
                raise ContentError(
                    f"{str(place)!r} could not be written: {error.strerror}.",
                    hint="Check the free space, the permissions and the names; run it again, and it goes on.",
                ) from error
            finally:
                whole.unlink(missing_ok=True)

    def _write(self, file: FileEntry, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        with self._shelf.open(self._found, file.path) as source, place.open("xb") as out:
            while piece := source.read(PIECE):
                out.write(piece)
                self._tell(len(piece))

    def _is_here(self, file: FileEntry, place: Path) -> bool:
        """Whether a file on the disk is what the asset has there, byte for byte."""
        if not place.is_file() or place.is_symlink():
            return False
        with self._shelf.open(self._found, file.path) as source, place.open("rb") as here:
            while piece := source.read(PIECE):
                if here.read(len(piece)) != piece:
                    return False
                self._tell(len(piece))
            return not here.read(1)

    def _tell(self, count: int) -> None:
        self._done += count
        self._session.progress(f"downloading {self._found.name}", min(self._done, self._total), self._total)


def _place(folder: Path, file: FileEntry) -> Path:
    """Where a file goes. Raises `InputError` where a link of the folder would lead it elsewhere."""
    place = folder.joinpath(*(file.path or folder.name).split("/"))
    root = os.path.realpath(folder)
    if os.path.commonpath((root, os.path.realpath(place.parent))) != root:
        raise InputError(f"{str(place)!r} would be outside of {str(folder)!r}.", hint="Name a folder without links.")
    return place
