"""Merkle trees as OpenZeppelin's JavaScript library StandardMerkleTree builds and its contracts check them.

A leaf is keccak(keccak(abi.encode(values))): hashed twice, no inner node can pass for one. Leaves are sorted. The tree
is complete and kept in one list with the root at 0, the children of node i at 2i+1 and 2i+2, and the sorted leaves from
the end backwards. A parent is keccak of its two children, the lesser first, so a proof needs no sides.
(github.com/OpenZeppelin/merkle-tree, version 1.0.8; the Python packages of this kind are unmaintained.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from eth_hash.auto import keccak

from registry.errors import InputError


def leaf_of(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Return the leaf of some values of Solidity `types`."""
    return keccak(keccak(encode(types, values)))


def root_from(leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Return the root that a proof (sibling hashes from the leaf up) leads to."""
    node = leaf
    for sibling in proof:
        node = _parent(node, sibling)
    return node


class MerkleTree:
    """The tree over some leaves, in any order; raises `InputError` for none, or for one that is there twice."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        ordered = sorted(leaves)
        if not ordered:
            raise InputError("A Merkle tree has at least one leaf.", hint="Add an entry to the list.")
        if len(set(ordered)) != len(ordered):
            raise InputError("Two entries of the list are the same.", hint="Join them, or change one.")
        count = len(ordered)
        self._nodes = [b""] * (count - 1) + ordered[::-1]
        for index in reversed(range(count - 1)):
            self._nodes[index] = _parent(self._nodes[2 * index + 1], self._nodes[2 * index + 2])
        self._place = {leaf: 2 * count - 2 - number for number, leaf in enumerate(ordered)}

    @property
    def root(self) -> bytes:
        """The 32 bytes that go on chain."""
        return self._nodes[0]

    def proof(self, leaf: bytes) -> tuple[bytes, ...]:
        """Return the proof of a leaf; raises `InputError` if the tree has none such."""
        if leaf not in self._place:
            raise InputError(f"The tree has no leaf 0x{leaf.hex()}.", hint="It is made of other entries.")
        index, proof = self._place[leaf], []
        while index:
            proof.append(self._nodes[index + 1 if index % 2 else index - 1])
            index = (index - 1) // 2
        return tuple(proof)


def _parent(one: bytes, other: bytes) -> bytes:
    return keccak(min(one, other) + max(one, other))
