// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title LeafLib: leaves of Merkle trees, as OpenZeppelin's StandardMerkleTree has them.
library LeafLib {
    /// @notice The leaf of an entry.
    /// @dev Hashed twice, so that no inner node of the tree can pass for a leaf.
    /// @param entry The entry's fields as `abi.encode` has them.
    /// @return The leaf.
    function leaf(bytes memory entry) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(entry)));
    }
}
