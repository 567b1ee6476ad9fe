"""Files and folders as content-addressed blocks, both ways: the names that most of the package needs from here."""

from __future__ import annotations

from registry.ipfs.exporter import export
from registry.ipfs.importer import Added, FileEntry, add_file, add_tree, compute_cid
from registry.ipfs.reader import Entry, cat, ls, resolve, stat, walk
from registry.ipfs.scan import content_size

__all__ = [
    "Added",
    "Entry",
    "FileEntry",
    "add_file",
    "add_tree",
    "cat",
    "compute_cid",
    "content_size",
    "export",
    "ls",
    "resolve",
    "stat",
    "walk",
]
