"""A home that may be read and not written to: what is there is shown, and nothing is sent."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration.cli_support import PUBLISH, Shell
from registry import Registry
from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.signers import dev_signer
from registry.errors import BlockNotFound, ContentError, JournalError
from registry.ipfs.store import LocalStore

READING = [
    "show 1",
    "licences 1",
    "files 1",
    "history 1",
    "resolve 1",
    "access 1",
    "balance",
    "tokens",
    "cat 1 penguins.csv",
    "download 1 out",
    "verify 1",
    "ipfs fsck",
    "explain AssetNotFound",
    "publish out --name Again --type dataset --license MIT --dry-run",
    "buy 1 research --dry-run",
]
WRITING = {
    "publish out --name Again --type dataset --license MIT --yes": "ContentError",
    "buy 1 research --yes": "JournalError",
    "reprice 1 commercial 13_USD": "JournalError",
    "transfer 1 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --yes": "JournalError",
    "ipfs add out": "ContentError",
    "ipfs gc --yes": "ContentError",
}


@contextmanager
def like_anybody() -> Iterator[None]:
    """Take from this thread what lets an administrator write where nobody may; tests may run as one."""
    if os.geteuid():
        yield
        return
    if sys.platform != "linux":
        pytest.skip("an administrator writes everywhere")
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    before, held = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, before) == 0 and libc.capget(head, held) == 0
    held[0] &= ~0b1110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    assert libc.capset(head, held) == 0
    try:
        yield
    finally:
        assert libc.capset(head, before) == 0


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Nothing in the folder may be written to, by anybody."""
    inside = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in inside}
    for path in inside:
        path.chmod(modes[path] & ~0o222)
    try:
        with like_anybody():
            yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.fixture
def author(anvil: Any, tmp_path: Path) -> Shell:
    shell = Shell(anvil.url, tmp_path)
    shell.ok("deploy", "--local-dollar", "--yes")
    shell.ok(*PUBLISH, "--yes")
    return shell


def test_with_a_closed_home_all_is_read_and_nothing_is_sent(author: Shell, anvil: Any) -> None:
    before = anvil.rpc("eth_blockNumber")
    with closed(author.folder / "home"):
        for words in READING:
            author.ok(*words.split())
        for words, kind in WRITING.items():
            refused = author.refused(*(word.replace("_", " ") for word in words.split()))
            assert refused["error"] == kind and "Permission denied" in refused["message"], words
            assert "home" in refused["hint"], words
    assert anvil.rpc("eth_blockNumber") == before
    author.ok("buy", "1", "research", "--yes")


def test_an_empty_closed_home_reads_what_others_have(author: Shell, tmp_path: Path, anvil: Any) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    theirs = LocalStore(author.folder / "home" / "blocks")
    deployment = Deployment.load(author.folder / "deployments" / "1337.json")
    chain = Chain.connect(anvil.url)

    def client(**options: Any) -> Registry:
        return Registry.on(chain, signer=dev_signer(1), deployment=deployment, home=empty, **options)

    with closed(empty):
        reader = client(sources=[theirs])
        assert reader.get(1).name == "Palmer penguins" and reader.verify(1).files == 3
        assert [str(token.symbol) for token in reader.tokens] == ["ETH", "USD"]
        with pytest.raises(BlockNotFound):
            client(sources=[]).get(1)
        acts: dict[type[Exception], Callable[[], object]] = {
            JournalError: lambda: reader.buy(1, "research"),
            ContentError: lambda: reader.publish(None, name="New", type="dataset", license="MIT"),
        }
        block = chain.block().number
        for kind, act in acts.items():
            with pytest.raises(kind, match="Permission denied"):
                act()
        assert chain.block().number == block and list(empty.iterdir()) == []
    assert client(sources=[theirs]).buy(1, "research").holding.active
