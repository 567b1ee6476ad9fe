"""Merkle trees as OpenZeppelin's JavaScript library StandardMerkleTree builds and its contracts check them.

A leaf is keccak(keccak(abi.encode(values))): hashed twice, no inner node can pass for one. Leaves are sorted. The tree
is complete and kept in one list with the root at 0, the children of node i at 2i+1 and 2i+2, and the sorted leaves from
the end backwards. A parent is keccak of its two children, the lesser first, so a proof needs no sides.
(github.com/OpenZeppelin/merkle-tree, version 1.0.8; the Python packages of this kind are unmaintained.)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from eth_abi.abi import encode
from eth_hash.auto import keccak

from registry.errors import InputError

HASH: Final = 32
"""Bytes of a node."""


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
    """The tree over some leaves, in any order; raises `InputError` for none, or for one that is there twice.

    It takes 64 bytes a leaf, and while it is made 110 more, so that a million leaves fit into 170 MB.
    """

    def __init__(self, leaves: Iterable[bytes]) -> None:
        ordered = sorted(leaves)
        if not ordered:
            raise InputError("A Merkle tree has at least one leaf.", hint="Add an entry to the list.")
        if any(one == other for one, other in pairwise(ordered)):
            raise InputError("Two entries of the list are the same.", hint="Join them, or change one.")
        self.count: Final = len(ordered)
        ordered.reverse()
        nodes = bytearray(HASH * (self.count - 1)) + b"".join(ordered)
        del ordered
        for index in reversed(range(self.count - 1)):
            below = HASH * (2 * index + 1)
            one, other = bytes(nodes[below : below + HASH]), bytes(nodes[below + HASH : below + 2 * HASH])
            nodes[HASH * index : HASH * (index + 1)] = _parent(one, other)
        self.nodes: Final = nodes
        """All nodes, the root first."""

    @property
    def root(self) -> bytes:
        """The 32 bytes that go on chain."""
        return self._node(0)

    def rank(self, leaf: bytes) -> int:
        """Return how many leaves are less than this one; raises `InputError` if the tree has none such."""
        last = 2 * self.count - 2
        found = bisect_left(range(self.count), leaf, key=lambda rank: self._node(last - rank))
        if found == self.count or self._node(last - found) != leaf:
            raise InputError(f"The tree has no leaf 0x{leaf.hex()}.", hint="It is made of other entries.")
        return found

    def proof(self, leaf: bytes) -> tuple[bytes, ...]:
        """Return the proof of a leaf; raises `InputError` if the tree has none such."""
        index, proof = 2 * self.count - 2 - self.rank(leaf), []
        while index:
            proof.append(self._node(index + 1 if index % 2 else index - 1))
            index = (index - 1) // 2
        return tuple(proof)

    def _node(self, index: int) -> bytes:
        return bytes(self.nodes[HASH * index : HASH * (index + 1)])


def _parent(one: bytes, other: bytes) -> bytes:
    return keccak(one + other if one < other else other + one)
