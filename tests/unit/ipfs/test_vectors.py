"""Known answers: the CIDs that Kubo, Helia, js-ipfs and others give, and the official fixtures of IPIP-499."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import ChaCha20

from registry.ipfs.cid import CID, JSON, RAW
from registry.ipfs.profiles import PROFILES
from registry.ipfs.store import MemoryStore, NullSink
from registry.ipfs.unixfs import add_file, add_tree, cat, compute_cid, ls, resolve

from .support import DATA, pattern

VECTORS: dict[str, Any] = json.loads((DATA / "cid_vectors.json").read_text("utf-8"))
ALPHABET = "abcdefghijklmnopqrstuvwxyz01234567890-_"
SHARDED = {  # files, length of a name, length of the last, seed
    "v0_dir_basic": (4096, 30, 30, "hamt-unixfs-v0-2015"),
    "v0_dir_hamt": (4033, 31, 31, "hamt-unixfs-v0-2015"),
    "v1_dir_basic": (4766, 11, 21, "hamt-unixfs-v1-2025"),
    "v1_dir_hamt": (4766, 11, 22, "hamt-unixfs-v1-2025"),
}


class Keystream(io.RawIOBase):
    """The bytes that a seed makes (IPIP-499): ChaCha20 under sha256(seed), a nonce of zeros."""

    def __init__(self, size: int, seed: str) -> None:
        self.left = size
        self.cipher = ChaCha20.new(key=hashlib.sha256(seed.encode()).digest(), nonce=bytes(12))

    def read(self, size: int = -1) -> bytes:
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        return self.cipher.encrypt(bytes(size))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {"dir": tmp_path_factory.mktemp("dir"), "emptydir": tmp_path_factory.mktemp("emptydir")}
    (made["dir"] / "sub").mkdir()
    content = {"a.txt": b"alpha\n", "b.bin": pattern(262145), "empty": b"", "été.txt": b"utf8\n"}
    for name, data in {**content, "sub/c.txt": b"charlie\n"}.items():
        (made["dir"] / name).write_bytes(data)
    for label, (count, length, last, seed) in SHARDED.items():
        made[label] = tmp_path_factory.mktemp(label)
        stream = Keystream((count - 1) * length + last, seed)
        for index in range(count):
            drawn = stream.read(last if index == count - 1 else length)
            (made[label] / "".join(ALPHABET[byte % 39] for byte in drawn)).write_bytes(b"x")
    return made


@pytest.mark.parametrize(
    "profile", [PROFILES[name] for name in VECTORS["vectors"][0]["cids"]], ids=lambda one: one.name
)
@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_the_known_answer_comes_out(vector: dict[str, Any], profile: Any, folders: dict[str, Path]) -> None:
    known = vector["cids"][profile.name]
    store = MemoryStore()
    if vector["size"] is None:
        path = folders[vector["name"]]
        added = add_tree(path, store, profile, allow_empty=True)
        if vector["name"] not in SHARDED:  # which the official fixtures compute
            assert compute_cid(path, profile, allow_empty=True) == added.cid
        names = sorted((entry.name for entry in path.iterdir()), key=os.fsencode)
        assert [entry.path for entry in ls(added.cid, store)] == names
        for name in names[:: max(1, len(names) // 20)]:
            child = resolve(added.cid, name, store)
            if (path / name).is_file():
                assert b"".join(cat(child, store)) == (path / name).read_bytes()
    else:
        content = b"hello world\n" if vector["name"] == "hello" else pattern(vector["size"])
        added = add_file(io.BytesIO(content), store, profile)
        assert added.size == len(content)
        assert b"".join(cat(added.cid, store)) == content
    assert (str(added.cid), added.dag_size, added.blocks) == (known["cid"], known["dag_size"], known["blocks"])


CASES = [
    pytest.param(profile, case, cid, id=f"{profile}-{case.split(':')[0]}")
    for profile, cases in VECTORS["ipip499"]["cases"].items()
    for case, cid in cases.items()
]


@pytest.mark.parametrize(("profile", "case", "cid"), CASES)
def test_an_official_fixture_comes_out(profile: str, case: str, cid: str, folders: dict[str, Path]) -> None:
    label, generator = case.split(": ", 1)
    if label.startswith("dir-"):
        kind = f"{'v0' if 'v0' in profile else 'v1'}_{label.replace('-', '_')}"
        assert str(compute_cid(folders[kind], PROFILES[profile])) == cid
        return
    drawn = re.fullmatch(r'bytes\((\d+), "(.*)"\)', generator)
    if drawn and int(drawn[1]) >= 2**30 and not os.environ.get("DEEP"):
        pytest.skip("a gibibyte: set DEEP=1")
    stream = Keystream(int(drawn[1]), drawn[2]) if drawn else io.BytesIO(b"hello world")
    assert str(add_file(stream, NullSink(), PROFILES[profile]).cid) == cid  # type: ignore[arg-type]


def test_a_document_has_the_cid_that_others_give_it() -> None:
    documents = VECTORS["json_documents"]
    block = documents["jcs_utf8"].encode()
    assert str(CID.raw(block)) == documents["raw(0x55) of JCS bytes"]
    assert str(CID.of(block, codec=JSON)) == documents["json(0x0200) of JCS bytes"]
    assert str(CID.from_digest(hashlib.sha256(block).digest(), RAW)) == documents["raw(0x55) of JCS bytes"]
