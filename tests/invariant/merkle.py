"""The Merkle tree of a collection, written out: leaves hashed twice, pairs hashed in ascending order."""

from __future__ import annotations

from collections.abc import Sequence

from eth_abi import encode
from eth_utils import keccak


def leaf(index: int, digest: bytes) -> bytes:
    """The leaf of an item."""
    return keccak(keccak(encode(("uint256", "bytes32"), (index, digest))))


def pair(one: bytes, other: bytes) -> bytes:
    """The node above two others."""
    return keccak(min(one, other) + max(one, other))


def levels(digests: Sequence[bytes]) -> list[list[bytes]]:
    """All nodes, from the leaves to the root; a node without a partner stands in the next level, too."""
    rows = [[leaf(index, digest) for index, digest in enumerate(digests)]]
    while len(rows[-1]) > 1:
        below = rows[-1]
        rows.append([pair(*below[i : i + 2]) if i + 1 < len(below) else below[i] for i in range(0, len(below), 2)])
    return rows


def root(digests: Sequence[bytes]) -> bytes:
    """The root of the tree."""
    return levels(digests)[-1][0]


def proof(digests: Sequence[bytes], index: int) -> list[bytes]:
    """The nodes beside the way from an item to the root."""
    found = []
    for row in levels(digests)[:-1]:
        if (beside := index ^ 1) < len(row):
            found.append(row[beside])
        index //= 2
    return found
