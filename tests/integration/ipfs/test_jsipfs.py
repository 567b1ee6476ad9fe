"""js-ipfs, a second implementation of Kubo's RPC, takes our archives and gives back the same blocks.

It is large and optional: `make test-jsipfs` installs it and runs this.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.errors import ContentError, Unavailable
from registry.ipfs.car import CarReader, write_car
from registry.ipfs.cid import CID, DAG_CBOR
from registry.ipfs.copy import copy
from registry.ipfs.dag import encode
from registry.ipfs.kubo import KuboRPC
from registry.ipfs.profiles import KUBO_V1, UNIXFS_V0_2015, UNIXFS_V1_2025, Profile
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.unixfs import add_file, add_tree, cat, compute_cid, export

PLACE = Path(__file__).parents[2] / "jsipfs"

pytestmark = pytest.mark.skipif(
    not (PLACE / "node_modules" / "ipfs-daemon").is_dir(), reason="js-ipfs is optional: make test-jsipfs"
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboRPC]:
    process = subprocess.Popen(
        ["node", str(PLACE / "start.mjs"), str(tmp_path_factory.mktemp("jsipfs"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield KuboRPC(process.stdout.readline().strip(), deadline=20)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    (root / "sub").mkdir()
    (root / "large.bin").write_bytes(b"0123456789abcdef" * 200_000)
    (root / "sub" / "été.txt").write_bytes(b"utf8\n")
    (root / "empty").write_bytes(b"")
    return root


def test_it_says_what_it_is(node: KuboRPC) -> None:
    assert node.version()
    assert node.offers("dag/import") and not node.offers("pin/remote/ls")


@pytest.mark.parametrize("profile", [UNIXFS_V1_2025, UNIXFS_V0_2015, KUBO_V1], ids=lambda profile: profile.name)
def test_it_takes_our_archive_and_exports_the_same_blocks(
    node: KuboRPC, tree: Path, profile: Profile, tmp_path: Path
) -> None:
    source, back = MemoryStore(), LocalStore(tmp_path / "back", durable=False)
    root = add_tree(tree, source, profile).cid
    node.upload(root, source)
    assert root.v1() in set(node.pins())
    assert copy(root, node, back).blocks == len(source)
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_car(root, source, ours)
    write_car(root, back, theirs)
    assert list(CarReader(io.BytesIO(theirs.getvalue()))) == list(CarReader(io.BytesIO(ours.getvalue())))
    export(root, node, tmp_path / "exported")
    assert compute_cid(tmp_path / "exported", profile) == root


def test_it_is_a_store_of_blocks(node: KuboRPC) -> None:
    block = b"a block by itself"
    cid = CID.raw(block)
    impatient = KuboRPC(node.url, deadline=2)
    for ask in (impatient.has, impatient.get):  # it asks its peers in either case, and has none
        with pytest.raises(Unavailable, match=r"timed out|within"):
            ask(cid)
    node.put(cid, block)
    assert node.has(cid) and node.get(cid) == block
    document = encode({"link": cid})
    node.put(CID.of(document, codec=DAG_CBOR), document)
    assert node.get(CID.of(document, codec=DAG_CBOR)) == document


def test_it_adds_files_to_the_cid_that_was_computed(node: KuboRPC, tree: Path) -> None:
    for path in (tree / "large.bin", tree / "sub" / "été.txt", tree / "sub"):
        for profile in (UNIXFS_V0_2015, KUBO_V1):
            assert node.add(path, profile).cid == compute_cid(path, profile)


def test_it_pins_and_unpins(node: KuboRPC) -> None:
    source = MemoryStore()
    root = add_file(io.BytesIO(b"pin me" * 1000), source).cid
    node.upload(root, source, pin=False)
    assert root not in set(node.pins())
    node.pin(root)
    assert root in set(node.pins())
    node.unpin(root)
    assert root not in set(node.pins())
    with pytest.raises(ContentError):
        node.unpin(root)
    assert b"".join(cat(root, node)) == b"pin me" * 1000
