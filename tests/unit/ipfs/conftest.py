"""What the tests of the content floor share: the known answers, folders to publish, and a source that may lie."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from registry.errors import BlockNotFound
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.dagpb import Link, Message, encode_message, encode_node

DATA = Path(__file__).parents[2] / "data"


class Stranger:
    """A source that hands over whatever was laid into it, hashed or not."""

    name = "a stranger"

    def __init__(self) -> None:
        self.blocks: dict[CID, bytes] = {}
        self.asked: list[CID] = []

    def get(self, cid: CID) -> bytes:
        self.asked.append(cid)
        try:
            return self.blocks[cid]
        except KeyError:
            raise BlockNotFound(cid, self.name) from None

    def put(self, cid: CID, data: bytes) -> None:
        self.blocks[cid] = data

    def block(self, data: bytes, codec: int = DAG_PB) -> CID:
        """Lay in a block under its true CID, whatever is in it."""
        cid = CID.of(data, codec=codec)
        self.blocks[cid] = data
        return cid

    def node(self, links: list[Link], message: Message) -> CID:
        return self.block(encode_node(links, encode_message(message)))


@pytest.fixture
def stranger() -> Stranger:
    return Stranger()


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "cid_vectors.json").read_text("utf-8"))
    return found


@lru_cache(maxsize=2)
def pattern(size: int) -> bytes:
    """The content of the known answers."""
    count = size // 32 + 1
    return b"".join(hashlib.sha256(b"registry-cid-vector-%d" % n).digest() for n in range(count))[:size]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder from paths and contents; None makes a folder."""

    def make(files: dict[str, bytes | None], name: str = "content") -> Path:
        root = tmp_path / name
        root.mkdir()
        for path, content in files.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                place.mkdir(exist_ok=True)
            else:
                place.write_bytes(content)
        return root

    return make


@pytest.fixture
def as_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Do without the right to read everything, which root has and which would hide an unreadable file.

    Run it from within `tmp_path` with relative paths: the folders above may be closed to others.
    """
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)

    @contextmanager
    def drop() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop
