"""The tree of a collection is OpenZeppelin's, and its pages hold the proof of every item."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from registry.collections import Manifest, Packing
from registry.collections.layout import PROFILE, depth_of, leaf_of_item, pages, tree_size
from registry.documents.merkle import MerkleTree, leaf_of, root_from
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import add_tree

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "collection_vectors.json").read_text())


def digest(index: int) -> bytes:
    return sha256(f"item {index}".encode()).digest()


def tree_of(size: int) -> MerkleTree:
    return MerkleTree(leaf_of_item(index, digest(index)) for index in range(size))


@pytest.mark.parametrize("vector", VECTORS["trees"], ids=lambda vector: f"{vector['size']} leaves")
def test_root_nodes_and_proofs_are_those_of_the_library_that_the_contracts_follow(vector: dict, tmp_path: Path) -> None:
    tree, size = tree_of(vector["size"]), vector["size"]
    assert "0x" + tree.root.hex() == vector["root"]
    nodes = "".join("0x" + bytes(tree.nodes[at : at + 32]).hex() for at in range(0, len(tree.nodes), 32))
    assert sha256(nodes.encode()).hexdigest() == vector["nodes"]
    with Packing(tmp_path / "packing") as packing:
        for index in range(size):
            packing.add(f"item {index}".encode())
        root = packing.finish()
        store = MemoryStore()
        manifest = Manifest(add_tree(packing.manifest, store, PROFILE).cid, root, size, store)
    assert "0x" + root.hex() == vector["root"]
    for index, proof in vector["proofs"].items():
        assert ["0x" + node.hex() for node in tree.proof(leaf_of_item(int(index), digest(int(index))))] == proof
        assert ["0x" + node.hex() for node in manifest.listed(int(index)).proof] == proof


def test_a_leaf_is_that_of_the_contract() -> None:
    for index in (0, 1, 2**32 - 1):
        assert leaf_of_item(index, digest(index)) == leaf_of(("uint256", "bytes32"), (index, digest(index)))


# Around the sizes where a tree gets a level, or a page, more.
@pytest.mark.parametrize("size", [*range(1, 18), 63, 64, 65, 127, 128, 129, 200, 255, 256, 257, 300])
def test_every_item_of_a_tree_of_any_size_is_proven_by_its_pages(size: int, tmp_path: Path) -> None:
    tree = tree_of(size)
    assert sum(map(len, pages(tree))) == tree_size(size)
    with Packing(tmp_path / "packing") as packing:
        for index in range(size):
            packing.add(f"item {index}".encode())
        assert packing.finish() == tree.root
        store = MemoryStore()
        manifest = Manifest(add_tree(packing.manifest, store, PROFILE).cid, tree.root, size, store)
    for index in range(size):
        listed = manifest.listed(index)
        assert listed.proof == tree.proof(listed.leaf)
        assert root_from(listed.leaf, listed.proof) == tree.root
        assert manifest.document(index) == f"item {index}".encode()
    assert list(manifest.verify())[-1] == size


def test_a_page_lies_in_one_chunk_whatever_the_size_of_the_tree() -> None:
    from registry.collections.layout import page_of

    for size in (2, 3, 1_000, 10**6, 2**20, 2**20 + 1, 2**32 - 1):
        depth, leaf = depth_of(size), size
        for level in range(0, depth, 7):
            page = page_of(leaf >> leaf.bit_length() - 1 - level, depth)
            assert page.start // PROFILE.chunk == (page.start + page.size - 1) // PROFILE.chunk
            assert page.start + page.size <= tree_size(size)
