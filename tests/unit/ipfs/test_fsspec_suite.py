"""fsspec's own tests for whoever writes a file system, on what a transaction writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fsspec.tests import abstract

from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.store import MemoryStore


class WithinATransaction(abstract.AbstractFixtures):
    """A new file system for each test, with a transaction open."""

    @pytest.fixture
    def fs(self) -> Iterator[IPFSFileSystem]:
        fs = IPFSFileSystem(store=MemoryStore(), skip_instance_cache=True)
        transaction = fs.transaction
        transaction.start()
        yield fs
        transaction.complete(commit=False)

    @pytest.fixture
    def fs_path(self) -> str:
        return "new/it"

    @pytest.fixture
    def fs_join(self) -> object:
        return lambda *names: "/".join(names)


class TestCopy(abstract.AbstractCopyTests, WithinATransaction):
    """Files and folders from one place to another."""


class TestGet(abstract.AbstractGetTests, WithinATransaction):
    """To the disk."""


class TestPut(abstract.AbstractPutTests, WithinATransaction):
    """From the disk."""


class TestOpen(abstract.AbstractOpenTests, WithinATransaction):
    """One file after another."""


class TestPipe(abstract.AbstractPipeTests, WithinATransaction):
    """Bytes into a file."""
